// SPDX-License-Identifier: Apache-2.0
// Damaged captures through everything that reads captures.
//
//   capture_fuzz [--runs N] [--seconds S] [--first-run K] [--seed S] CAPTURE...
//
// Run K takes a capture, damages it in a way that depends on the seed and K alone, and
// feeds it in pieces of odd sizes to the inspection, the conversion and the path
// matcher. Built with ASan and UBSan, so reading a byte too far ends the program, as
// does a leak at its end. A run that takes longer than the limit counts as a hang.
// Beyond "nothing breaks": what a conversion writes is a whole capture with as many
// packets as it says.
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "emu/core/wire/convert.h"
#include "emu/core/wire/inspector.h"
#include "emu/core/wire/path.h"

namespace {

using namespace emu::wire;
using Bytes = std::vector<std::uint8_t>;

constexpr unsigned kHangSeconds = 20;

/// SplitMix64: one number of state, no luck with libraries.
struct Random {
  std::uint64_t state;
  std::uint64_t next() {
    std::uint64_t z = (state += 0x9E3779B97F4A7C15ULL);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
  }
  std::size_t below(std::size_t n) { return n == 0 ? 0 : static_cast<std::size_t>(next() % n); }
  bool one_in(std::size_t n) { return below(n) == 0; }
};

/// Numbers at which lengths, counts and signs go wrong.
constexpr std::uint32_t kEdges[] = {
    0,         1,         3,          4,          7,          8,          11,        12,
    16,        20,        28,         32,         0x7F,       0x80,       0xFF,      0x100,
    0x7FFF,    0x8000,    0xFFFF,     0x10000,    0x3FFFF,    0x40000,    0x40001,   0xFFFFFF,
    0x1000000, 0x1000004, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF0, 0xFFFFFFFC, 0xFFFFFFFF};

void store32(std::uint8_t* p, std::uint32_t v, bool big) {
  for (int i = 0; i < 4; ++i) p[i] = static_cast<std::uint8_t>(v >> (big ? 24 - 8 * i : 8 * i));
}

void damage_once(Bytes& file, const std::vector<Bytes>& corpus, Random& random) {
  if (file.empty()) return;
  const std::size_t at = random.below(file.size());
  const auto place = file.begin() + static_cast<std::ptrdiff_t>(at);
  const std::size_t rest = file.size() - at;
  const auto some = [&](std::size_t most) {
    return static_cast<std::ptrdiff_t>(1 + random.below(std::min(rest, most)));
  };
  switch (random.below(10)) {
    case 0:
      file[at] ^= static_cast<std::uint8_t>(1U << random.below(8));
      break;
    case 1:
      file[at] = static_cast<std::uint8_t>(random.next());
      break;
    case 2:
    case 3:  // a field of four bytes, most are aligned
      if (file.size() >= 8) {
        const std::size_t field = random.below(file.size() / 4 - 1) * 4;
        store32(file.data() + field, kEdges[random.below(std::size(kEdges))], random.one_in(2));
      }
      break;
    case 4:
      if (rest >= 2) {
        const std::uint32_t v = kEdges[random.below(std::size(kEdges))];
        file[at] = static_cast<std::uint8_t>(v >> 8);
        file[at + 1] = static_cast<std::uint8_t>(v);
      }
      break;
    case 5:
      file.erase(place, place + some(64));
      break;
    case 6: {
      const Bytes again(place, place + some(256));
      file.insert(file.begin() + static_cast<std::ptrdiff_t>(random.below(file.size())),
                  again.begin(), again.end());
      break;
    }
    case 7:
      file.resize(at);
      break;
    case 8: {  // goes on as another capture does
      const Bytes& other = corpus[random.below(corpus.size())];
      const std::size_t from = random.below(other.size());
      file.resize(at);
      file.insert(file.end(), other.begin() + static_cast<std::ptrdiff_t>(from), other.end());
      break;
    }
    default:
      std::fill(place, place + some(32), static_cast<std::uint8_t>(random.one_in(2) ? 0 : 0xFF));
  }
}

template <typename Reader>
void feed_in_pieces(Reader&& feed, const Bytes& file, Random& random) {
  const std::size_t most = random.one_in(3) ? 7 : random.one_in(2) ? 100 : file.size() + 1;
  for (std::size_t at = 0; at < file.size();) {
    const std::size_t n = std::min(file.size() - at, 1 + random.below(most));
    const Bytes piece(file.begin() + static_cast<std::ptrdiff_t>(at),
                      file.begin() + static_cast<std::ptrdiff_t>(at + n));
    feed(piece.data(), piece.size());
    at += n;
  }
}

[[noreturn]] void broken(const char* what) {
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

void inspect(const Bytes& file, Random& random) {
  Options options;
  options.keep_messages = random.one_in(2);
  options.keep_episodes = random.one_in(2);
  options.speed_bps = random.one_in(2) ? 0 : 400'000'000'000;
  options.mtu_bytes = random.one_in(2) ? 0 : 1500;
  Inspector inspector(options);
  feed_in_pieces([&](const auto* p, auto n) { inspector.feed(p, n); }, file, random);
  inspector.finish();
  if (inspector.parser().running()) broken("a finished inspection still reads");
  std::uint64_t packets = 0;
  for (const Flow& flow : inspector.queue_pairs().flows()) packets += flow.packets;
  if (packets > inspector.capture().packets) broken("flows hold more packets than the capture");
  inspector.queue_pairs().take_messages();
  inspector.pauses().take_episodes();
}

void convert(const Bytes& file, Random& random) {
  ConvertOptions options;
  options.format = random.one_in(2) ? Format::kPcap : Format::kPcapng;
  options.strip_payload = random.one_in(2);
  if (random.one_in(2)) options.anonymise = SipKey{1, 2, 3};
  if (random.one_in(4)) {
    options.cut.to_ps = static_cast<std::int64_t>(random.below(20'000'000));
    options.cut.hosts.push_back(Address::v4(0x0A000001));
    options.cut.keep_pause = true;
  }
  Converter converter(options);
  Bytes out;
  feed_in_pieces([&](const auto* p, auto n) { converter.feed(p, n, out); }, file, random);
  converter.finish(out);
  CaptureParser again;
  again.feed(out.data(), out.size(), [](const Record&) {});
  again.finish();
  if (again.capture().ending != Ending::kWhole) broken("a conversion wrote a damaged capture");
  if (again.capture().packets != converter.written) broken("a conversion lost packets");
}

void match(const Bytes& file, const std::vector<Bytes>& corpus, Random& random) {
  const Bytes& other = random.one_in(2) ? file : corpus[random.below(corpus.size())];
  const Bytes* files[] = {&file, &other};
  PathMatcher matcher(2, 1'000'000'000, Options{});
  std::size_t at[] = {0, 0};
  for (std::size_t p; (p = matcher.wanted()) < 2;) {
    const std::size_t n = std::min(files[p]->size() - at[p], 1 + random.below(4096));
    matcher.feed(p, files[p]->data() + at[p], n);
    at[p] += n;
    if (at[p] == files[p]->size()) matcher.finish(p);
  }
  std::uint64_t seen = 0;
  std::uint64_t passed = 0;
  for (const PathFlow& flow : matcher.flows()) {
    for (const auto& [where, tail] : flow.tails) seen += tail.packets;
  }
  for (std::size_t p = 0; p < 2; ++p) {
    for (std::size_t q = 0; q < 2; ++q) passed += matcher.hop(p, q).packets;
  }
  if (seen + passed != matcher.roce_packets(0) + matcher.roce_packets(1)) {
    broken("packets at the points are not those on the path");
  }
}

std::uint64_t current_run = 0;

void hang(int) {
  std::fprintf(stderr, "hang: run %llu takes longer than %u s\n",
               static_cast<unsigned long long>(current_run), kHangSeconds);
  std::_Exit(1);
}

Bytes read_file(const char* path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    std::fprintf(stderr, "cannot read %s\n", path);
    std::exit(2);
  }
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t runs = 10'000;
  std::uint64_t first = 0;
  std::uint64_t seed = 1;
  double seconds = 0;  // 0: as long as the runs take
  std::vector<Bytes> corpus;
  for (int i = 1; i < argc; ++i) {
    const auto value = [&] { return i + 1 < argc ? argv[++i] : "0"; };
    if (std::strcmp(argv[i], "--runs") == 0) {
      runs = std::strtoull(value(), nullptr, 10);
    } else if (std::strcmp(argv[i], "--first-run") == 0) {
      first = std::strtoull(value(), nullptr, 10);
    } else if (std::strcmp(argv[i], "--seed") == 0) {
      seed = std::strtoull(value(), nullptr, 10);
    } else if (std::strcmp(argv[i], "--seconds") == 0) {
      seconds = std::strtod(value(), nullptr);
    } else {
      corpus.push_back(read_file(argv[i]));
    }
  }
  if (corpus.empty()) {
    std::fprintf(stderr, "no capture to damage\n");
    return 2;
  }
  std::signal(SIGALRM, hang);
  const std::clock_t begun = std::clock();
  const auto used = [&] { return static_cast<double>(std::clock() - begun) / CLOCKS_PER_SEC; };
  std::uint64_t bytes = 0;
  std::uint64_t run = first;
  for (; run < first + runs && (seconds == 0 || used() < seconds); ++run) {
    current_run = run;
    Random random{seed * 0x100000001B3ULL + run};
    random.next();
    alarm(kHangSeconds);
    Bytes file = corpus[random.below(corpus.size())];
    for (std::size_t n = 1 + random.below(6); n > 0; --n) damage_once(file, corpus, random);
    bytes += file.size();
    inspect(file, random);
    convert(file, random);
    match(file, corpus, random);
  }
  alarm(0);
  std::printf(
      "%llu damaged captures, %.0f MB, seed %llu: no crash, no hang, nothing broken (%.0f s)\n",
      static_cast<unsigned long long>(run - first), static_cast<double>(bytes) / 1e6,
      static_cast<unsigned long long>(seed), used());
  return 0;
}
