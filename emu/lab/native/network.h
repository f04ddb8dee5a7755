// SPDX-License-Identifier: Apache-2.0
// The real network as the traffic manager sees it: frames go in at ports and
// come out of them. Ports have the engine's numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

namespace emu::lab {

class Network {
 public:
  /// A frame that the node of `port` sent out of it; valid during the call.
  using Receiver =
      std::function<void(std::uint32_t port, const std::uint8_t* frame, std::size_t n)>;

  virtual ~Network() = default;
  /// The frame arrives at the node that has `port`. Sent at flush() at the latest.
  virtual void to_node(std::uint32_t port, const std::uint8_t* frame, std::size_t n) = 0;
  /// The NIC that has `port` sends the frame: programs on its host can see it.
  virtual void from_host(std::uint32_t port, const std::uint8_t* frame, std::size_t n) = 0;
  virtual void flush() = 0;
  /// Hands over what has come since the last call, in order.
  virtual void receive(const Receiver& receiver) = 0;
  /// The node of `port` sees its link go down or come back; nothing when it is so already.
  virtual void set_carrier(std::uint32_t port, bool up) = 0;
};

/// Wall time, nanoseconds from any origin; tests put their own in its place.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual std::int64_t now_ns() = 0;
  /// Sleeps until `at_ns`, or less long when a frame has come meanwhile.
  virtual void sleep_until(std::int64_t at_ns, bool wake_on_frame) = 0;
};

}  // namespace emu::lab
