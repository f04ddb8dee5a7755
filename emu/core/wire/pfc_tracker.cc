// SPDX-License-Identifier: Apache-2.0
#include "pfc_tracker.h"

#include <algorithm>
#include <limits>

#include "timestamp.h"

namespace emu::wire {

namespace {

constexpr std::int64_t kForever = std::numeric_limits<std::int64_t>::max();

/// Time of so many quanta (512 bits each), rounded up: a pause never ends early.
std::int64_t quanta_ps(std::uint16_t quanta, std::uint64_t speed_bps) {
  const Int128 bits = static_cast<Int128>(quanta) * kQuantumBits;
  const auto rate = static_cast<Int128>(speed_bps);
  return static_cast<std::int64_t>((bits * kPsPerSecond + rate - 1) / rate);
}

}  // namespace

void PfcTracker::frame(const Record& r, const Dissected& d, std::uint64_t speed_bps) {
  std::uint64_t key = r.interface;
  for (const std::uint8_t byte : d.src_mac) key = (key << 8) | byte;
  const auto [at, fresh] = index_.try_emplace(key, static_cast<std::uint32_t>(ports_.size()));
  if (fresh) {
    PausePort& port = ports_.emplace_back();
    port.interface = r.interface;
    port.src = d.src_mac;
    port.speed_bps = speed_bps;
  }
  if (d.has(Dissected::kPauseFrame)) {
    apply(at->second, kWholeLink, d.pfc.quanta[0], r);
    return;
  }
  if ((d.pfc.enabled & 0xFF) == 0) empty_vector.add(r.number);
  if ((d.pfc.enabled & 0xFF00) != 0) reserved_bits.add(r.number);
  for (unsigned p = 0; p < 8; ++p) {
    if (d.pfc.enables(p)) apply(at->second, static_cast<std::uint8_t>(p), d.pfc.quanta[p], r);
  }
}

void PfcTracker::apply(std::uint32_t port, std::uint8_t priority, std::uint16_t quanta,
                       const Record& r) {
  PauseState& s = ports_[port].classes[priority];
  const std::uint64_t speed = ports_[port].speed_bps;
  expire(s, r.time_ps);
  if (quanta == 0) {
    ++s.xons;
    if (s.paused) {
      s.now.last_number = r.number;
      end(s, r.time_ps, PauseEnd::kResumed);
    }
    return;
  }
  ++s.xoffs;
  xoffs[priority].add(r.number);
  if (!s.paused) {
    s.paused = true;
    s.now = {.start_ps = r.time_ps, .first_number = r.number, .port = port, .priority = priority};
  }
  s.now.last_number = r.number;
  s.now.end_ps = r.time_ps;
  ++s.now.frames;
  s.now.quanta_max = std::max(s.now.quanta_max, quanta);
  s.until_ps = speed == 0 ? kForever : r.time_ps + quanta_ps(quanta, speed);
}

void PfcTracker::expire(PauseState& s, std::int64_t now_ps) {
  if (s.paused && s.until_ps < now_ps) end(s, s.until_ps, PauseEnd::kExpired);
}

void PfcTracker::end(PauseState& s, std::int64_t end_ps, PauseEnd how) {
  s.paused = false;
  s.now.end = how;
  s.now.end_ps = std::max(end_ps, s.now.start_ps);
  const std::int64_t length = s.now.end_ps - s.now.start_ps;
  ++s.episodes;
  s.total_ps += length;
  if (length > s.longest_ps || s.longest_number == 0) {
    s.longest_ps = length;
    s.longest_number = s.now.first_number;
  }
  if (length > options_.pause_limit_ps) too_long.add(s.now.first_number);
  if (options_.keep_episodes) ended_.push_back(s.now);
}

void PfcTracker::finish(std::int64_t end_ps) {
  for (PausePort& port : ports_) {
    for (PauseState& s : port.classes) {
      expire(s, end_ps);
      if (!s.paused) continue;
      // Without a speed an XOFF that nothing ended may have lasted or not: it counts
      // up to its last frame only.
      if (s.until_ps == kForever) {
        end(s, s.now.end_ps, PauseEnd::kUnknown);
      } else {
        end(s, end_ps, PauseEnd::kOpen);
      }
    }
  }
}

}  // namespace emu::wire
