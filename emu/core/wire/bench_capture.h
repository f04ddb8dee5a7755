// SPDX-License-Identifier: Apache-2.0
// A capture to measure with: always the same bytes, as many as are asked for.
//
// WRITE messages of 64 KiB over many queue pairs at a path MTU of 4096, ACKs every
// eighth packet, one packet in 50 marked and answered by a CNP, a tenth of the queue
// pairs inside VXLAN, every 1,000th packet lost and repaired by go-back-N, PFC in
// between. pcap with nanoseconds.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "bth.h"
#include "bytes.h"
#include "ethernet.h"
#include "icrc.h"
#include "ip.h"
#include "pfc.h"
#include "udp.h"
#include "vxlan.h"

namespace emu::wire {

class BenchCapture {
 public:
  static constexpr std::uint32_t kMtu = 4096;
  static constexpr std::uint32_t kPacketsPerMessage = 16;
  static constexpr std::uint32_t kFrameMax = kMtu + 256;

  /// `snap_bytes` of each packet are kept, 0: all. `header`: begin with a file header.
  BenchCapture(std::uint32_t queue_pairs, std::uint32_t snap_bytes, bool header)
      : snap_(snap_bytes == 0 ? kFrameMax : snap_bytes),
        pairs_(std::max(1U, queue_pairs)),
        header_(header) {
    for (std::uint32_t i = 0; i < pairs_.size(); ++i) {
      pairs_[i].psn = i * 2654435761U & kPsnMask;
      pairs_[i].sport = roce_source_port(i * 40503U);
    }
  }

  std::uint64_t packets() const { return packets_; }

  /// Writes whole records into `room` until the next might not fit; returns the bytes.
  std::size_t fill(std::uint8_t* room, std::size_t n) {
    std::uint8_t* p = room;
    std::uint8_t* const end = room + n;
    if (header_ && n >= 24) {
      header_ = false;
      const std::uint32_t words[6] = {0xA1B23C4D, 0, 0, 0, snap_, 1};
      for (const std::uint32_t w : words) {
        store_le32(p, w);
        p += 4;
      }
      store_le32(room + 4, 2 | (4U << 16));
    }
    while (static_cast<std::size_t>(end - p) >= kEventRecords * (16 + kFrameMax)) p = event(p);
    return static_cast<std::size_t>(p - room);
  }

 private:
  static constexpr std::size_t kEventRecords = 20;  // at most so many in one event

  struct Pair {
    std::uint32_t psn = 0;
    std::uint32_t in_message = 0;
    std::uint16_t sport = 0;
  };

  std::uint64_t random() {  // SplitMix64 of a counter
    std::uint64_t z = ++counter_ * 0x9E3779B97F4A7C15ULL;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
  }

  std::uint8_t* event(std::uint8_t* p) {
    const std::uint64_t r = random();
    const auto index = static_cast<std::uint32_t>(r % pairs_.size());
    Pair& q = pairs_[index];
    if ((r >> 32) % 2000 == 0) p = pause(p, (r >> 50) % 2 == 0);
    const bool marked = (r >> 40) % 50 == 0;
    if ((r >> 20) % 1000 == 0 && q.in_message + 2 < kPacketsPerMessage) {
      // One is lost: the next two show it, the NAK asks, and all three come again.
      const Pair lost = q;
      ++q.psn;
      ++q.in_message;
      p = data(p, index, false);
      p = data(p, index, false);
      q = lost;
      p = ack(p, index, q.psn, kNakPsnSequence);
    }
    const std::uint32_t psn = q.psn;
    const bool asks = q.in_message % 8 == 7;
    p = data(p, index, marked);
    if (marked) p = cnp(p, index);
    if (asks) p = ack(p, index, psn, kSyndromeAckUnlimited);
    return p;
  }

  std::uint8_t* data(std::uint8_t* p, std::uint32_t index, bool marked) {
    Pair& q = pairs_[index];
    const bool first = q.in_message == 0;
    const bool last = q.in_message + 1 == kPacketsPerMessage;
    Bth bth;
    bth.opcode = first ? kWriteFirst : last ? kWriteLast : kWriteMiddle;
    bth.dest_qp = 0x1000 + index;
    bth.psn = q.psn & kPsnMask;
    bth.ack_request = q.in_message % 8 == 7;
    Reth reth;
    reth.address = std::uint64_t{index} << 32;
    reth.length_bytes = kMtu * kPacketsPerMessage;
    const std::uint32_t extension = first ? Reth::kBytes : 0;
    ++q.psn;
    q.in_message = last ? 0 : q.in_message + 1;
    std::uint8_t* const at = begin(index, true, extension + kMtu, marked ? 3 : 2, 26, bth);
    if (first) reth.write(at);
    fill_payload(at + extension, kMtu, q.psn);
    return record(p, index);
  }

  std::uint8_t* ack(std::uint8_t* p, std::uint32_t index, std::uint32_t psn,
                    std::uint8_t syndrome) {
    Bth bth;
    bth.opcode = kAcknowledge;
    bth.dest_qp = 0x800000 + index;
    bth.psn = psn & kPsnMask;
    std::uint8_t* const at = begin(index, false, Aeth::kBytes, 2, 26, bth);
    Aeth{syndrome, psn / kPacketsPerMessage & kPsnMask}.write(at);
    return record(p, index);
  }

