// SPDX-License-Identifier: Apache-2.0
// From bytes in pieces of any size to packets.
//
// The parsers below see whole records only: what a piece cuts in two is kept here
// until the rest comes. Invariants: no more is kept than one record, whose length
// has been checked before; skipped blocks are not kept at all; every step consumes
// bytes or stops.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "bytes.h"
#include "capture.h"
#include "pcap.h"
#include "pcapng.h"

namespace emu::wire {

class CaptureParser {
 public:
  const Capture& capture() const { return capture_; }
  bool running() const { return capture_.ending == Ending::kReading; }
  std::uint64_t bytes_seen() const { return seen_; }

  /// Parses another piece; `sink(const Record&)` is called for every packet.
  template <typename Sink>
  void feed(const std::uint8_t* data, std::size_t n, Sink&& sink) {
    seen_ += n;
    while (running() && n > 0) {
      if (skip_ > 0) {
        const std::size_t step = static_cast<std::size_t>(std::min<std::uint64_t>(skip_, n));
        skip_ -= step;
        offset_ += step;
        data += step;
        n -= step;
        continue;
      }
      if (kept_.empty()) {
        const std::size_t used = run(data, n, sink);
        data += used;
        n -= used;
        if (used > 0 || !running() || skip_ > 0) continue;
        kept_.assign(data, data + n);
        return;
      }
      // Complete the kept record, no more: the pieces behind it need no copy.
      const std::size_t want = std::max<std::size_t>(need_, kept_.size() + 1);
      const std::size_t take = std::min(n, want - kept_.size());
      kept_.insert(kept_.end(), data, data + take);
      data += take;
      n -= take;
      const std::size_t used = run(kept_.data(), kept_.size(), sink);
      kept_.erase(kept_.begin(), kept_.begin() + static_cast<std::ptrdiff_t>(used));
    }
  }

  /// There is no more: says how the file ended.
  void finish() {
    if (!running()) return;
    if (kind_ == Kind::kUnknown) {
      if (seen_ == 0) {
        capture_.stop(Ending::kDamaged, 0, "the file is empty");
      } else {
        capture_.stop(Ending::kDamaged, 0, "not a capture: shorter than the first four bytes");
      }
    } else if (skip_ > 0) {
      capture_.stop(Ending::kCutOff, record_,
                    "cut off inside a block: " + std::to_string(skip_) + " bytes are missing");
    } else if (!kept_.empty() || !begun()) {
      const std::size_t got = kept_.size();
      const std::size_t missing = need_ > got ? need_ - got : 1;
      capture_.stop(Ending::kCutOff, offset_,
                    std::string("cut off inside a ") + record_name() + ": at least " +
                        std::to_string(missing) + " bytes are missing");
    } else {
      capture_.ending = Ending::kWhole;
    }
  }

  /// Something outside (decompression) failed; nothing more can come.
  void fail(std::string why) {
    if (running()) capture_.stop(Ending::kCutOff, seen_, std::move(why));
  }

 private:
  enum class Kind : std::uint8_t { kUnknown, kPcap, kPcapng };

  bool begun() const {
    return kind_ == Kind::kPcap ? pcap_.begun : kind_ == Kind::kPcapng && pcapng_.begun;
  }
  const char* record_name() const {
    if (!begun()) return kind_ == Kind::kPcap ? "file header" : "section header";
    return kind_ == Kind::kPcap ? "packet" : "block";
  }

  /// Parses whole records; returns the bytes used. Sets need_ when one is incomplete.
  template <typename Sink>
  std::size_t run(const std::uint8_t* data, std::size_t n, Sink& sink) {
    if (kind_ == Kind::kUnknown && !choose(data, n)) return 0;
    std::size_t used = 0;
    while (running() && skip_ == 0 && used < n) {
      record_ = offset_;
      Step step{};
      if (kind_ == Kind::kPcap) {
        step = pcap_.step(capture_, data + used, n - used, offset_, sink);
      } else {
        step = pcapng_.step(capture_, data + used, n - used, offset_, sink);
      }
      if (step.need > 0) {
        need_ = step.need;
        break;
      }
      used += step.used;
      offset_ += step.used;
      skip_ = step.skip;
    }
    // What the sink keeps for later points into these bytes.
    if constexpr (requires { sink.flush(); }) sink.flush();
    return used;
  }

  bool choose(const std::uint8_t* data, std::size_t n) {
    need_ = 4;
    if (n < 4) return false;
    if (load_be32(data) == kPcapngSectionHeader) {
      kind_ = Kind::kPcapng;
      capture_.format = "pcapng";
    } else if (Pcap::known(load_be32(data))) {
      kind_ = Kind::kPcap;
      capture_.format = "pcap";
    } else {
      char hex[9];
      std::snprintf(hex, sizeof hex, "%08x", load_be32(data));
      const std::string variant =
          Pcap::unsupported(load_be32(data)) ? " (a pcap variant with longer packet headers)" : "";
      capture_.stop(Ending::kDamaged, 0,
                    std::string("neither pcap nor pcapng: it begins with ") + hex + variant);
      return false;
    }
    return true;
  }

  Capture capture_;
  Pcap pcap_;
  Pcapng pcapng_;
  Kind kind_ = Kind::kUnknown;
  std::vector<std::uint8_t> kept_;
  std::size_t need_ = 4;      // bytes that the record begun at offset_ has at least
  std::uint64_t skip_ = 0;    // bytes of a block that nobody wants
  std::uint64_t offset_ = 0;  // of the next unparsed byte
  std::uint64_t record_ = 0;  // where the record begins that is read or skipped
  std::uint64_t seen_ = 0;
};

}  // namespace emu::wire
