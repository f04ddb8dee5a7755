// SPDX-License-Identifier: Apache-2.0
#include "check.h"
#include "emu/core/port.h"
#include "emu/core/units.h"

using namespace emu;

TEST(serialisation_is_exact_at_the_usual_rates) {
  // 4096 B of payload: 4158 B frame, 4178 B with preamble and gap.
  CHECK_EQ(serialisation_ps(4178, 100'000'000'000), 334'240);
  CHECK_EQ(serialisation_ps(4178, 400'000'000'000), 83'560);
  CHECK_EQ(serialisation_ps(4178, 800'000'000'000), 41'780);
  CHECK_EQ(serialisation_ps(64, 10'000'000'000), 51'200);
}

TEST(serialisation_at_odd_rates_rounds_up) {
  CHECK_EQ(serialisation_ps(1, 3), 2'666'666'666'667);
  CHECK_EQ(serialisation_ps(64, 3'000'000'000), 170'667);
  CHECK_EQ(serialisation_ps(0, 7), 0);
  // A link of rate r never carries more than r bits in a second.
  for (const Bps rate : {Bps{3}, Bps{999'999'937}, Bps{26'562'500'000}, Bps{106'250'000'000}}) {
    for (std::int64_t bytes = 1; bytes < 10'000; bytes += 37) {
      const Ps time = serialisation_ps(bytes, rate);
      CHECK(static_cast<__int128>(time) * rate >= static_cast<__int128>(bytes) * 8 * kPsPerSecond);
      CHECK(static_cast<__int128>(time - 1) * rate <
            static_cast<__int128>(bytes) * 8 * kPsPerSecond);
    }
  }
}

TEST(link_rate_agrees_with_the_division_at_every_rate) {
  for (const Bps gbps : {1, 3, 7, 10, 25, 40, 50, 56, 100, 112, 200, 224, 400, 800, 1600}) {
    const Bps rate = gbps * 1'000'000'000;
    const LinkRate ready(rate);
    for (std::int64_t bytes = 0; bytes < 10'000; bytes += 13) {
      CHECK_EQ(ready.time_of(bytes), serialisation_ps(bytes, rate));
    }
  }
}

TEST(pause_of_65535_quanta_lasts_what_the_standard_says) {
  // 65535 x 512 bit times: 335.5 us at 100G, 83.9 us at 400G, 41.9 us at 800G.
  CHECK_EQ(pause_ps(65535, 100'000'000'000), 335'539'200);
  CHECK_EQ(pause_ps(65535, 400'000'000'000), 83'884'800);
  CHECK_EQ(pause_ps(65535, 800'000'000'000), 41'942'400);
  CHECK_EQ(pause_ps(0, 400'000'000'000), 0);
  CHECK_EQ(pause_ps(1, 3), 170'666'666'666'667);  // rounded up: a pause never ends early
}

TEST(pause_response_of_the_standard_at_400G) {
  CHECK_EQ(pause_ps(905, 400'000'000'000), 1'158'400);  // 802.3 31B.3.7
}

TEST(pause_time_adds_up_over_new_longer_and_ended_pauses) {
  EgressQueue queue;
  queue.pause(100, 200);
  CHECK_EQ(queue.paused_total(150), 50);
  queue.pause(150, 250);  // refreshed before it ran out
  CHECK_EQ(queue.paused_total(250), 150);
  CHECK_EQ(queue.paused_total(400), 150);  // ran out by itself
  queue.pause(500, 600);
  queue.pause(530, 530);  // XON
  CHECK_EQ(queue.paused_total(1000), 180);
  CHECK_EQ(queue.paused_until, 530);
}
