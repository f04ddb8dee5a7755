// SPDX-License-Identifier: Apache-2.0
// Pauses: who stopped which priority of whom, from when to when.
//
// A PFC frame comes from the port that wants silence, so (interface, source MAC) is
// the direction. A pause lasts from an XOFF to an XON, or as long as its quanta last
// at the link's speed; an XOFF that comes before that prolongs it.
#pragma once

#include <array>
#include <cstdint>
#include <unordered_map>
#include <utility>
#include <vector>

#include "dissect.h"
#include "finding.h"
#include "histogram.h"
#include "options.h"

namespace emu::wire {

/// Priorities 0 to 7, and the whole link for a PAUSE of 802.3.
inline constexpr std::size_t kPauseClasses = 9;
inline constexpr std::uint8_t kWholeLink = 8;

enum class PauseEnd : std::uint8_t { kResumed, kExpired, kOpen, kUnknown, kCount };

inline constexpr std::array<std::string_view, 4> kPauseEndNames = {
    "resumed", "expired", "open at the end", "speed not known"};

struct PauseEpisode {
  std::int64_t start_ps = 0;
  std::int64_t end_ps = 0;
  std::uint64_t first_number = 0;
  std::uint64_t last_number = 0;
  std::uint32_t frames = 0;  // XOFF
  std::uint32_t port = 0;    // index into ports()
  std::uint16_t quanta_max = 0;
  std::uint8_t priority = 0;
  PauseEnd end = PauseEnd::kOpen;
};

/// One priority of one direction.
struct PauseState {
  std::uint64_t xoffs = 0;
  std::uint64_t xons = 0;
  std::uint64_t episodes = 0;
  std::int64_t total_ps = 0;
  std::int64_t longest_ps = 0;
  std::uint64_t longest_number = 0;
  bool paused = false;
  PauseEpisode now;
  std::int64_t until_ps = 0;
};

struct PausePort {
  std::uint32_t interface = 0;
  Mac src{};
  std::uint64_t speed_bps = 0;  // 0: not known
  std::array<PauseState, kPauseClasses> classes{};
};

class PfcTracker {
 public:
  explicit PfcTracker(const Options& options) : options_(options) {}

  void frame(const Record& record, const Dissected& d, std::uint64_t speed_bps);
  void finish(std::int64_t end_ps);

  const std::vector<PausePort>& ports() const { return ports_; }
  std::vector<PauseEpisode> take_episodes() { return std::exchange(ended_, {}); }
  std::size_t episodes_waiting() const { return ended_.size(); }

  std::array<Finding, kPauseClasses> xoffs;  // by priority
  Finding too_long;                          // pauses above the limit, by their first XOFF
  Finding empty_vector;                      // PFC frames that name no priority
  Finding reserved_bits;                     // enable vectors with bits above priority 7

 private:
  void apply(std::uint32_t port, std::uint8_t priority, std::uint16_t quanta, const Record& r);
  void expire(PauseState& state, std::int64_t now_ps);
  void end(PauseState& state, std::int64_t end_ps, PauseEnd how);

  Options options_;
  std::vector<PausePort> ports_;
  std::unordered_map<std::uint64_t, std::uint32_t> index_;  // interface and MAC
  std::vector<PauseEpisode> ended_;
};

}  // namespace emu::wire
