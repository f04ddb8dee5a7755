// SPDX-License-Identifier: Apache-2.0
// The shared-buffer memory management unit of one switch: who may use which
// cells, and when an ingress priority group must pause its sender.
//
// Invariant: a byte is in exactly one of reserved, shared or headroom space of
// the priority group it came in by; the shared pool holds the sum of the
// shared parts. Dynamic threshold: limit = alpha * (pool - used) (SAI
// saibuffer.h, SAI_BUFFER_PROFILE_ATTR_SHARED_DYNAMIC_TH). XOFF when a group
// goes beyond its limit into headroom; XON when the headroom is empty again
// and usage <= max(xon, limit - xon_offset) (saibuffer.h XON_OFFSET_TH).
//
// Each function answers one question; the caller decides what follows.
#pragma once

#include <algorithm>
#include <cstdint>

namespace emu {

struct MmuParams {
  std::int32_t cell_bytes = 1;
  std::int64_t buffer_bytes = 0;       // all of the chip's packet memory
  std::int64_t pg_reserved_bytes = 0;  // per lossless (port, priority)
  double alpha_lossless = 1.0;         // ingress, lossless priority groups
  double alpha_lossy = 1.0;            // egress, lossy queues
  std::int64_t xon_bytes = 0;
  std::int64_t xon_offset_bytes = 0;
  std::int64_t headroom_pool_bytes = 0;  // 0: private headroom per group
  std::uint8_t lossless = 0;             // bit p: PFC is on for priority p
  // XOFF when a group reaches its limit, not when it goes beyond it; and a group resumes
  // only when a packet of its own leaves. The HPCC simulator's switch-mmu.cc does both.
  bool xoff_at_limit = false;
  bool resume_by_own = false;
};

struct alignas(64) PriorityGroup {
  std::int64_t used = 0;      // reserved + shared bytes
  std::int64_t headroom = 0;  // bytes taken above the limit
  std::int64_t headroom_limit = 0;
  std::int64_t used_max = 0;
  std::int64_t headroom_max = 0;
  std::int64_t refresh_ps = 0;  // while in XOFF: when the pause is repeated
  bool xoff = false;

  void note_maximum() { used_max = std::max(used_max, used); }
};

enum class Admission : std::uint8_t { kShared, kHeadroom, kBufferFull, kHeadroomExceeded };

class Mmu {
 public:
  Mmu() = default;
  /// `headroom_total`: sum of the private headroom of all lossless groups.
  Mmu(const MmuParams& params, std::int64_t groups, std::int64_t headroom_total)
      : params_(params),
        pool_bytes_(params.buffer_bytes - groups * params.pg_reserved_bytes -
                    (params.headroom_pool_bytes > 0 ? params.headroom_pool_bytes : headroom_total)),
        alpha_lossless_q16_(to_q16(params.alpha_lossless)),
        alpha_lossy_q16_(to_q16(params.alpha_lossy)),
        cell_inverse_(((1ULL << 32) + static_cast<std::uint64_t>(params.cell_bytes) - 1) /
                      static_cast<std::uint64_t>(params.cell_bytes)) {}

  const MmuParams& params() const { return params_; }
  std::int64_t pool_bytes() const { return pool_bytes_; }
  std::int64_t pool_used() const { return pool_used_; }
  std::int64_t pool_used_max() const { return pool_used_max_; }
  bool lossless(std::uint32_t priority) const { return (params_.lossless >> priority & 1) != 0; }

  /// Bytes of memory a frame takes: whole cells. Exact for frames < 64 KiB.
  std::int64_t footprint(std::uint32_t bytes) const {
    const auto cell = static_cast<std::uint64_t>(params_.cell_bytes);
    return static_cast<std::int64_t>((((bytes + cell - 1) * cell_inverse_) >> 32) * cell);
  }

  std::int64_t lossless_limit() const { return scale(alpha_lossless_q16_); }
  std::int64_t lossy_limit() const { return scale(alpha_lossy_q16_); }

  /// May a lossless frame of `size` cell bytes come in, and into which space?
  [[gnu::always_inline]] Admission admit_lossless(const PriorityGroup& pg,
                                                  std::int64_t size) const {
    const std::int64_t shared = shared_part(pg.used + size);
    const std::int64_t grows = shared - shared_part(pg.used);
    if (shared <= lossless_limit() && pool_used_ + grows <= pool_bytes_) [[likely]] {
      return Admission::kShared;
    }
    if (params_.headroom_pool_bytes > 0 && headroom_used_ + size > params_.headroom_pool_bytes)
      return Admission::kHeadroomExceeded;
    return pg.headroom + size <= pg.headroom_limit ? Admission::kHeadroom
                                                   : Admission::kHeadroomExceeded;
  }

