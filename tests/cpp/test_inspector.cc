// SPDX-License-Identifier: Apache-2.0
// The inspection as a whole, on the generated capture: what is in it comes out,
// however the bytes are cut into pieces, and damage ends it without harm.
#include <cstdint>
#include <vector>

#include "check.h"
#include "emu/core/wire/bench_capture.h"
#include "emu/core/wire/inspector.h"

using namespace emu::wire;

namespace {

std::vector<std::uint8_t> generated(std::uint32_t snap_bytes, std::size_t bytes) {
  std::vector<std::uint8_t> file(bytes);
  BenchCapture capture(64, snap_bytes, true);
  file.resize(capture.fill(file.data(), file.size()));
  return file;
}

void feed(Inspector& inspector, const std::vector<std::uint8_t>& file, std::size_t piece) {
  for (std::size_t at = 0; at < file.size(); at += piece) {
    // Exactly as large as the piece: a read beyond it is seen by the sanitizer.
    const auto end = static_cast<std::ptrdiff_t>(std::min(file.size(), at + piece));
    const std::vector<std::uint8_t> part(file.begin() + static_cast<std::ptrdiff_t>(at),
                                         file.begin() + end);
    inspector.feed(part.data(), part.size());
  }
  inspector.finish();
}

Flow sum(Inspector& inspector) {
  Flow all;
  for (const Flow& f : inspector.queue_pairs().flows()) {
    all.packets += f.packets;
    all.data_packets += f.data_packets;
    all.acks += f.acks;
    all.cnps += f.cnps;
    all.naks[kSequence] += f.naks[kSequence];
    all.repeated_packets += f.repeated_packets;
    all.out_of_order += f.out_of_order;
    all.messages_acked += f.messages_acked;
    all.data_ecn[3] += f.data_ecn[3];
  }
  return all;
}

}  // namespace

TEST(an_inspection_does_not_depend_on_how_the_file_is_cut) {
  const auto file = generated(128, 1'000'000);
  Inspector whole(Options{});
  feed(whole, file, file.size());
  CHECK(whole.capture().ending == Ending::kWhole);
  CHECK(whole.capture().packets > 5000);
  const Flow wanted = sum(whole);
  for (const std::size_t piece : {1U, 7U, 16U, 1000U, 65536U}) {
    Inspector pieces(Options{});
    feed(pieces, file, piece);
    CHECK(pieces.capture().ending == Ending::kWhole);
    CHECK_EQ(pieces.capture().packets, whole.capture().packets);
    const Flow got = sum(pieces);
    CHECK_EQ(got.packets, wanted.packets);
    CHECK_EQ(got.repeated_packets, wanted.repeated_packets);
    CHECK_EQ(got.messages_acked, wanted.messages_acked);
  }
}

TEST(the_generated_capture_is_what_it_says) {
  const auto file = generated(0, 40'000'000);
  Inspector inspector(Options{});
  feed(inspector, file, 1 << 16);
  const Totals& t = inspector.totals();
  const Flow all = sum(inspector);
  CHECK_EQ(t.icrc_wrong.count, 0U);
  CHECK_EQ(t.icrc_verified, all.packets);
  CHECK_EQ(t.ip_checksum_wrong.count, 0U);
  CHECK_EQ(t.length_wrong.count, 0U);
  CHECK(all.naks[kSequence] > 0);
  CHECK(all.repeated_packets >= 2 * all.naks[kSequence]);
  CHECK_EQ(all.out_of_order, 0U);
  CHECK_EQ(all.cnps, all.data_ecn[3]);
  CHECK(all.messages_acked > 0);
  for (const Flow& f : inspector.queue_pairs().flows()) {
    CHECK(f.peer != kNoFlow);
    CHECK(f.requests.missing().empty());
  }
  CHECK_EQ(inspector.queue_pairs().message_length.count, 0U);
}

TEST(a_cut_off_capture_says_where) {
  auto file = generated(128, 200'000);
  Inspector whole(Options{});
  feed(whole, file, file.size());
  file.resize(file.size() - 1);
  Inspector cut(Options{});
  feed(cut, file, 4096);
  CHECK(cut.capture().ending == Ending::kCutOff);
  CHECK_EQ(cut.capture().packets, whole.capture().packets - 1);
  CHECK(cut.capture().error_offset < file.size());
  CHECK(cut.capture().error_offset > file.size() - 16 - 128);
}

TEST(a_damaged_capture_does_no_harm) {
  const auto file = generated(0, 200'000);
  std::uint32_t x = 1;
  const auto random = [&x] {
    x = x * 1664525 + 1013904223;
    return x >> 8;
  };
  for (int round = 0; round < 300; ++round) {
    auto damaged = file;
    for (std::uint32_t n = 1 + random() % 40; n > 0; --n) {
      damaged[random() % damaged.size()] = static_cast<std::uint8_t>(random());
    }
    damaged.resize(random() % damaged.size());
    Options options;
    options.keep_messages = options.keep_episodes = true;
    Inspector inspector(options);
    feed(inspector, damaged, 1 + random() % 5000);
    CHECK(inspector.capture().ending != Ending::kReading);
  }
}