  std::uint8_t* cnp(std::uint8_t* p, std::uint32_t index) {
    Bth bth;
    bth.opcode = kCnp;
    bth.becn = true;
    bth.dest_qp = 0x800000 + index;
    std::uint8_t* const at = begin(index, false, kCnpPaddingBytes, 0, 48, bth);
    std::memset(at, 0, kCnpPaddingBytes);
    return record(p, index);
  }

  std::uint8_t* pause(std::uint8_t* p, bool on) {
    std::memset(frame_, 0, kFrameBytesMin);
    Ethernet{kMacControlAddress, {2, 0, 0, 0, 1, 1}, kEtherMacControl}.write(frame_);
    Pfc pfc;
    pfc.enabled = 8;
    pfc.quanta[3] = on ? 0xFFFF : 0;
    pfc.write(frame_ + Ethernet::kBytes);
    frame_bytes_ = kFrameBytesMin;
    icrc_at_ = 0;
    return record(p, 0);
  }

  /// Headers up to the BTH into frame_; returns where its extensions begin.
  std::uint8_t* begin(std::uint32_t index, bool forward, std::uint32_t behind_bth, std::uint8_t ecn,
                      std::uint8_t dscp, const Bth& bth) {
    const auto udp_bytes =
        static_cast<std::uint16_t>(Udp::kBytes + Bth::kBytes + behind_bth + kIcrcBytes);
    Ipv4 ip;
    ip.dscp = dscp;
    ip.ecn = ecn;
    ip.total_bytes = static_cast<std::uint16_t>(Ipv4::kBytes + udp_bytes);
    ip.fragment = Ipv4::kDontFragment;
    ip.src = 0x0A000000 | (index % 64);
    ip.dst = 0x0A010000 | (index / 64 % 64);
    if (!forward) std::swap(ip.src, ip.dst);
    std::uint8_t* p = frame_;
    if (index % 10 == 0) p = tunnel(p, ip, index);
    Ethernet{{2, 0, 0, 0, 0, 2}, {2, 0, 0, 0, 0, 1}, kEtherIpv4}.write(p);
    p += Ethernet::kBytes;
    ip.write(p);
    ip_at_ = static_cast<std::size_t>(p - frame_);
    p += Ipv4::kBytes;
    Udp{pairs_[index].sport, kPortRoce, udp_bytes, 0}.write(p);
    p += Udp::kBytes;
    bth.write(p);
    icrc_at_ = ip_at_ + ip.total_bytes - kIcrcBytes;
    frame_bytes_ = icrc_at_ + kIcrcBytes;
    return p + Bth::kBytes;
  }

  std::uint8_t* tunnel(std::uint8_t* p, const Ipv4& inner, std::uint32_t index) {
    Ipv4 ip = inner;
    const auto overhead = Udp::kBytes + Vxlan::kBytes + Ethernet::kBytes;
    ip.total_bytes = static_cast<std::uint16_t>(inner.total_bytes + Ipv4::kBytes + overhead);
    ip.src |= 0x00640000;
    ip.dst |= 0x00640000;
    Ethernet{{2, 0, 0, 0, 0, 4}, {2, 0, 0, 0, 0, 3}, kEtherIpv4}.write(p);
    p += Ethernet::kBytes;
    ip.write(p);
    p += Ipv4::kBytes;
    Udp{pairs_[index].sport, kPortVxlan, static_cast<std::uint16_t>(ip.total_bytes - Ipv4::kBytes),
        0}
        .write(p);
    p += Udp::kBytes;
    Vxlan vxlan;
    vxlan.vni = 100;
    vxlan.write(p);
    return p + Vxlan::kBytes;
  }

  void fill_payload(std::uint8_t* p, std::uint32_t n, std::uint32_t psn) const {
    if (snap_ < kFrameMax) return;  // it would not be in the file
    for (std::uint32_t i = 0; i < n; i += 8) store_be64(p + i, (std::uint64_t{psn} << 32) | i);
  }

  std::uint8_t* record(std::uint8_t* p, std::uint32_t index) {
    const auto captured = static_cast<std::uint32_t>(std::min<std::size_t>(frame_bytes_, snap_));
    if (icrc_at_ != 0 && captured == frame_bytes_) {
      icrc_store(frame_ + icrc_at_, icrc(frame_ + ip_at_, icrc_at_ - ip_at_));
    }
    time_ns_ += 80 + index % 16;
    ++packets_;
    store_le32(p, static_cast<std::uint32_t>(1'700'000'000 + time_ns_ / 1'000'000'000));
    store_le32(p + 4, static_cast<std::uint32_t>(time_ns_ % 1'000'000'000));
    store_le32(p + 8, captured);
    store_le32(p + 12, static_cast<std::uint32_t>(frame_bytes_));
    std::memcpy(p + 16, frame_, captured);
    return p + 16 + captured;
  }

  std::uint32_t snap_;
  std::vector<Pair> pairs_;
  bool header_;
  std::uint64_t counter_ = 0;
  std::uint64_t packets_ = 0;
  std::uint64_t time_ns_ = 0;
  std::uint8_t frame_[kFrameMax] = {};
  std::size_t frame_bytes_ = 0;
  std::size_t ip_at_ = 0;
  std::size_t icrc_at_ = 0;
};

}  // namespace emu::wire
