// SPDX-License-Identifier: Apache-2.0
// TIMELY: the sender's rate follows the round-trip time and its gradient.
//
// Invariant: rate_min <= rate <= line; one packet per queue pair is being timed
// at most, one that has been sent once and whose ACK comes at once, so that no
// sample holds a retransmission or a wait for later packets.
// Source: Mittal et al., SIGCOMM 2015, algorithm 1 and HAI. One
// sample per round trip, as in the HPCC simulator (rdma-hw.cc,
// HandleAckTimely); the paper takes one per segment of 16 to 64 KB.
#pragma once

#include <algorithm>
#include <cstdint>

#include "contract.h"

namespace emu {

struct Timely {
  static constexpr const char* kName = "timely";
  static constexpr std::int32_t kHaiAfter = 5;   // samples in a row with a gradient <= 0
  static constexpr std::int32_t kHaiFactor = 5;  // N: steps at once from then on

  struct Params {
    double alpha = 0;  // EWMA weight of the newest RTT difference
    double beta = 0;   // multiplicative decrease
    Ps rtt_low_ps = 0;
    Ps rtt_high_ps = 0;
    Ps rtt_min_ps = 1;    // the gradient is in units of this
    Bps rate_ai_bps = 0;  // delta
    Bps rate_min_bps = 0;

    Params() = default;
    explicit Params(const CcFields& given)
        : alpha(given.number("alpha")),
          beta(given.number("beta")),
          rtt_low_ps(given.integer("rtt_low_ps")),
          rtt_high_ps(given.integer("rtt_high_ps")),
          rtt_min_ps(given.integer("rtt_min_ps")),
          rate_ai_bps(given.integer("rate_ai_bps")),
          rate_min_bps(given.integer("rate_min_bps")) {}
  };

  struct State : Pacing {
    using Algorithm = Timely;
    double rtt_diff_ps = 0;    // smoothed difference of successive RTTs
    Ps rtt_ps = 0;             // the last; 0: none yet
    Ps sent = 0;               // the timed packet left the NIC's port
    std::uint32_t timed = 0;   // its PSN + 1; 0: none is being timed
    std::int32_t falling = 0;  // samples in a row with a gradient <= 0
  };

  /// Starts at line rate; every packet is looked at from the first on.
  static void start(State& s, Bps line) {
    s = State{};
    s.rate = line;
    s.limited = true;
  }

  static Ps step(State&, const Params&, Bps, Ps) { return kNever; }
  static void on_cnp(State&, const Params&, Bps, Ps) {}

  static void on_send(State& s, const Params&, Bps, const SentPacket& sent) {
    if (sent.again) {
      s.timed = 0;  // its ACK could be that of either (Karn)
    } else if (s.timed == 0 && sent.asks_ack) {
      s.timed = sent.psn + 1;
      s.sent = sent.end;
    }
  }

  static void on_ack(State& s, const Params& p, Bps line, std::uint32_t psn, Ps now) {
    if (s.timed == 0 || psn < s.timed) return;
    if (psn == s.timed) sample(s, p, line, now - s.sent);
    s.timed = 0;
  }

  /// A new round-trip time, without the packet's own serialisation.
  static void sample(State& s, const Params& p, Bps line, Ps rtt_ps) {
    const Ps before = s.rtt_ps;
    s.rtt_ps = rtt_ps;
    if (before == 0) return;
    s.rtt_diff_ps =
        (1.0 - p.alpha) * s.rtt_diff_ps + p.alpha * static_cast<double>(rtt_ps - before);
    const double gradient = s.rtt_diff_ps / static_cast<double>(p.rtt_min_ps);
    s.falling = gradient <= 0.0 ? s.falling + 1 : 0;
    if (rtt_ps < p.rtt_low_ps) {
      set(s, p, line, s.rate + p.rate_ai_bps);
    } else if (rtt_ps > p.rtt_high_ps) {
      const double over = static_cast<double>(p.rtt_high_ps) / static_cast<double>(rtt_ps);
      scale(s, p, line, 1.0 - p.beta * (1.0 - over));
    } else if (gradient <= 0.0) {
      const std::int32_t steps = s.falling >= kHaiAfter ? kHaiFactor : 1;
      set(s, p, line, s.rate + steps * p.rate_ai_bps);
    } else {
      scale(s, p, line, std::max(0.0, 1.0 - p.beta * gradient));
    }
  }

 private:
  static void scale(State& s, const Params& p, Bps line, double factor) {
    set(s, p, line, static_cast<Bps>(static_cast<double>(s.rate) * factor));
  }
  static void set(State& s, const Params& p, Bps line, Bps rate) {
    s.rate = std::clamp(rate, std::min(p.rate_min_bps, line), line);
  }
};
static_assert(CongestionControl<Timely>);

}  // namespace emu
