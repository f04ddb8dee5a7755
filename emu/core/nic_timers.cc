// SPDX-License-Identifier: Apache-2.0
// What an endpoint does by the clock, and the receive buffer of a host that
// drains slower than its line: fills, asks for a pause, lets go again.
#include <algorithm>

#include "link.h"

namespace emu {

void Lane::arm(Endpoint& ep, Ps at, TimerKind kind, std::uint32_t id, std::uint32_t slot) {
  ep.timers.emplace(at, kind, id, slot);
  wake(ep.node, at);
}

/// Receive buffer of a host that drains slower than its line: fills, asks for
/// a pause, overflows if the pause does not come in time.
void Lane::occupy_receiver(Endpoint& ep, std::uint32_t number, const Packet& packet, Ps now,
                           bool& overflow) {
  const NicParams& nic = nic_profiles_[ep.profile];
  const auto drained = static_cast<std::int64_t>(static_cast<double>(now - ep.rx_at) *
                                                 static_cast<double>(ep.receive_rate_bps) / 8e12);
  ep.rx_bytes = std::max<std::int64_t>(0, ep.rx_bytes - drained);
  ep.rx_at = now;
  overflow = ep.rx_bytes + packet.bytes > nic.rx_buffer_bytes;
  if (!overflow) ep.rx_bytes += packet.bytes;
  const std::uint8_t priority = packet.current_priority();
  if (ep.rx_bytes <= nic.rx_xoff_bytes || (nic.lossless >> priority & 1) == 0 ||
      (ep.rx_paused >> priority & 1) != 0) {
    return;
  }
  const bool timer_runs = ep.rx_paused != 0;
  ep.rx_paused |= static_cast<std::uint8_t>(1U << priority);
  // One buffer behind all ports: each of them has to stop.
  for (std::uint32_t i = 0; i < ep.ports; ++i) {
    send_pfc(ep.first_port + i, priority, nic.pfc_quanta, now);
  }
  if (timer_runs) return;
  const auto until_xon = static_cast<Ps>(static_cast<double>(ep.rx_bytes - nic.rx_xon_bytes) *
                                         8e12 / static_cast<double>(ep.receive_rate_bps));
  const Ps refresh = pause_ps(nic.pfc_quanta, ports_[number].rate.bps) / 2;
  arm(ep, now + std::min(until_xon + 1, refresh), TimerKind::kRxXon, number);
}

/// One frame of a storm on every port, and the time of the next.
void Lane::send_storm(Endpoint& ep, std::uint8_t priority, Ps at) {
  const Storm& storm = ep.storms[priority];
  for (std::uint32_t i = 0; i < ep.ports; ++i) {
    if (storm.frame == StormFrame::kPfc) {
      send_pfc(ep.first_port + i, priority, storm.quanta, at);
    } else {
      send_classless(ep.first_port + i, storm, at);
    }
  }
  const Ps every = storm.every_ps > 0 ? storm.every_ps : pause_ps(storm.quanta, line_rate(ep)) / 2;
  arm(ep, at + every, TimerKind::kStorm, priority);
}

void Lane::fire(Endpoint& ep, const Timer& timer) {
  const auto& [at, kind, id, slot] = timer;
  switch (kind) {
    case TimerKind::kPost:
      start_message(ep, slot, at);
      break;
    case TimerKind::kRetransmit:
      on_retransmit_timer(ep, id, at);
      break;
    case TimerKind::kReadRetry:
      on_read_timer(ep, id, at);
      break;
    case TimerKind::kArp:
      send_arp(ep, at);
      arm(ep, at + arp_.period_ps, TimerKind::kArp, 0);
      break;
    case TimerKind::kStorm:
      if ((ep.storm >> id & 1) == 0) break;
      send_storm(ep, static_cast<std::uint8_t>(id), at);
      break;
    case TimerKind::kRxXon: {
      if (ep.rx_paused == 0) break;
      const NicParams& nic = nic_profiles_[ep.profile];
      const Bps rate = ep.receive_rate_bps > 0 ? ep.receive_rate_bps : line_rate(ep);
      const auto drained = static_cast<std::int64_t>(static_cast<double>(at - ep.rx_at) *
                                                     static_cast<double>(rate) / 8e12);
      const std::int64_t left = std::max<std::int64_t>(0, ep.rx_bytes - drained);
      const bool resume = left <= nic.rx_xon_bytes;
      for (std::uint32_t p = 0; p < kPriorities; ++p) {
        if ((ep.rx_paused >> p & 1) == 0) continue;
        for (std::uint32_t i = 0; i < ep.ports; ++i) {
          send_pfc(ep.first_port + i, static_cast<std::uint8_t>(p), resume ? 0 : nic.pfc_quanta,
                   at);
        }
      }
      if (resume) {
        ep.rx_paused = 0;
        break;
      }
      const auto until_xon = static_cast<Ps>(static_cast<double>(left - nic.rx_xon_bytes) * 8e12 /
                                             static_cast<double>(rate));
      arm(ep, at + std::min(until_xon + 1, pause_ps(nic.pfc_quanta, ports_[id].rate.bps) / 2),
          TimerKind::kRxXon, id);
      break;
    }
  }
}

}  // namespace emu
