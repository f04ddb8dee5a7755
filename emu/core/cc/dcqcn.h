// SPDX-License-Identifier: Apache-2.0
// DCQCN reaction point: how the sender of one queue pair sets its rate.
//
// Invariant: rate_min <= rate <= target-or-line, and the state after any
// sequence of calls depends only on the times of sends and CNPs, never on how
// often somebody looked: timers are evaluated lazily, step by step.
// Sources: Zhu et al., SIGCOMM 2015, §3 ("RP algorithm"); NIC parameters
// rp_* as named by the vendor's driver; ns3-rdma qbb-net-device.cc.
#pragma once

#include <algorithm>
#include <cstdint>

#include "contract.h"

namespace emu {

struct Dcqcn {
  static constexpr const char* kName = "dcqcn";
  static constexpr double kAlphaFloor = 1.0 / (1 << 20);

  struct Params {
    double g = 1.0 / 256;  // EWMA gain of alpha
    double initial_alpha = 1.0;
    double min_dec_factor = 0.5;     // one cut keeps at least this share
    Ps alpha_timer_ps = 0;           // alpha decays once per period
    Ps rate_reduce_interval_ps = 0;  // at most one cut per interval
    Ps increase_timer_ps = 0;
    std::int64_t byte_counter = 0;  // 0: no byte counter
    Bps rate_ai_bps = 0;
    Bps rate_hai_bps = 0;
    Bps rate_min_bps = 0;
    std::int32_t fast_recovery_stages = 5;
    // Target := rate before the cut, on every cut, or only on the first one since
    // the timer last raised the rate. Without either a run of cuts keeps aiming
    // at the rate from which it began, and recovers fast.
    bool clamp_target_rate = true;
    bool clamp_after_increase = true;
    // Both timers run on from the first CNP, and a CNP only leaves a note for them: alpha
    // rises or falls once per alpha_timer, a cut waits for its tick of the interval.
    bool free_running = false;

    explicit Params(const CcFields& given)
        : g(given.number("g")),
          initial_alpha(given.number("initial_alpha")),
          min_dec_factor(given.number("min_dec_factor")),
          alpha_timer_ps(given.integer("alpha_timer_ps")),
          rate_reduce_interval_ps(given.integer("rate_reduce_interval_ps")),
          increase_timer_ps(given.integer("increase_timer_ps")),
          byte_counter(given.integer("byte_counter_bytes")),
          rate_ai_bps(given.integer("rate_ai_bps")),
          rate_hai_bps(given.integer("rate_hai_bps")),
          rate_min_bps(given.integer("rate_min_bps")),
          fast_recovery_stages(static_cast<std::int32_t>(given.integer("fast_recovery_stages"))),
          clamp_target_rate(given.integer("clamp_target_rate") != 0),
          clamp_after_increase(given.integer("clamp_after_increase") != 0),
          free_running(given.integer("free_running") != 0) {}
    Params() = default;
  };

  // rate is R_C; limited: a CNP came and the line rate is not regained.
  struct State : Pacing {
    using Algorithm = Dcqcn;
    Bps target = 0;    // R_T: where recovery aims
    double alpha = 0;  // congestion estimate, [0, 1]
    Ps alpha_due = kNever;
    Ps cut_allowed = 0;  // free-running: when the next cut is decided
    std::int64_t bytes_left = 0;
    std::int32_t timer_stage = 0;
    std::int32_t byte_stage = 0;
    bool started = false;          // alpha has been initialised
    bool increased = false;        // the timer has raised the rate since the last cut
    bool noted_for_alpha = false;  // free-running: a CNP came since the last tick
    bool noted_for_cut = false;
  };

  static void start(State& s, Bps line) {
    s = State{};
    s.rate = s.target = line;
  }

  /// A congestion notification packet arrived.
  static void on_cnp(State& s, const Params& p, Bps line, Ps now) {
    advance(s, p, line, now);
    if (p.free_running) {
      note(s, p, now);
      return;
    }
    if (!s.started) {
      s.started = true;
      s.alpha = p.initial_alpha;
    } else {
      s.alpha = (1.0 - p.g) * s.alpha + p.g;
    }
    s.alpha_due = now + p.alpha_timer_ps;
    if (now < s.cut_allowed) return;
    s.cut_allowed = now + p.rate_reduce_interval_ps;
    if (p.clamp_target_rate || (p.clamp_after_increase && s.increased) || !s.limited) {
      s.target = s.rate;
    }
    cut(s, p, now);
  }

