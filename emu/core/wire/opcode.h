// SPDX-License-Identifier: Apache-2.0
// BTH opcodes: what a packet carries and where in its message it stands.
// Source: IBTA vol. 1 section 9.2 (tables "OpCode field" and "BTH opcodes"); CNP annex A17.9.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace emu::wire {

/// RC opcodes; the other transports add their upper three bits.
enum Opcode : std::uint8_t {
  kSendFirst = 0x00,
  kSendMiddle = 0x01,
  kSendLast = 0x02,
  kSendLastImmediate = 0x03,
  kSendOnly = 0x04,
  kSendOnlyImmediate = 0x05,
  kWriteFirst = 0x06,
  kWriteMiddle = 0x07,
  kWriteLast = 0x08,
  kWriteLastImmediate = 0x09,
  kWriteOnly = 0x0A,
  kWriteOnlyImmediate = 0x0B,
  kReadRequest = 0x0C,
  kReadResponseFirst = 0x0D,
  kReadResponseMiddle = 0x0E,
  kReadResponseLast = 0x0F,
  kReadResponseOnly = 0x10,
  kAcknowledge = 0x11,
  kAtomicAcknowledge = 0x12,
  kCompareSwap = 0x13,
  kFetchAdd = 0x14,
  kSendLastInvalidate = 0x16,
  kSendOnlyInvalidate = 0x17,
  kCnp = 0x81,
};

/// Upper three bits of an opcode.
enum class Service : std::uint8_t { kRc = 0, kUc = 1, kRd = 2, kUd = 3, kCnp = 4, kXrc = 5 };

enum class Operation : std::uint8_t {
  kReserved,
  kSend,
  kWrite,
  kReadRequest,
  kReadResponse,
  kAck,
  kAtomicAck,
  kAtomic,
  kCnp
};

/// What follows the BTH, and the packet's place in its message.
enum Carries : std::uint16_t {
  kHasReth = 1,
  kHasAeth = 2,
  kHasImmediate = 4,
  kHasAtomicEth = 8,
  kHasAtomicAckEth = 16,
  kHasInvalidateEth = 32,
  kHasDeth = 64,
  kHasXrcEth = 128,
  kIsFirst = 256,    // first packet of a message (an Only is first and last)
  kIsLast = 512,     // last packet of a message
  kIsRequest = 1024  // goes from requester to responder
};

struct OpcodeInfo {
  Operation operation = Operation::kReserved;
  std::uint16_t carries = 0;
  std::uint8_t extension_bytes = 0;  // of the headers between BTH and payload
};

namespace detail {

constexpr OpcodeInfo operation_info(unsigned low) {
  using O = Operation;
  constexpr auto both = static_cast<std::uint16_t>(kIsFirst | kIsLast);
  constexpr auto req = static_cast<std::uint16_t>(kIsRequest);
  const auto info = [](O operation, int carries) {
    return OpcodeInfo{operation, static_cast<std::uint16_t>(carries), 0};
  };
  switch (low) {
    case kSendFirst:
      return info(O::kSend, req | kIsFirst);
    case kSendMiddle:
      return info(O::kSend, req);
    case kSendLast:
      return info(O::kSend, req | kIsLast);
    case kSendLastImmediate:
      return info(O::kSend, req | kIsLast | kHasImmediate);
    case kSendOnly:
      return info(O::kSend, req | both);
    case kSendOnlyImmediate:
      return info(O::kSend, req | both | kHasImmediate);
    case kWriteFirst:
      return info(O::kWrite, req | kIsFirst | kHasReth);
    case kWriteMiddle:
      return info(O::kWrite, req);
    case kWriteLast:
      return info(O::kWrite, req | kIsLast);
    case kWriteLastImmediate:
      return info(O::kWrite, req | kIsLast | kHasImmediate);
    case kWriteOnly:
      return info(O::kWrite, req | both | kHasReth);
    case kWriteOnlyImmediate:
      return info(O::kWrite, req | both | kHasReth | kHasImmediate);
    case kReadRequest:
      return info(O::kReadRequest, req | both | kHasReth);
    case kReadResponseFirst:
      return info(O::kReadResponse, kIsFirst | kHasAeth);
    case kReadResponseMiddle:
      return info(O::kReadResponse, 0);
    case kReadResponseLast:
      return info(O::kReadResponse, kIsLast | kHasAeth);
    case kReadResponseOnly:
      return info(O::kReadResponse, both | kHasAeth);
    case kAcknowledge:
      return info(O::kAck, both | kHasAeth);
    case kAtomicAcknowledge:
      return info(O::kAtomicAck, both | kHasAeth | kHasAtomicAckEth);
    case kCompareSwap:
    case kFetchAdd:
      return info(O::kAtomic, req | both | kHasAtomicEth);
    case kSendLastInvalidate:
      return info(O::kSend, req | kIsLast | kHasInvalidateEth);
    case kSendOnlyInvalidate:
      return info(O::kSend, req | both | kHasInvalidateEth);
    default:
      return {};
  }
}

constexpr OpcodeInfo opcode_info_of(unsigned opcode) {
  if (opcode == kCnp) {
    return {Operation::kCnp, static_cast<std::uint16_t>(kIsFirst | kIsLast), 0};
  }
  OpcodeInfo info = operation_info(opcode & 0x1F);
  const auto service = static_cast<Service>(opcode >> 5);
  const bool known = service == Service::kRc || service == Service::kUc ||
                     service == Service::kUd || service == Service::kXrc;
  if (!known || info.operation == Operation::kReserved) return {};
  if (service == Service::kUd) {
    if (opcode != 0x64 && opcode != 0x65) return {};
    info.carries |= kHasDeth;
  }
  if (service == Service::kXrc && (info.carries & kIsRequest) != 0) info.carries |= kHasXrcEth;
  const auto has = [&](int bit) { return (info.carries & bit) != 0; };
  info.extension_bytes = static_cast<std::uint8_t>(
      (has(kHasReth) ? 16 : 0) + (has(kHasAeth) ? 4 : 0) + (has(kHasImmediate) ? 4 : 0) +
      (has(kHasAtomicEth) ? 28 : 0) + (has(kHasAtomicAckEth) ? 8 : 0) +
      (has(kHasInvalidateEth) ? 4 : 0) + (has(kHasDeth) ? 8 : 0) + (has(kHasXrcEth) ? 4 : 0));
  return info;
}

constexpr std::array<OpcodeInfo, 256> opcode_table() {
  std::array<OpcodeInfo, 256> table{};
  for (unsigned opcode = 0; opcode < 256; ++opcode) table[opcode] = opcode_info_of(opcode);
  return table;
}

}  // namespace detail

inline constexpr std::array<OpcodeInfo, 256> kOpcodes = detail::opcode_table();

/// What is known of an opcode; kReserved for one that no standard defines.
inline const OpcodeInfo& opcode_info(std::uint8_t opcode) { return kOpcodes[opcode]; }

}  // namespace emu::wire
