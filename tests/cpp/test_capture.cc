// SPDX-License-Identifier: Apache-2.0
// Frames of the engine's packets, and the files that hold them.
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "check.h"
#include "emu/core/capture.h"
#include "emu/core/wire/icrc.h"
#include "emu/core/wire/pfc.h"
#include "emu/core/wire/udp.h"
#include "star.h"

using namespace emu;
using namespace emu::test;

namespace {
FramePlan plan_of(const Engine& e) {
  FramePlan plan;
  for (std::size_t i = 0; i < e.nodes().size(); ++i) {
    plan.node_mac.push_back({2, 0, 0, 0, 0, static_cast<std::uint8_t>(i)});
    plan.node_tier.push_back(e.nodes()[i].is_switch ? 1 : 0);
  }
  plan.gateway_mac = {2, 2, 0, 0, 0, 1};
  for (std::uint32_t i = 0; i < e.endpoints().size(); ++i) {
    plan.endpoint_ip.push_back(0xC6120001U + i);
  }
  for (std::uint32_t q = 0; q < e.queue_pairs().size(); ++q) {
    plan.src_qpn.push_back(0x111100 + q);
    plan.dst_qpn.push_back(0x222200 + q);
    plan.udp_sport.push_back(static_cast<std::uint16_t>(50'000 + q));
  }
  plan.dscp = {0, 8, 16, 26, 32, 40, 48, 56};
  return plan;
}

struct Collector final : Observer {
  FrameEncoder encoder;
  Payload payload;
  std::vector<std::vector<std::uint8_t>> frames;
  std::vector<std::uint32_t> lengths;
  Frame frame;

  Collector(const Engine& e, Payload p) : encoder(e, plan_of(e)), payload(p) {}
  void see(const Sighting& sighting, Ps) override {
    encoder.encode(sighting, payload, frame);
    frames.emplace_back(frame.data.begin(), frame.data.begin() + frame.captured);
    lengths.push_back(frame.length);
  }
  void recall(std::uint32_t, Ps, Ps) override {}
};

constexpr std::size_t kIp = 14, kUdp = 34, kBth = 42, kBody = 54;

std::string scratch(const char* name) {
  return (std::filesystem::temp_directory_path() /
          (std::string(name) + std::to_string(::getpid()) + ".pcapng"))
      .string();
}
}  // namespace

TEST(a_write_of_three_packets_byte_for_byte) {
  Star star;
  star.nic.ack_interval = 2;
  Engine& e = star.build();
  e.add_qp(0, 1, 50'000, 3, Verb::kWrite);
  e.post(0, 2 * 4096 + 5, 0);
  Collector seen(e, Payload::kPattern);
  e.watch(seen, {1});  // the receiver: three packets in, two ACKs out
  star.run();
  CHECK_EQ(seen.frames.size(), 5U);
  const int opcodes[] = {wire::kWriteFirst, wire::kWriteMiddle, wire::kAcknowledge,
                         wire::kWriteLastImmediate, wire::kAcknowledge};
  int acks = 0;
  for (std::size_t i = 0; i < 5; ++i) {
    const auto& f = seen.frames[i];
    const bool ack = f[kBth] == wire::kAcknowledge;
    acks += ack ? 1 : 0;
    CHECK_EQ(f.size(), seen.lengths[i]);
    CHECK(std::find(std::begin(opcodes), std::end(opcodes), int{f[kBth]}) != std::end(opcodes));
    CHECK(wire::Ipv4::checksum_ok(&f[kIp]));
    const wire::Ipv4 ip = wire::Ipv4::read(&f[kIp]);
    CHECK_EQ(ip.total_bytes, f.size() - kIp);
    CHECK_EQ(ip.dscp, 26);
    CHECK_EQ(ip.ecn, ack ? wire::kNotEct : wire::kEct0);
    CHECK_EQ(ip.ttl, ack ? 64 : 63);
    CHECK_EQ(wire::icrc_load(&f[f.size() - 4]), wire::icrc(&f[kIp], f.size() - kIp - 4));
    const wire::Udp udp = wire::Udp::read(&f[kUdp]);
    CHECK_EQ(udp.src, 50'000);
    CHECK_EQ(udp.dst, wire::kPortRoce);
    CHECK_EQ(udp.bytes, f.size() - kUdp);
    CHECK_EQ(wire::Bth::read(&f[kBth]).dest_qp, ack ? 0x111100U : 0x222200U);
  }
  CHECK_EQ(acks, 2);
  const auto& first = seen.frames[0];
  const auto& second = seen.frames[1];
  const wire::Reth reth = wire::Reth::read(&first[kBody]);
  CHECK_EQ(reth.length_bytes, 2U * 4096 + 5);
  CHECK(!wire::Bth::read(&first[kBth]).ack_request);
  CHECK(wire::Bth::read(&second[kBth]).ack_request);  // every second packet asks
  CHECK_EQ(wire::load_be64(&first[kBody + 16]), 0U);
  CHECK_EQ(wire::load_be64(&second[kBody]), 512U);  // words of the first packet
  const auto last = std::find_if(seen.frames.begin(), seen.frames.end(), [](const auto& f) {
    return f[kBth] == wire::kWriteLastImmediate;
  });
  CHECK_EQ(wire::Bth::read(&(*last)[kBth]).pad, 3);
  CHECK_EQ(wire::ImmDt::read(&(*last)[kBody]).value, 0U);
  CHECK_EQ(last->size(), 62U + 4 + 8 - 4);
}

TEST(a_read_and_its_responses) {
  Star star;
  Engine& e = star.build();
  e.add_qp(0, 1, 50'000, 3, Verb::kRead);
  e.post(0, 4096, 0);
  e.post(0, 3 * 4096, 0);
  Collector seen(e, Payload::kSnapped);
  e.watch(seen, {1});
  star.run();
  std::vector<int> opcodes;
  for (const auto& f : seen.frames) opcodes.push_back(f[kBth]);
  std::sort(opcodes.begin(), opcodes.end());
  const std::vector<int> wanted = {wire::kReadRequest,       wire::kReadRequest,
                                   wire::kReadResponseFirst, wire::kReadResponseMiddle,
                                   wire::kReadResponseLast,  wire::kReadResponseOnly};
  CHECK(opcodes == wanted);
  for (std::size_t i = 0; i < seen.frames.size(); ++i) {
    const auto& f = seen.frames[i];
    const wire::Bth bth = wire::Bth::read(&f[kBth]);
    const bool request = bth.opcode == wire::kReadRequest;
    CHECK_EQ(bth.ack_request, request);
    CHECK_EQ(bth.dest_qp, request ? 0x111100U : 0x222200U);
    CHECK_EQ(f.size() < seen.lengths[i], !request);  // payload stays off the disk
    if (request) {
      CHECK_EQ(wire::Reth::read(&f[kBody]).length_bytes, bth.psn == 0 ? 4096U : 3U * 4096);
    } else if (bth.opcode != wire::kReadResponseMiddle) {
      CHECK_EQ(wire::Aeth::read(&f[kBody]).msn, bth.psn == 0 ? 1U : 2U);
    }
  }
}

TEST(a_repeated_read_asks_for_the_rest_and_is_answered_from_there) {
  Star star;
  Engine& e = star.build();
  e.add_qp(0, 1, 50'000, 3, Verb::kRead);
  e.post(0, 10 * 4096, 0);
  Collector seen(e, Payload::kSnapped);
  e.watch(seen, {0});  // the responder
  e.run_until(star.flight(78) + serialisation_ps(2 * 4180, star.rate), false);
  e.set_black_hole(0, true, {});  // its NIC loses a packet, the third
  while (star.dropped(Drop::kBlackHole) == 0) e.run_until(e.now() + 10 * kNs, false);
  e.set_black_hole(0, false, {});
  star.run();
  std::vector<wire::Bth> requests;
  std::vector<wire::Bth> answers;
  std::uint32_t rest = 0;
  for (const auto& f : seen.frames) {
    const wire::Bth bth = wire::Bth::read(&f[kBth]);
    if (bth.opcode == wire::kReadRequest) {
      requests.push_back(bth);
      rest = wire::Reth::read(&f[kBody]).length_bytes;
    }
    if (bth.opcode == wire::kReadResponseFirst) answers.push_back(bth);
  }
  CHECK_EQ(requests.size(), 2U);
  CHECK_EQ(answers.size(), 2U);
  CHECK(requests[1].psn > 0);
  CHECK_EQ(answers[1].psn, requests[1].psn);
  CHECK_EQ(rest, (10 - requests[1].psn) * 4096);
}

TEST(a_capture_holds_no_more_than_what_may_still_change) {
  Star star(4);
  star.chip.mmu.buffer_bytes = 2'000'000;
  star.chip.mmu.alpha_lossless = 1.0 / 32;
  Engine& e = star.build();
  for (std::uint32_t i = 1; i < 4; ++i) {
    e.add_qp(i, 0, static_cast<std::uint16_t>(50'000 + i), 3, Verb::kWrite);
    e.post(i - 1, 100'000'000, 0);
  }
  Capture capture(e, plan_of(e), "test");
  const std::string path = scratch("held");
  capture.add_port(4, path, {"p", "", {}, 400'000'000'000}, "", {}, {}, Payload::kSnapped);
  star.run();
  capture.finish(e.now());
  CHECK_EQ(capture.error(), 0);
  CHECK(capture.frames()[0] > 70'000);
  CHECK(capture.held_max() <= 2 * 4096);
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> bytes((std::istreambuf_iterator<char>(file)), {});
  std::filesystem::remove(path);
  // Blocks follow each other to the last byte; times never go back.
  std::size_t at = 0;
  std::uint64_t packets = 0, before = 0;
  const auto word = [&](std::size_t i) {
    return wire::load_le32(reinterpret_cast<const std::uint8_t*>(&bytes[i]));
  };
  while (at < bytes.size()) {
    const std::uint32_t length = word(at + 4);
    CHECK_EQ(length % 4, 0U);
    CHECK_EQ(word(at + length - 4), length);
    if (word(at) == 6) {
      const std::uint64_t time = (static_cast<std::uint64_t>(word(at + 12)) << 32) | word(at + 16);
      CHECK(time >= before);
      before = time;
      ++packets;
    }
    at += length;
  }
  CHECK_EQ(at, bytes.size());
  CHECK_EQ(packets, capture.frames()[0]);
}

TEST(a_file_that_cannot_be_made_is_an_error_and_not_a_crash) {
  Star star;
  Engine& e = star.build();
  Capture capture(e, plan_of(e), "test");
  capture.add_port(0, "/no/such/folder/x.pcapng", {"p", "", {}, 0}, "", {}, {}, Payload::kSnapped);
  CHECK(capture.error() != 0);
  capture.finish(0);
}