  /// A packet of this queue pair went out: the byte counter.
  static void on_send(State& s, const Params& p, Bps line, const SentPacket& sent) {
    if (!s.limited || p.byte_counter == 0) return;
    s.bytes_left -= sent.bytes;
    while (s.bytes_left <= 0 && s.limited) {
      s.bytes_left += p.byte_counter;
      ++s.byte_stage;
      increase(s, p, line);
    }
  }

  /// Applies one due increase-timer step if it fell at or before `now`.
  /// Returns the time of the step, or kNever when none is due.
  static Ps step(State& s, const Params& p, Bps line, Ps now) {
    if (!s.limited) return kNever;
    if (p.free_running) {
      tick(s, p, line, now);
      return kNever;
    }
    if (s.timer_due > now) return kNever;
    const Ps at = s.timer_due;
    ++s.timer_stage;
    s.increased = true;
    increase(s, p, line);
    s.timer_due = at + p.increase_timer_ps;
    return at;
  }

  /// Acknowledgements say nothing about congestion here.
  static void on_ack(State&, const Params&, Bps, std::uint32_t, Ps) {}

  /// Brings alpha and the increase timer up to `now`.
  static void advance(State& s, const Params& p, Bps line, Ps now) {
    // Step by step, not pow(): the result must not depend on libm. The floor
    // bounds the loop; below it a further decay changes no rate.
    while (!p.free_running && s.alpha > 0.0 && s.alpha_due <= now) {
      s.alpha = s.alpha > kAlphaFloor ? s.alpha * (1.0 - p.g) : 0.0;
      s.alpha_due += p.alpha_timer_ps;
    }
    while (step(s, p, line, now) != kNever) {
    }
  }

 private:
  static void cut(State& s, const Params& p, Ps now) {
    s.increased = false;
    const double keep = std::max(p.min_dec_factor, 1.0 - s.alpha / 2);
    s.rate = std::max(p.rate_min_bps, static_cast<Bps>(static_cast<double>(s.rate) * keep));
    s.timer_stage = s.byte_stage = 0;
    s.bytes_left = p.byte_counter;
    s.timer_due = now + p.increase_timer_ps;
    s.limited = true;
  }

  /// Free-running: a CNP starts the timers, or is noted for their next tick.
  static void note(State& s, const Params& p, Ps now) {
    s.noted_for_alpha = s.noted_for_cut = true;
    if (s.started) return;
    s.started = s.limited = true;
    s.noted_for_alpha = false;
    s.alpha = p.initial_alpha;
    s.alpha_due = now + p.alpha_timer_ps;
    // Where both fall together alpha goes first (HPCC simulator: a nanosecond ahead).
    s.cut_allowed = now + p.rate_reduce_interval_ps + 1000;
  }

  /// Free-running: what the timers did up to `now`, in the order of their ticks.
  static void tick(State& s, const Params& p, Bps line, Ps now) {
    for (;;) {
      const Ps at = std::min({s.alpha_due, s.timer_due, s.cut_allowed});
      if (at > now) return;
      if (s.alpha_due == at) {
        s.alpha = (1.0 - p.g) * s.alpha + (s.noted_for_alpha ? p.g : 0.0);
        s.noted_for_alpha = false;
        s.alpha_due += p.alpha_timer_ps;
      } else if (s.timer_due == at) {
        ++s.timer_stage;
        s.increased = true;
        s.timer_due = at + p.increase_timer_ps;
        increase(s, p, line);
      } else {
        s.cut_allowed += p.rate_reduce_interval_ps;
        if (!s.noted_for_cut) continue;
        s.noted_for_cut = false;
        if (p.clamp_target_rate || s.timer_stage != 0) s.target = s.rate;
        cut(s, p, at);
      }
    }
  }

  static void increase(State& s, const Params& p, Bps line) {
    const std::int32_t f = p.fast_recovery_stages;
    if (p.byte_counter == 0) {
      // Timer only, as in the HPCC simulator: F recoveries, one additive step,
      // then hyper increase by a constant.
      if (s.timer_stage > f + 1) {
        s.target += p.rate_hai_bps;
      } else if (s.timer_stage > f) {
        s.target += p.rate_ai_bps;
      }
    } else if (std::min(s.timer_stage, s.byte_stage) >= f) {
      s.target += p.rate_hai_bps * std::min(std::min(s.timer_stage, s.byte_stage) - f + 1, 1 << 10);
    } else if (std::max(s.timer_stage, s.byte_stage) >= f) {
      s.target += p.rate_ai_bps;
    }
    s.target = std::min(s.target, line);
    s.rate = std::min((s.rate + s.target + 1) / 2, line);
    if (s.rate >= line && !p.free_running) {
      s.limited = false;
      s.timer_due = kNever;
    }
  }
};
static_assert(CongestionControl<Dcqcn>);

}  // namespace emu
