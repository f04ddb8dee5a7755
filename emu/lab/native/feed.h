// SPDX-License-Identifier: Apache-2.0
// Live counters of a run, for other processes to look at: one file in memory
// that is written in place.
//
// Layout, little endian, 8-byte words: header (Header), then for each port and
// priority a Row. A reader takes `version` before and after: equal and even
// means that what it read belongs together.
#pragma once

#include <cstdint>
#include <string>

#include "emu/core/engine.h"
#include "emu/lab/native/traffic_manager.h"

namespace emu::lab {

class Feed {
 public:
  struct Header {
    std::uint64_t magic;  // "EMUFEED1"
    std::uint64_t version;
    std::int64_t fabric_ps;
    std::int64_t wall_ns;  // CLOCK_MONOTONIC
    std::uint64_t ports;
    std::uint64_t unfinished;
    std::uint64_t packets;  // given to pipelines
    std::uint64_t late;
    std::uint64_t lost;
    std::int64_t late_ps_max;
    std::int64_t slipped_ns;
    std::int64_t held_ns;
    std::uint64_t turnaround_p50_ns;
    std::uint64_t turnaround_p99_ns;
    std::uint64_t control_frames;
    std::uint64_t foreign_frames;
  };
  struct Row {
    std::uint64_t tx_packets;
    std::uint64_t tx_bytes;
    std::int64_t queue_bytes;
    std::uint64_t ecn_marked_packets;
    std::uint64_t pfc_tx_frames;
    std::uint64_t pfc_rx_frames;
    std::int64_t paused_ps;
    std::uint64_t drops_packets;  // of the port, on priority 0
  };
  static constexpr std::uint64_t kMagic = 0x3144454546554D45;

  /// Throws std::runtime_error when the file cannot be made.
  Feed(const std::string& path, const Engine& engine);
  ~Feed();
  Feed(const Feed&) = delete;
  Feed& operator=(const Feed&) = delete;
  void write(const TrafficManager& manager, std::int64_t wall_ns);

 private:
  const Engine& engine_;
  std::uint8_t* bytes_ = nullptr;
  std::size_t size_ = 0;
};
static_assert(sizeof(Feed::Header) == 128 && sizeof(Feed::Row) == 64);

}  // namespace emu::lab