  /// Does the group pause its sender though it needs no headroom yet?
  bool at_limit(const PriorityGroup& pg) const {
    return params_.xoff_at_limit && shared_part(pg.used) >= lossless_limit();
  }

  /// Is a lossless group where no frame of its own needs headroom or a pause?
  bool below_limit(const PriorityGroup& pg) const {
    const std::int64_t limit = lossless_limit() - (params_.xoff_at_limit ? 1 : 0);
    return shared_part(pg.used) <= limit;
  }

  /// May a lossy frame join an egress queue that holds `queue_bytes`?
  bool admit_lossy(std::int64_t queue_bytes, std::int64_t size) const {
    return queue_bytes + size <= lossy_limit();
  }
  bool pool_has(std::int64_t size) const { return pool_used_ + size <= pool_bytes_; }

  [[gnu::always_inline]] void take_shared(PriorityGroup& pg, std::int64_t size, bool lossless) {
    pool_used_ += lossless ? shared_part(pg.used + size) - shared_part(pg.used) : size;
    pg.used += size;
  }
  /// What a group may hold before the pool is charged for it.
  std::int64_t free_part(bool lossless) const { return lossless ? params_.pg_reserved_bytes : 0; }
  /// A group takes `size` more (less than nothing: gives back) of shared and reserved
  /// space. Returns what the pool is to be charged with.
  [[gnu::always_inline]] static std::int64_t charge(PriorityGroup& pg, std::int64_t size,
                                                    std::int64_t free_part) {
    const std::int64_t before = pg.used;
    pg.used = before + size;
    return std::max(before + size, free_part) - std::max(before, free_part);
  }
  void charge_pool(std::int64_t bytes) { pool_used_ += bytes; }
  void take_headroom(PriorityGroup& pg, std::int64_t size) {
    pg.headroom += size;
    headroom_used_ += size;
    pg.headroom_max = std::max(pg.headroom_max, pg.headroom);
  }
  /// Gives back the headroom first, as the silicon does.
  [[gnu::always_inline]] void release(PriorityGroup& pg, std::int64_t size, bool lossless) {
    if (pg.headroom > 0) [[unlikely]] {
      const std::int64_t from_headroom = std::min(size, pg.headroom);
      pg.headroom -= from_headroom;
      headroom_used_ -= from_headroom;
      size -= from_headroom;
    }
    const std::int64_t used = pg.used;
    pg.used = used - size;
    pool_used_ -= lossless ? shared_part(used) - shared_part(used - size) : size;
  }

  /// What a group holds counts from now on as lossless traffic does, or as lossy.
  void reclassify(const PriorityGroup& pg, bool lossless) {
    const std::int64_t difference = pg.used - shared_part(pg.used);
    pool_used_ += lossless ? -difference : difference;
  }
  void set_lossless(std::uint8_t priorities) { params_.lossless = priorities; }

  /// May a paused group let its sender go on?
  bool may_resume(const PriorityGroup& pg) const {
    return pg.headroom == 0 && shared_part(pg.used) <= resume_level();
  }
  /// Shared usage at or below which a group resumes now.
  std::int64_t resume_level() const {
    return std::max(params_.xon_bytes, lossless_limit() - params_.xon_offset_bytes);
  }
  std::int64_t shared_part(std::int64_t used) const {
    return std::max<std::int64_t>(0, used - params_.pg_reserved_bytes);
  }

  void note_pool_maximum() { pool_used_max_ = std::max(pool_used_max_, pool_used_); }

 private:
  static std::int64_t to_q16(double alpha) { return static_cast<std::int64_t>(alpha * 65536.0); }
  std::int64_t scale(std::int64_t alpha_q16) const {
    const std::int64_t free = pool_bytes_ - pool_used_;
    return free <= 0 ? 0 : (alpha_q16 * free) >> 16;
  }

  MmuParams params_;
  std::int64_t pool_bytes_ = 0;
  std::int64_t pool_used_ = 0;
  std::int64_t pool_used_max_ = 0;
  std::int64_t headroom_used_ = 0;
  std::int64_t alpha_lossless_q16_ = 0;
  std::int64_t alpha_lossy_q16_ = 0;
  std::uint64_t cell_inverse_ = 0;
};

}  // namespace emu
