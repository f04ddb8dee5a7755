// SPDX-License-Identifier: Apache-2.0
// The real network: packet sockets in the namespaces of the lab.
//
// One socket hears the far ends of all veth pairs: they lie in one namespace,
// and a memory-mapped ring (PACKET_RX_RING) brings their frames without a
// system call. Frames go out in batches (sendmmsg). Each host has one more, in
// its own namespace, by which its NIC sends: so whatever captures on the host's
// interface sees both directions.
#pragma once

#include <linux/if_packet.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "emu/lab/native/network.h"

namespace emu::lab {

/// A file descriptor that closes itself.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = other.release();
    }
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }
  void reset();
  int fd_ = -1;
};

/// Frames that wait for one sendmmsg.
class SendBatch {
 public:
  SendBatch() = default;
  explicit SendBatch(int fd);
  void add(std::uint32_t ifindex, const std::uint8_t* frame, std::size_t n);
  void flush();
  std::uint64_t errors() const { return errors_; }

 private:
  static constexpr std::size_t kFrames = 64;
  int fd_ = -1;
  std::size_t count_ = 0;
  std::vector<std::vector<std::uint8_t>> bytes_;
  std::vector<sockaddr_ll> addresses_;
  std::vector<iovec> parts_;
  std::vector<mmsghdr> messages_;
  std::uint64_t errors_ = 0;
};

class SocketNetwork : public Network {
 public:
  /// `far_netns`: path of the namespace of all far ends. Throws std::runtime_error
  /// that says which call failed on what.
  SocketNetwork(const std::string& far_netns, std::uint32_t ports);
  ~SocketNetwork() override;
  void add_port(std::uint32_t port, const std::string& far_interface);
  /// The NIC port `port` is `interface` in the namespace at `netns`.
  void add_nic(std::uint32_t port, const std::string& netns, const std::string& interface);

  void to_node(std::uint32_t port, const std::uint8_t* frame, std::size_t n) override;
  void from_host(std::uint32_t port, const std::uint8_t* frame, std::size_t n) override;
  void flush() override;
  void receive(const Receiver& receiver) override;
  void set_carrier(std::uint32_t port, bool up) override;

  int fd() const { return far_.get(); }
  std::uint64_t send_errors() const;
  /// Frames that the kernel had no room for in the ring.
  std::uint64_t ring_drops();

 private:
  struct Far {
    std::uint32_t ifindex = 0;
    std::string name;
    bool up = true;
  };
  struct Nic {
    Fd socket;
    SendBatch batch;
    std::uint32_t ifindex = 0;
    bool dirty = false;
  };
  void open_ring();

  Fd far_;
  Fd control_;  // for interface flags, in the far namespace
  std::uint8_t* ring_ = nullptr;
  std::size_t ring_bytes_ = 0;
  std::uint32_t slot_ = 0;
  SendBatch batch_;
  bool dirty_ = false;
  std::vector<Far> far_of_port_;
  std::vector<std::uint32_t> port_of_ifindex_;
  std::vector<Nic> nics_;  // by port
  std::vector<std::uint32_t> dirty_nics_;
  std::map<std::string, Fd> sinks_;  // by namespace: what takes RoCE off the host's hands
  std::uint64_t ring_drops_ = 0;
};

/// CLOCK_MONOTONIC, and a sleep that a frame can end.
class SystemClock : public Clock {
 public:
  explicit SystemClock(int fd) : fd_(fd) {}
  std::int64_t now_ns() override;
  void sleep_until(std::int64_t at_ns, bool wake_on_frame) override;

 private:
  int fd_;
};

/// What the kernel grants a process that must be on time.
struct Realtime {
  bool fifo = false;    // SCHED_FIFO
  bool locked = false;  // no page faults
  bool slack = false;   // timers to the nanosecond
};
Realtime ask_for_realtime(int priority);

}  // namespace emu::lab
