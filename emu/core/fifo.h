// SPDX-License-Identifier: Apache-2.0
// FIFOs of packets that share one pool of small chunks.
//
// Invariant: memory follows what is queued, not what once was: a chunk goes
// back to the pool with its last packet, and the chunk that was given back
// last is taken first, while it is still in the cache.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "large.h"
#include "packet.h"

namespace emu {

struct alignas(512) PacketChunk {
  static constexpr std::uint32_t kPackets = 15;
  Packet packets[kPackets];
  PacketChunk* next;  // in its FIFO, or among the free ones

  static PacketChunk* of(const Packet* packet) {
    return reinterpret_cast<PacketChunk*>(reinterpret_cast<std::uintptr_t>(packet) &
                                          ~std::uintptr_t{sizeof(PacketChunk) - 1});
  }
  /// Is this the place after the last packet of a chunk?
  static bool ends_at(const Packet* packet) {
    return (reinterpret_cast<std::uintptr_t>(packet) & (sizeof(PacketChunk) - 1)) ==
           offsetof(PacketChunk, next);
  }
};
static_assert(sizeof(PacketChunk) == 512, "eight to a page");

/// Chunks that somebody will have back.
class ChunkList {
 public:
  void give(PacketChunk* chunk) {
    if (first_ == nullptr) last_ = chunk;
    chunk->next = first_;
    first_ = chunk;
  }

 private:
  friend class PacketPool;
  PacketChunk* first_ = nullptr;
  PacketChunk* last_ = nullptr;  // says nothing while there is none
};

class PacketPool {
 public:
  [[gnu::always_inline]] PacketChunk* take() {
    if (free_ == nullptr) [[unlikely]]
      refill();
    PacketChunk* chunk = free_;
    free_ = chunk->next;
    return chunk;
  }
  [[gnu::always_inline]] void give(PacketChunk* chunk) {
    chunk->next = free_;
    free_ = chunk;
  }
  void take_back(ChunkList& chunks) {
    if (chunks.first_ == nullptr) return;
    chunks.last_->next = free_;
    free_ = std::exchange(chunks.first_, nullptr);
  }

 private:
  static constexpr std::uint32_t kFirst = 64;   // chunks of the first slab
  static constexpr std::uint32_t kMost = 8192;  // 4 MiB
  [[gnu::noinline]] void refill() {
    slabs_.emplace_back(next_);
    for (std::uint32_t i = next_; i > 0; --i) give(&slabs_.back()[i - 1]);
    next_ = next_ < kMost ? next_ * 2 : kMost;
  }

  PacketChunk* free_ = nullptr;
  std::uint32_t next_ = kFirst;
  std::vector<LargeVector<PacketChunk>> slabs_;
};

class PacketFifo {
 public:
  bool empty() const { return size_ == 0; }
  std::uint32_t size() const { return size_; }
  Packet& front() { return *head_; }
  const Packet& front() const { return *head_; }
  const Packet& back() const { return tail_[-1]; }
  /// Brings the first packets into the cache.
  void prefetch() const {
    if (size_ == 0) return;
    __builtin_prefetch(head_);
    __builtin_prefetch(head_ + 2);
  }
  void push(PacketPool& pool, const Packet& packet) { push_slot(pool) = packet; }
  /// Appends a packet that the caller fills in; it holds anything until then.
  [[gnu::always_inline]] Packet& push_slot(PacketPool& pool) {
    if (size_ == 0) {
      head_ = tail_ = pool.take()->packets;
    } else if (PacketChunk::ends_at(tail_)) [[unlikely]] {
      tail_ = (PacketChunk::of(tail_)->next = pool.take())->packets;
    }
    ++size_;
    return *tail_++;
  }
  [[gnu::always_inline]] void pop(PacketPool& pool) {
    Packet* gone = head_++;
    if (--size_ == 0) {
      pool.give(PacketChunk::of(gone));
    } else if (PacketChunk::ends_at(head_)) [[unlikely]] {
      PacketChunk* chunk = PacketChunk::of(gone);
      head_ = chunk->next->packets;
      pool.give(chunk);
    }
  }
  /// The memory goes back to a pool, or to a list for one.
  template <typename Pool>
  void clear(Pool& pool) {
    if (size_ == 0) return;
    PacketChunk* const last = PacketChunk::of(tail_ - 1);
    for (PacketChunk* chunk = PacketChunk::of(head_); chunk != last;) {
      PacketChunk* gone = std::exchange(chunk, chunk->next);
      pool.give(gone);
    }
    pool.give(last);
    size_ = 0;
  }
  /// Keeps the packets for which `keep` is true, in order.
  template <typename Keep>
  void filter(PacketPool& pool, Keep keep) {
    filter(pool, pool, keep);
  }
  /// The same with memory of `pool` for these and what it had going to `back`.
  template <typename Pool, typename Keep>
  void filter(PacketPool& pool, Pool& back, Keep keep) {
    PacketFifo kept;
    for (const Packet& packet : *this) {
      if (keep(packet)) kept.push(pool, packet);
    }
    clear(back);
    *this = kept;
  }

  /// In order, from the front.
  template <typename P>
  class Walk {
   public:
    Walk(P* at, std::uint32_t left) : at_(at), left_(left) {}
    P& operator*() const { return *at_; }
    Walk& operator++() {
      ++at_;
      if (--left_ != 0 && PacketChunk::ends_at(at_)) [[unlikely]] {
        at_ = PacketChunk::of(at_)->next->packets;
        for (int line = 0; line < 8; ++line) __builtin_prefetch(at_ + 2 * line);
      }
      return *this;
    }
    bool operator!=(const Walk& other) const { return left_ != other.left_; }

   private:
    P* at_;
    std::uint32_t left_;
  };
  Walk<Packet> begin() { return {head_, size_}; }
  Walk<Packet> end() { return {nullptr, 0}; }
  Walk<const Packet> begin() const { return {head_, size_}; }
  Walk<const Packet> end() const { return {nullptr, 0}; }

 private:
  Packet* head_ = nullptr;  // both say nothing while it is empty
  Packet* tail_ = nullptr;
  std::uint32_t size_ = 0;
};
static_assert(sizeof(PacketFifo) == 24);

}  // namespace emu
