// SPDX-License-Identifier: Apache-2.0
#include "emu/lab/native/feed.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "emu/lab/native/sockets.h"

namespace emu::lab {

Feed::Feed(const std::string& path, const Engine& engine)
    : engine_(engine), size_(sizeof(Header) + engine.queues().size() * sizeof(Row)) {
  // Never cut short: another run may still have it mapped, and would be killed.
  const Fd file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!file || ftruncate(file.get(), static_cast<off_t>(size_)) != 0) {
    throw std::runtime_error(path + ": " + std::strerror(errno));
  }
  void* const at = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (at == MAP_FAILED) throw std::runtime_error(path + ": " + std::strerror(errno));
  bytes_ = static_cast<std::uint8_t*>(at);
}

Feed::~Feed() { munmap(bytes_, size_); }

void Feed::write(const TrafficManager& manager, std::int64_t wall_ns) {
  auto& header = *reinterpret_cast<Header*>(bytes_);
  auto* const rows = reinterpret_cast<Row*>(bytes_ + sizeof(Header));
  const std::atomic_ref<std::uint64_t> version(header.version);
  const std::uint64_t next = version.load(std::memory_order_relaxed) + 2;
  version.store(next - 1, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_release);
  const Lateness& lateness = manager.lateness();
  header.fabric_ps = engine_.now();
  header.wall_ns = wall_ns;
  header.ports = engine_.ports().size();
  header.unfinished = engine_.unfinished();
  header.packets = lateness.packets;
  header.late = lateness.late;
  header.lost = lateness.lost;
  header.late_ps_max = lateness.late_ps_max;
  header.slipped_ns = lateness.slipped_ns;
  header.held_ns = lateness.held_ns;
  header.turnaround_p50_ns = lateness.turnaround.quantile_ns(0.50);
  header.turnaround_p99_ns = lateness.turnaround.quantile_ns(0.99);
  header.control_frames = manager.counters().control_frames;
  header.foreign_frames = manager.counters().foreign_frames;
  const auto& queues = engine_.queues();
  for (std::size_t i = 0; i < queues.size(); ++i) {
    const EgressQueue& queue = queues[i];
    std::uint64_t drops = 0;
    if (i % kPriorities == 0) {
      for (const std::uint64_t n : engine_.drops()[i / kPriorities].packets) drops += n;
    }
    rows[i] = {queue.tx_packets,
               queue.tx_bytes,
               queue.bytes,
               queue.marked,
               queue.pfc_tx,
               queue.pfc_rx,
               queue.paused_total(engine_.now()),
               drops};
  }
  header.magic = kMagic;
  version.store(next, std::memory_order_release);
}

}  // namespace emu::lab
