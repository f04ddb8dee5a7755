// SPDX-License-Identifier: Apache-2.0
#include "emu/lab/native/sockets.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <stdexcept>

#include "emu/core/wire/udp.h"

namespace emu::lab {

namespace {
constexpr std::uint32_t kSlotBytes = 8192;  // a frame with the ring's header
constexpr std::uint32_t kBlockBytes = 1 << 16;
constexpr std::uint32_t kSlots = 8192;  // half a second at full load

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

/// Is in another network namespace while it lives. The thread returns to its own.
class InNamespace {
 public:
  explicit InNamespace(const std::string& path)
      : home_(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)) {
    const Fd there(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!there) fail("network namespace " + path);
    if (!home_ || setns(there.get(), CLONE_NEWNET) != 0) fail("entering network namespace " + path);
  }
  ~InNamespace() { (void)setns(home_.get(), CLONE_NEWNET); }
  InNamespace(const InNamespace&) = delete;
  InNamespace& operator=(const InNamespace&) = delete;

 private:
  Fd home_;
};

std::uint32_t index_of(int fd, const std::string& interface) {
  ifreq request{};
  interface.copy(request.ifr_name, IFNAMSIZ - 1);
  if (ioctl(fd, SIOCGIFINDEX, &request) != 0) fail("interface " + interface);
  return static_cast<std::uint32_t>(request.ifr_ifindex);
}

template <typename T>
void set_option(int fd, int option, const T& value, const char* name) {
  if (setsockopt(fd, SOL_PACKET, option, &value, sizeof value) != 0) fail(name);
}

/// Holds UDP port 4791, or the host would answer every RoCE packet with "port
/// unreachable", and takes nothing.
Fd open_sink() {
  Fd sink(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!sink) fail("UDP socket");
  sock_filter nothing{BPF_RET | BPF_K, 0, 0, 0};
  const sock_fprog program{1, &nothing};
  if (setsockopt(sink.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0) {
    fail("filter of UDP port 4791");
  }
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_port = htons(wire::kPortRoce);
  if (bind(sink.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any) != 0) {
    fail("UDP port 4791");
  }
  return sink;
}
}  // namespace

void Fd::reset() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

SendBatch::SendBatch(int fd)
    : fd_(fd), bytes_(kFrames), addresses_(kFrames), parts_(kFrames), messages_(kFrames) {}

void SendBatch::add(std::uint32_t ifindex, const std::uint8_t* frame, std::size_t n) {
  if (count_ == kFrames) flush();
  bytes_[count_].assign(frame, frame + n);
  sockaddr_ll& to = addresses_[count_];
  to = {};
  to.sll_family = AF_PACKET;
  to.sll_ifindex = static_cast<int>(ifindex);
  to.sll_halen = 6;
  std::copy_n(frame, 6, to.sll_addr);
  ++count_;
}

void SendBatch::flush() {
  for (std::size_t i = 0; i < count_; ++i) {
    parts_[i] = {bytes_[i].data(), bytes_[i].size()};
    msghdr& header = messages_[i].msg_hdr;
    header = {};
    header.msg_name = &addresses_[i];
    header.msg_namelen = sizeof(sockaddr_ll);
    header.msg_iov = &parts_[i];
    header.msg_iovlen = 1;
  }
  std::size_t done = 0;
  int attempts = 0;
  while (done < count_) {
    const int sent = sendmmsg(fd_, &messages_[done], static_cast<unsigned>(count_ - done), 0);
    if (sent > 0) {
      done += static_cast<std::size_t>(sent);
      continue;
    }
    if ((errno == EAGAIN || errno == EINTR) && ++attempts < 3) continue;
    ++errors_;  // its link is down, or the kernel has no memory: a lost frame, no more
    ++done;
  }
  count_ = 0;
}

SocketNetwork::SocketNetwork(const std::string& far_netns, std::uint32_t ports)
    : far_of_port_(ports), nics_(ports) {
  const InNamespace there(far_netns);
  control_ = Fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  far_ = Fd(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  if (!control_ || !far_) fail("packet socket (root is needed)");
  open_ring();
  batch_ = SendBatch(far_.get());
}

SocketNetwork::~SocketNetwork() {
  if (ring_ != nullptr) munmap(ring_, ring_bytes_);
}

void SocketNetwork::open_ring() {
  const int fd = far_.get();
  set_option(fd, PACKET_VERSION, int{TPACKET_V2}, "PACKET_VERSION");
  set_option(fd, PACKET_IGNORE_OUTGOING, 1, "PACKET_IGNORE_OUTGOING");
  set_option(fd, PACKET_QDISC_BYPASS, 1, "PACKET_QDISC_BYPASS");
  tpacket_req request{};
  request.tp_block_size = kBlockBytes;
  request.tp_frame_size = kSlotBytes;
  request.tp_block_nr = kSlots / (kBlockBytes / kSlotBytes);
  request.tp_frame_nr = kSlots;
  set_option(fd, PACKET_RX_RING, request, "PACKET_RX_RING");
  ring_bytes_ = std::size_t{kSlots} * kSlotBytes;
  void* const ring = mmap(nullptr, ring_bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (ring == MAP_FAILED) fail("mapping the packet ring");
  ring_ = static_cast<std::uint8_t*>(ring);
  sockaddr_ll all{};
  all.sll_family = AF_PACKET;
  all.sll_protocol = htons(ETH_P_ALL);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&all), sizeof all) != 0) fail("packet socket");
}

