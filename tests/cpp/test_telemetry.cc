// SPDX-License-Identifier: Apache-2.0
// Recording: it changes nothing, and what it says agrees with the counters.
#include <cstdint>

#include "check.h"
#include "emu/core/telemetry/telemetry.h"
#include "star.h"

using namespace emu;
using namespace emu::test;

namespace {
/// Three senders and one receiver, with a buffer that fills.
struct Jam : Star {
  Jam() : Star(4) {
    chip.mmu.buffer_bytes = 1'500'000;
    ecn = {100'000, 400'000, 0.2, 8};
    nic.congestion_control = true;
  }
};

void start(Star& star) {
  Engine& e = star.build();
  for (std::uint32_t i = 0; i < 3; ++i) {
    e.add_qp(i, 3, static_cast<std::uint16_t>(50'000 + i), 3, Verb::kWrite);
    e.post(i, 4'000'000, i * 100 * kNs);
  }
}

constexpr telemetry::Wanted kEverything{true, 100'000, 1'000, 10, 1'000'000};
}  // namespace

TEST(a_recorded_run_is_the_same_run) {
  Jam plain;
  Jam recorded;
  start(plain);
  start(recorded);
  telemetry::Telemetry record(recorded.engine, kEverything);
  for (Ps at = 10 * kUs; at < kMs; at += 10 * kUs) {
    plain.run(at);
    recorded.run(at);
    recorded.engine.sample();
  }
  record.finish();
  CHECK(plain.engine.totals().pfc_frames > 0);
  CHECK_EQ(recorded.engine.totals().pfc_frames, plain.engine.totals().pfc_frames);
  CHECK_EQ(recorded.engine.totals().packet_hops, plain.engine.totals().packet_hops);
  for (std::uint32_t m = 0; m < 3; ++m) {
    CHECK_EQ(recorded.message(m).end, plain.message(m).end);
    CHECK_EQ(recorded.message(m).acked, plain.message(m).acked);
  }
  const std::uint32_t queue = 7 * kPriorities + 3;
  CHECK_EQ(recorded.engine.watermark(queue), plain.engine.watermark(queue));
}

TEST(what_is_recorded_adds_up_to_the_counters) {
  Jam jam;
  start(jam);
  telemetry::Telemetry record(jam.engine, kEverything);
  for (Ps at = 10 * kUs; at < kMs; at += 10 * kUs) {
    jam.run(at);
    jam.engine.sample();
  }
  record.finish();
  std::int64_t sent = 0, peak = 0, received = 0, payload = 0;
  for (const auto& row : record.meters().ports()) {
    if (row.port == 7 && row.priority == 3) {
      sent += row.tx_packets;
      peak = std::max(peak, row.egress_peak);
    }
  }
  for (const auto& row : record.meters().wires()) received += row.port == 3 ? row.rx_packets : 0;
  for (const auto& row : record.meters().pairs()) payload += row.delivered_bytes;
  CHECK_EQ(sent, static_cast<std::int64_t>(jam.queue(7, 3).tx_packets));
  CHECK_EQ(received, sent + static_cast<std::int64_t>(jam.queue(7, 6).tx_packets));
  CHECK_EQ(peak, jam.engine.watermark(7 * kPriorities + 3));
  CHECK_EQ(payload, 3 * 4'000'000);
  std::uint64_t frames = 0;
  for (const auto& pause : record.episodes()->rows()) {
    frames += pause.frames;
    CHECK(pause.end > pause.start && pause.obeyed > pause.start && pause.released > pause.end);
    CHECK_EQ(pause.parent, -1);
    CHECK_EQ(pause.queue, 7U * kPriorities + 3);
    CHECK(!pause.cause.empty());
  }
  CHECK_EQ(frames, jam.engine.totals().pfc_frames);
  std::int64_t burst_peak = 0;
  for (const auto& burst : record.bursts()->rows()) {
    CHECK(burst.over && burst.start <= burst.peak_at && burst.peak_at <= burst.end);
    burst_peak = std::max(burst_peak, burst.peak_bytes);
  }
  CHECK_EQ(burst_peak, jam.engine.watermark(7 * kPriorities + 3));
  // Of each queue pair one packet in ten, at the sender and at the switch.
  CHECK_EQ(record.packets()->rows().size(), 2 * (3 * (4'000'000 + 4095) / 4096 / 10));
}

TEST(a_table_takes_no_more_than_its_limit) {
  Jam jam;
  start(jam);
  telemetry::Telemetry record(jam.engine, {true, 10'000, 100, 1, 100});
  for (Ps at = 10 * kUs; at < kMs; at += 10 * kUs) {
    jam.run(at);
    jam.engine.sample();
  }
  record.finish();
  CHECK(record.meters().ports().size() <= 100);
  CHECK(record.meters().pairs().size() <= 100);
  CHECK_EQ(record.packets()->rows().size(), 100U);
}

TEST(nobody_records_once_the_record_is_gone) {
  Jam jam;
  start(jam);
  {
    telemetry::Telemetry record(jam.engine, kEverything);
  }
  for (const Port& port : jam.engine.ports()) CHECK(!port.impaired);
  jam.run();
}
