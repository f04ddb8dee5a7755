// SPDX-License-Identifier: Apache-2.0
// InfiniBand base transport header and its extension headers.
//
// On the wire the order is BTH, DETH or XRCETH, RETH or AtomicETH, AETH,
// AtomicAckETH, ImmDt, IETH, payload, pad, ICRC; opcode.h says which are there.
// Source: IBTA vol. 1 sections 9.2 to 9.5; FECN and BECN annex A17.
#pragma once

#include <cstdint>

#include "bytes.h"
#include "opcode.h"

namespace emu::wire {

inline constexpr std::uint32_t kPsnMask = 0xFFFFFF;
inline constexpr std::uint32_t kQpMask = 0xFFFFFF;
inline constexpr std::size_t kIcrcBytes = 4;

struct Bth {
  static constexpr std::size_t kBytes = 12;
  std::uint8_t opcode = 0;
  bool solicited = false;
  bool migration = false;
  std::uint8_t pad = 0;      // bytes that fill the payload to a multiple of 4, 0 to 3
  std::uint8_t version = 0;  // of the transport header
  std::uint16_t pkey = 0xFFFF;
  bool fecn = false;
  bool becn = false;
  std::uint32_t dest_qp = 0;  // 24 bits
  bool ack_request = false;
  std::uint32_t psn = 0;  // 24 bits

  static Bth read(const std::uint8_t* p) {
    return {.opcode = p[0],
            .solicited = (p[1] & 0x80) != 0,
            .migration = (p[1] & 0x40) != 0,
            .pad = static_cast<std::uint8_t>((p[1] >> 4) & 3),
            .version = static_cast<std::uint8_t>(p[1] & 0x0F),
            .pkey = load_be16(p + 2),
            .fecn = (p[4] & 0x80) != 0,
            .becn = (p[4] & 0x40) != 0,
            .dest_qp = load_be24(p + 5),
            .ack_request = (p[8] & 0x80) != 0,
            .psn = load_be24(p + 9)};
  }
  void write(std::uint8_t* p) const {
    p[0] = opcode;
    p[1] = static_cast<std::uint8_t>((solicited ? 0x80 : 0) | (migration ? 0x40 : 0) |
                                     ((pad & 3) << 4) | (version & 0x0F));
    store_be16(p + 2, pkey);
    p[4] = static_cast<std::uint8_t>((fecn ? 0x80 : 0) | (becn ? 0x40 : 0));
    store_be24(p + 5, dest_qp);
    p[8] = ack_request ? 0x80 : 0;
    store_be24(p + 9, psn);
  }
  bool operator==(const Bth&) const = default;
};

/// RDMA extended transport header: of the first packet of a WRITE, and of a READ request.
struct Reth {
  static constexpr std::size_t kBytes = 16;
  std::uint64_t address = 0;
  std::uint32_t rkey = 0;
  std::uint32_t length_bytes = 0;  // of the whole message

  static Reth read(const std::uint8_t* p) {
    return {.address = load_be64(p), .rkey = load_be32(p + 8), .length_bytes = load_be32(p + 12)};
  }
  void write(std::uint8_t* p) const {
    store_be64(p, address);
    store_be32(p + 8, rkey);
    store_be32(p + 12, length_bytes);
  }
  bool operator==(const Reth&) const = default;
};

/// Syndromes: the upper three bits say what it is (bit 7 is zero), the lower five the detail.
/// Source: IBTA vol. 1 section 9.7.5.2; values as in Linux, rxe_hdr.h.
enum Syndrome : std::uint8_t {
  kSyndromeAck = 0x00,  // low bits: credits, 0x1F = credits not used
  kSyndromeAckUnlimited = 0x1F,
  kSyndromeRnr = 0x20,  // low bits: timer code
  kSyndromeNak = 0x60,  // low bits: one of the codes below
  kSyndromeTypeMask = 0xE0,
  kNakPsnSequence = 0x60,
  kNakInvalidRequest = 0x61,
  kNakRemoteAccess = 0x62,
  kNakRemoteOperation = 0x63,
  kNakInvalidRdRequest = 0x64,
};

/// ACK extended transport header: of ACK, NAK and READ response.
struct Aeth {
  static constexpr std::size_t kBytes = 4;
  std::uint8_t syndrome = 0;
  std::uint32_t msn = 0;  // messages completed, 24 bits

  bool is_ack() const { return (syndrome & kSyndromeTypeMask) == kSyndromeAck; }
  bool is_rnr() const { return (syndrome & kSyndromeTypeMask) == kSyndromeRnr; }
  bool is_nak() const { return (syndrome & kSyndromeTypeMask) == kSyndromeNak; }

  static Aeth read(const std::uint8_t* p) { return {.syndrome = p[0], .msn = load_be24(p + 1)}; }
  void write(std::uint8_t* p) const {
    p[0] = syndrome;
    store_be24(p + 1, msn);
  }
  bool operator==(const Aeth&) const = default;
};

/// Immediate data: of the last packet of a SEND or WRITE with immediate.
struct ImmDt {
  static constexpr std::size_t kBytes = 4;
  std::uint32_t value = 0;

  static ImmDt read(const std::uint8_t* p) { return {.value = load_be32(p)}; }
  void write(std::uint8_t* p) const { store_be32(p, value); }
  bool operator==(const ImmDt&) const = default;
};

struct AtomicEth {
  static constexpr std::size_t kBytes = 28;
  std::uint64_t address = 0;
  std::uint32_t rkey = 0;
  std::uint64_t swap_or_add = 0;
  std::uint64_t compare = 0;

  static AtomicEth read(const std::uint8_t* p) {
    return {.address = load_be64(p),
            .rkey = load_be32(p + 8),
            .swap_or_add = load_be64(p + 12),
            .compare = load_be64(p + 20)};
  }
  void write(std::uint8_t* p) const {
    store_be64(p, address);
    store_be32(p + 8, rkey);
    store_be64(p + 12, swap_or_add);
    store_be64(p + 20, compare);
  }
  bool operator==(const AtomicEth&) const = default;
};

struct AtomicAckEth {
  static constexpr std::size_t kBytes = 8;
  std::uint64_t original = 0;

  static AtomicAckEth read(const std::uint8_t* p) { return {.original = load_be64(p)}; }
  void write(std::uint8_t* p) const { store_be64(p, original); }
  bool operator==(const AtomicAckEth&) const = default;
};

/// Bytes of zeros behind the BTH of a CNP. Source: IBTA annex A17.9.3.
inline constexpr std::size_t kCnpPaddingBytes = 16;

/// Difference of two PSNs as a signed number: negative when `a` lies before `b`.
/// A PSN is 24 bits wide and wraps; half its range counts as "before".
inline std::int32_t psn_diff(std::uint32_t a, std::uint32_t b) {
  return static_cast<std::int32_t>((a - b) << 8) >> 8;
}

}  // namespace emu::wire
