// SPDX-License-Identifier: Apache-2.0
// One packet at several capture points: delays between them, where packets were lost
// and where they were marked.
//
// The captures are read side by side in the order of their clocks. A packet is known by
// what no switch changes: inner addresses and ports, queue pair, PSN, opcode. A packet
// that was sent again looks the same, so a point's packet belongs to the latest of
// equal packets that passed elsewhere before and was not yet seen here: who sends
// again waits longer than a packet is on its way.
//
// Memory is bounded: a packet is waited for at most `horizon_ps`, and of packets that
// are waited for at most kOpenMax are kept.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "dissect.h"
#include "finding.h"
#include "histogram.h"
#include "options.h"
#include "parser.h"
#include "pfc_tracker.h"

namespace emu::wire {

inline constexpr std::size_t kPathPointsMax = 8;

/// What happened between two points that packets passed one after the other.
struct PathHop {
  std::uint64_t packets = 0;
  std::uint64_t marked = 0;  // CE at the second point, not yet at the first
  DurationHistogram delay;
  Finding marked_at;  // numbers at the second point
};

/// One direction of a queue pair along its points.
struct PathFlow {
  Address src;
  Address dst;
  std::uint32_t qp = 0;
  std::uint16_t src_port = 0;
  std::array<std::uint64_t, kPathPointsMax> packets{};
  // [p][q]: so many went from p to q, nothing seen in between.
  std::array<std::array<std::uint32_t, kPathPointsMax>, kPathPointsMax> steps{};
  DurationHistogram delay;  // from the first point to the last, of packets seen at both ends

  /// Packets by where they were seen last and which points could have seen them after
  /// that; and the first of them.
  struct Tail {
    std::uint64_t packets = 0;
    Finding numbers;  // at that last point
  };
  std::map<std::pair<std::uint8_t, std::uint8_t>, Tail> tails;

  /// Points that packets of this flow go to from `p`, a bit for each.
  std::uint8_t after(std::size_t p) const {
    std::uint8_t mask = 0;
    for (std::size_t q = 0; q < kPathPointsMax; ++q) {
      if (steps[p][q] > 0) mask = static_cast<std::uint8_t>(mask | (1U << q));
    }
    return mask;
  }
};

class PathMatcher {
 public:
  static constexpr std::size_t kOpenMax = std::size_t{1} << 20;
  /// Equal packets waited for at once; more are a storm of one packet, or an attack.
  static constexpr int kEqualMax = 16;

  /// One parser for each of `points` captures, in any order of the path.
  PathMatcher(std::size_t points, std::int64_t horizon_ps, const Options& options);
  PathMatcher(const PathMatcher&) = delete;
  PathMatcher& operator=(const PathMatcher&) = delete;

  /// The point whose capture must be fed next; points() when all are finished.
  std::size_t wanted() const;
  void feed(std::size_t point, const std::uint8_t* data, std::size_t n);
  void finish(std::size_t point);
  void fail(std::size_t point, std::string why) { points_[point]->parser.fail(std::move(why)); }

  std::size_t points() const { return points_.size(); }
  const Capture& capture(std::size_t p) const { return points_[p]->parser.capture(); }
  PfcTracker& pauses(std::size_t p) { return points_[p]->pauses; }
  std::uint64_t roce_packets(std::size_t p) const { return points_[p]->roce; }
  std::uint64_t cnps(std::size_t p) const { return points_[p]->cnps; }
  std::int64_t first_ps(std::size_t p) const { return points_[p]->first_ps; }
  std::int64_t last_ps(std::size_t p) const { return points_[p]->last_ps; }
  /// Adds to a point's times to compare them with those of the others.
  std::int64_t shift_ps(std::size_t p) const { return points_[p]->shift_ps; }

  const std::vector<PathFlow>& flows() const { return flows_; }
  const PathHop& hop(std::size_t p, std::size_t q) const { return hops_[p][q]; }
  /// Packets let go early because too many were waited for.
  std::uint64_t forced() const { return forced_; }

 private:
  struct Key {
    std::uint32_t flow;
    std::uint32_t psn_opcode;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& k) const {
      const std::uint64_t v = (std::uint64_t{k.flow} << 32) | k.psn_opcode;
      return static_cast<std::size_t>((v * 0x9E3779B97F4A7C15ULL) ^ (v >> 29));
    }
  };
  struct FlowId {
    Address src;
    Address dst;
    std::uint32_t qp;
    std::uint32_t src_port;
    bool operator==(const FlowId&) const = default;
  };
  struct FlowIdHash {
    std::size_t operator()(const FlowId& k) const;
  };
  struct Sighting {
    std::int64_t time_ps;
    std::uint64_t number;
    Key key;
    bool marked;
  };
  struct Point {
    explicit Point(const Options& options) : pauses(options) {}
    CaptureParser parser;
    PfcTracker pauses;
    std::deque<Sighting> queue;
    std::uint64_t roce = 0;  // without CNPs
    std::uint64_t cnps = 0;
    std::int64_t first_ps = 0;
    std::int64_t last_ps = 0;
    std::int64_t shift_ps = 0;
    bool any = false;
    bool finished = false;
  };
  static constexpr std::uint32_t kNone = 0xFFFFFFFF;
  struct Track {
    std::array<std::int64_t, kPathPointsMax> time_ps;
    std::array<std::uint64_t, kPathPointsMax> number;
    Key key;
    std::uint32_t next = kNone;  // older one with the same key
    std::uint32_t generation = 0;
    std::uint8_t seen = 0;
    std::uint8_t marked = 0;
  };
  struct Begun {
    std::int64_t time_ps;
    std::uint32_t track;
    std::uint32_t generation;  // another one: that track has ended, and its place is in use again
  };

  void packet(std::size_t point, const Record& record);
  std::uint32_t flow_of(const Dissected& d);
  void drain();
  void see(std::size_t point, const Sighting& s);
  std::uint32_t begin_track(const Sighting& s, std::uint32_t& newest);
  void let_go_old(std::int64_t now_ps);
  void let_go(std::uint32_t track, bool at_end);
  bool is_open(const Begun& b) const { return tracks_[b.track].generation == b.generation; }
  std::uint8_t could_see(std::int64_t time_ps, std::size_t from, bool at_end) const;

  std::vector<std::unique_ptr<Point>> points_;
  Options options_;
  std::int64_t horizon_ps_;
  std::vector<PathFlow> flows_;
  std::unordered_map<FlowId, std::uint32_t, FlowIdHash> flow_index_;
  std::unordered_map<Key, std::uint32_t, KeyHash> open_;  // to the latest track
  std::vector<Track> tracks_;
  std::vector<std::uint32_t> free_;
  std::deque<Begun> order_;  // by when they began; ended ones are taken out now and then
  std::size_t open_count_ = 0;
  std::array<std::array<PathHop, kPathPointsMax>, kPathPointsMax> hops_;
  std::uint64_t forced_ = 0;
  bool has_base_ = false;
  std::int64_t base_s_ = 0;
  Dissected dissected_;
};

}  // namespace emu::wire
