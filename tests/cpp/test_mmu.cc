// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "check.h"
#include "emu/core/mmu.h"

using namespace emu;

namespace {
MmuParams params() {
  MmuParams p;
  p.cell_bytes = 100;
  p.buffer_bytes = 100'000;
  p.pg_reserved_bytes = 1'000;
  p.alpha_lossless = 1.0;
  p.alpha_lossy = 0.5;
  p.xon_bytes = 2'000;
  p.xon_offset_bytes = 3'000;
  p.lossless = 1U << 3;
  return p;
}
}  // namespace

TEST(footprint_is_whole_cells_for_every_frame_size) {
  for (const std::int32_t cell : {1, 80, 144, 192, 208, 254, 256, 1024}) {
    MmuParams p;
    p.cell_bytes = cell;
    p.buffer_bytes = 1'000'000;
    const Mmu mmu(p, 0, 0);
    for (std::uint32_t bytes = 1; bytes < 65'536; ++bytes) {
      const std::int64_t wanted = (bytes + cell - 1) / cell * cell;
      if (mmu.footprint(bytes) != wanted) {
        CHECK_EQ(bytes, 0);
        CHECK_EQ(mmu.footprint(bytes), wanted);
      }
    }
  }
}

TEST(pool_is_the_buffer_less_reserved_space_and_headroom) {
  const Mmu private_headroom(params(), 4, 20'000);
  CHECK_EQ(private_headroom.pool_bytes(), 100'000 - 4 * 1'000 - 20'000);
  MmuParams shared = params();
  shared.headroom_pool_bytes = 15'000;
  CHECK_EQ(Mmu(shared, 4, 20'000).pool_bytes(), 100'000 - 4 * 1'000 - 15'000);
}

TEST(reserved_space_is_used_before_shared_space) {
  Mmu mmu(params(), 4, 20'000);
  PriorityGroup pg;
  mmu.take_shared(pg, 800, true);
  CHECK_EQ(mmu.pool_used(), 0);
  mmu.take_shared(pg, 800, true);
  CHECK_EQ(mmu.pool_used(), 600);
  mmu.release(pg, 700, true);
  CHECK_EQ(pg.used, 900);
  CHECK_EQ(mmu.pool_used(), 0);
  mmu.release(pg, 900, true);
  CHECK_EQ(pg.used, 0);
  CHECK_EQ(mmu.pool_used(), 0);
}

TEST(lossy_groups_have_no_reserved_space) {
  Mmu mmu(params(), 4, 20'000);
  PriorityGroup pg;
  mmu.take_shared(pg, 800, false);
  CHECK_EQ(mmu.pool_used(), 800);
  mmu.release(pg, 800, false);
  CHECK_EQ(mmu.pool_used(), 0);
}

TEST(dynamic_limit_is_alpha_times_what_is_free) {
  Mmu mmu(params(), 0, 0);
  CHECK_EQ(mmu.lossless_limit(), 100'000);
  CHECK_EQ(mmu.lossy_limit(), 50'000);
  PriorityGroup pg;
  mmu.take_shared(pg, 61'000, true);
  CHECK_EQ(mmu.pool_used(), 60'000);
  CHECK_EQ(mmu.lossless_limit(), 40'000);
  CHECK_EQ(mmu.lossy_limit(), 20'000);
  CHECK(mmu.admit_lossy(19'000, 1'000));
  CHECK(!mmu.admit_lossy(19'000, 1'001));
}

TEST(equal_queues_settle_at_alpha_times_buffer_over_one_plus_n_alpha) {
  for (const double alpha : {0.125, 0.25, 1.0, 8.0}) {
    for (const int n : {1, 2, 5, 16}) {
      MmuParams p = params();
      p.cell_bytes = 1;
      p.pg_reserved_bytes = 0;
      p.alpha_lossless = alpha;
      p.buffer_bytes = 10'000'000;
      Mmu mmu(p, 0, 0);
      std::vector<PriorityGroup> groups(static_cast<std::size_t>(n));
      for (bool any = true; any;) {
        any = false;
        for (PriorityGroup& pg : groups) {
          if (mmu.admit_lossless(pg, 1'000) != Admission::kShared) continue;
          mmu.take_shared(pg, 1'000, true);
          any = true;
        }
      }
      const double settled = alpha * 1e7 / (1 + n * alpha);
      for (const PriorityGroup& pg : groups) {
        CHECK_NEAR(static_cast<double>(pg.used), settled, 1'000 * (1 + alpha));
      }
    }
  }
}

TEST(a_group_over_its_limit_goes_into_its_own_headroom_and_no_further) {
  Mmu mmu(params(), 0, 0);
  PriorityGroup pg;
  pg.headroom_limit = 2'500;
  mmu.take_shared(pg, 51'000, true);  // shared 50,000 = the limit with 50,000 free
  CHECK(mmu.admit_lossless(pg, 1'000) == Admission::kHeadroom);
  mmu.take_headroom(pg, 1'000);
  CHECK(mmu.admit_lossless(pg, 1'500) == Admission::kHeadroom);
  mmu.take_headroom(pg, 1'500);
  CHECK(mmu.admit_lossless(pg, 1) == Admission::kHeadroomExceeded);
  CHECK_EQ(pg.headroom_max, 2'500);
  CHECK_EQ(mmu.pool_used(), 50'000);  // headroom is not shared space
}

TEST(a_shared_headroom_pool_is_one_for_all_groups) {
  MmuParams p = params();
  p.headroom_pool_bytes = 3'000;
  p.alpha_lossless = 0.0;  // nothing but headroom
  p.pg_reserved_bytes = 0;
  Mmu mmu(p, 0, 0);
  PriorityGroup a;
  PriorityGroup b;
  a.headroom_limit = b.headroom_limit = 2'000;
  CHECK(mmu.admit_lossless(a, 2'000) == Admission::kHeadroom);
  mmu.take_headroom(a, 2'000);
  CHECK(mmu.admit_lossless(a, 100) == Admission::kHeadroomExceeded);  // its own cap
  CHECK(mmu.admit_lossless(b, 1'000) == Admission::kHeadroom);
  mmu.take_headroom(b, 1'000);
  CHECK(mmu.admit_lossless(b, 100) == Admission::kHeadroomExceeded);  // the pool
  mmu.release(a, 2'000, true);
  CHECK(mmu.admit_lossless(b, 1'000) == Admission::kHeadroom);
}

TEST(headroom_is_given_back_before_anything_else) {
  Mmu mmu(params(), 0, 0);
  PriorityGroup pg;
  pg.headroom_limit = 10'000;
  mmu.take_shared(pg, 51'000, true);
  mmu.take_headroom(pg, 4'000);
  mmu.release(pg, 3'000, true);
  CHECK_EQ(pg.headroom, 1'000);
  CHECK_EQ(pg.used, 51'000);
  mmu.release(pg, 3'000, true);
  CHECK_EQ(pg.headroom, 0);
  CHECK_EQ(pg.used, 49'000);
  CHECK_EQ(mmu.pool_used(), 48'000);
}

TEST(a_group_resumes_only_with_empty_headroom_and_below_limit_less_offset) {
  Mmu mmu(params(), 0, 0);
  PriorityGroup pg;
  pg.headroom_limit = 10'000;
  mmu.take_shared(pg, 51'000, true);
  mmu.take_headroom(pg, 1'000);
  CHECK(!mmu.may_resume(pg));
  mmu.release(pg, 1'000, true);
  CHECK_EQ(pg.headroom, 0);
  CHECK(!mmu.may_resume(pg));  // shared 50,000 > 50,000 - 3,000
  mmu.release(pg, 1'500, true);
  CHECK(mmu.may_resume(pg));  // shared 48,500 <= 51,500 - 3,000
  mmu.take_shared(pg, 1, true);
  CHECK(!mmu.may_resume(pg));
}

TEST(xon_is_a_floor_where_the_limit_less_offset_falls_below_it) {
  Mmu mmu(params(), 0, 0);
  PriorityGroup other;
  mmu.take_shared(other, 98'500, true);  // 2,500 free: limit - offset is negative
  CHECK_EQ(mmu.resume_level(), 2'000);
  PriorityGroup pg;
  mmu.take_shared(pg, 3'000, true);
  CHECK(mmu.may_resume(pg));
  mmu.take_shared(pg, 1, true);
  CHECK(!mmu.may_resume(pg));
}

TEST(nothing_is_left_after_a_random_walk_has_been_undone) {
  MmuParams p = params();
  Mmu mmu(p, 8, 20'000);
  std::array<PriorityGroup, 8> groups{};
  for (PriorityGroup& pg : groups) pg.headroom_limit = 2'500;
  std::vector<std::pair<std::size_t, std::int64_t>> held;
  std::uint64_t x = 12345;
  for (int i = 0; i < 20'000; ++i) {
    x = x * 6364136223846793005ULL + 1442695040888963407ULL;
    const std::size_t g = (x >> 60) & 7;
    const auto size = static_cast<std::int64_t>(100 * (1 + ((x >> 40) & 63)));
    if (((x >> 33) & 1) != 0 || held.empty()) {
      switch (mmu.admit_lossless(groups[g], size)) {
        case Admission::kShared:
          mmu.take_shared(groups[g], size, true);
          held.emplace_back(g, size);
          break;
        case Admission::kHeadroom:
          mmu.take_headroom(groups[g], size);
          held.emplace_back(g, size);
          break;
        default:
          break;
      }
    } else {
      const std::size_t which = (x >> 20) % held.size();
      mmu.release(groups[held[which].first], held[which].second, true);
      held[which] = held.back();
      held.pop_back();
    }
    CHECK(mmu.pool_used() >= 0 && mmu.pool_used() <= mmu.pool_bytes());
    std::int64_t shared = 0;
    for (const PriorityGroup& pg : groups) {
      CHECK(pg.headroom >= 0 && pg.headroom <= pg.headroom_limit);
      shared += mmu.shared_part(pg.used);
    }
    CHECK_EQ(mmu.pool_used(), shared);  // the pool holds the sum of the shared parts
  }
  for (const auto& [g, size] : held) mmu.release(groups[g], size, true);
  CHECK_EQ(mmu.pool_used(), 0);
  for (const PriorityGroup& pg : groups) CHECK_EQ(pg.used + pg.headroom, 0);
}
