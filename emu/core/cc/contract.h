// SPDX-License-Identifier: Apache-2.0
// What the engine asks of a congestion control, and what it tells it.
//
// Invariant: an algorithm is stateless; a queue pair's State begins with its
// Pacing, the only part that the engine looks at; a State changes at the times
// of its own events only, never because somebody looked.
#pragma once

#include <concepts>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>

#include "../units.h"

namespace emu {

/// What the pacer of a NIC needs to know of a queue pair.
struct Pacing {
  Bps rate = 0;           // while limited
  Ps timer_due = kNever;  // when step() next has something to do
  bool limited = false;   // false: line rate, and nobody wants to know what is sent
};

/// What is left of a pacing gap when the rate changes.
inline Ps rest_of_gap(Ps rest, Bps before, Bps rate) {
  return static_cast<Ps>(static_cast<double>(rest) *
                         (static_cast<double>(before) / static_cast<double>(rate)));
}

/// A data packet that has gone out.
struct SentPacket {
  std::int64_t bytes;  // frame
  std::uint32_t psn;
  Ps end;         // of the frame and its gap on the first link
  bool asks_ack;  // the receiver acknowledges it as soon as it has it
  bool again;     // it has been sent before
};

/// Parameters of an algorithm by name; all of them have to be there.
class CcFields {
 public:
  explicit CcFields(const std::map<std::string, double>& values) : values_(values) {}
  double number(const std::string& name) const {
    const auto found = values_.find(name);
    if (found == values_.end()) throw std::invalid_argument("congestion control lacks " + name);
    return found->second;
  }
  /// Times, rates and sizes are below 2^53, so a double holds them exactly.
  std::int64_t integer(const std::string& name) const {
    return static_cast<std::int64_t>(number(name));
  }

 private:
  const std::map<std::string, double>& values_;
};

template <typename A>
concept CongestionControl = std::derived_from<typename A::State, Pacing> &&
                            std::constructible_from<typename A::Params, const CcFields&> &&
                            std::same_as<typename A::State::Algorithm, A> &&
                            requires(typename A::State& state, const typename A::Params& params,
                                     const SentPacket& sent, Bps line, Ps now, std::uint32_t psn) {
                              { A::kName } -> std::convertible_to<std::string>;
                              // A queue pair is made; `line` is the rate of its NIC's port.
                              { A::start(state, line) };
                              // One thing that fell due at or before `now` happens. Returns its
                              // time, or kNever when there was nothing.
                              { A::step(state, params, line, now) } -> std::same_as<Ps>;
                              // While limited: a data packet went out.
                              { A::on_send(state, params, line, sent) };
                              // Everything before `psn` has arrived, as an ACK just come says.
                              { A::on_ack(state, params, line, psn, now) };
                              // A congestion notification packet came.
                              { A::on_cnp(state, params, line, now) };
                            };

}  // namespace emu