void SocketNetwork::add_port(std::uint32_t port, const std::string& far_interface) {
  Far& far = far_of_port_.at(port);
  far.ifindex = index_of(control_.get(), far_interface);
  far.name = far_interface;
  if (port_of_ifindex_.size() <= far.ifindex) {
    port_of_ifindex_.resize(far.ifindex + 1, ~std::uint32_t{0});
  }
  port_of_ifindex_[far.ifindex] = port;
}

void SocketNetwork::add_nic(std::uint32_t port, const std::string& netns,
                            const std::string& interface) {
  const InNamespace there(netns);
  Nic& nic = nics_.at(port);
  nic.socket = Fd(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  if (!nic.socket) fail("packet socket in " + netns);
  nic.ifindex = index_of(nic.socket.get(), interface);
  nic.batch = SendBatch(nic.socket.get());
  if (!sinks_[netns]) sinks_[netns] = open_sink();
}

void SocketNetwork::to_node(std::uint32_t port, const std::uint8_t* frame, std::size_t n) {
  batch_.add(far_of_port_[port].ifindex, frame, n);
  dirty_ = true;
}

void SocketNetwork::from_host(std::uint32_t port, const std::uint8_t* frame, std::size_t n) {
  Nic& nic = nics_[port];
  nic.batch.add(nic.ifindex, frame, n);
  if (nic.dirty) return;
  nic.dirty = true;
  dirty_nics_.push_back(port);
}

void SocketNetwork::flush() {
  if (dirty_) batch_.flush();
  dirty_ = false;
  for (const std::uint32_t port : dirty_nics_) {
    nics_[port].batch.flush();
    nics_[port].dirty = false;
  }
  dirty_nics_.clear();
}

void SocketNetwork::receive(const Receiver& receiver) {
  for (std::uint32_t seen = 0; seen < kSlots; ++seen) {
    std::uint8_t* const slot = ring_ + std::size_t{slot_} * kSlotBytes;
    auto* const header = reinterpret_cast<tpacket2_hdr*>(slot);
    const std::atomic_ref<__u32> status(header->tp_status);
    if ((status.load(std::memory_order_acquire) & TP_STATUS_USER) == 0) return;
    const auto* const from =
        reinterpret_cast<const sockaddr_ll*>(slot + TPACKET_ALIGN(sizeof(tpacket2_hdr)));
    const auto ifindex = static_cast<std::uint32_t>(from->sll_ifindex);
    if (ifindex < port_of_ifindex_.size() && port_of_ifindex_[ifindex] != ~std::uint32_t{0} &&
        header->tp_snaplen == header->tp_len) {
      receiver(port_of_ifindex_[ifindex], slot + header->tp_mac, header->tp_snaplen);
    }
    status.store(TP_STATUS_KERNEL, std::memory_order_release);
    slot_ = (slot_ + 1) % kSlots;
  }
}

void SocketNetwork::set_carrier(std::uint32_t port, bool up) {
  Far& far = far_of_port_[port];
  if (far.ifindex == 0 || far.up == up) return;
  ifreq request{};
  far.name.copy(request.ifr_name, IFNAMSIZ - 1);
  if (ioctl(control_.get(), SIOCGIFFLAGS, &request) != 0) fail("interface " + far.name);
  const auto flag = static_cast<short>(IFF_UP);
  request.ifr_flags = static_cast<short>(up ? request.ifr_flags | flag : request.ifr_flags & ~flag);
  if (ioctl(control_.get(), SIOCSIFFLAGS, &request) != 0) fail("interface " + far.name);
  far.up = up;
}

std::uint64_t SocketNetwork::send_errors() const {
  std::uint64_t errors = batch_.errors();
  for (const Nic& nic : nics_) errors += nic.batch.errors();
  return errors;
}

std::uint64_t SocketNetwork::ring_drops() {
  tpacket_stats stats{};
  socklen_t size = sizeof stats;
  // Reading it sets the kernel's counter back to zero.
  if (getsockopt(far_.get(), SOL_PACKET, PACKET_STATISTICS, &stats, &size) == 0) {
    ring_drops_ += stats.tp_drops;
  }
  return ring_drops_;
}

std::int64_t SystemClock::now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

void SystemClock::sleep_until(std::int64_t at_ns, bool wake_on_frame) {
  if (!wake_on_frame) {
    const timespec at{at_ns / 1'000'000'000, at_ns % 1'000'000'000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr) == EINTR) {
    }
    return;
  }
  const std::int64_t left = at_ns - now_ns();
  if (left <= 0) return;
  const timespec timeout{left / 1'000'000'000, left % 1'000'000'000};
  pollfd far{fd_, POLLIN, 0};
  (void)ppoll(&far, 1, &timeout, nullptr);
}

Realtime ask_for_realtime(int priority) {
  Realtime granted;
  granted.slack = prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0) == 0;
  granted.locked = mlockall(MCL_CURRENT | MCL_FUTURE) == 0;
  sched_param wanted{};
  wanted.sched_priority = priority;
  granted.fifo = sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &wanted) == 0;
  return granted;
}

}  // namespace emu::lab
