// SPDX-License-Identifier: Apache-2.0
// What a queue pair needs beyond go-back-N so that packets may overtake each
// other: a bitmap at the receiver, and for selective repeat one at the sender.
//
// kInOrder: the NIC places data in order and holds what is early in a reorder
// buffer of one slot per packet; when something is missing for too long, it asks
// for everything from the gap on, as with go-back-N. A sender that knows the size
// of the buffer goes no further ahead; of one that does not, what finds the buffer
// full is discarded and asked for again.
// kSelective: data is placed as it comes, a bitmap says what is there, and the
// sender, who is told of every arrival, repeats what is missing and nothing else
// (IRN: Mittal et al., SIGCOMM 2018; the loss rule is a distance, as in RFC 6675,
// because early arrivals are normal here).
//
// Invariant: what the receiver tells is read by the sender only when the ACK that
// carries it has arrived: echoes and the marks between them are FIFOs.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

#include "packet.h"
#include "ring.h"

namespace emu {

enum class Receiver : std::uint8_t { kGoBackN, kInOrder, kSelective };

/// One bit per sequence number, for the numbers of one window.
class SequenceBits {
 public:
  void resize(std::uint32_t packets) {
    const std::uint32_t bits = std::bit_ceil(std::max<std::uint32_t>(64, packets));
    words_.assign(bits / 64, 0);
    mask_ = bits - 1;
  }
  bool test(std::uint32_t psn) const { return (words_[(psn & mask_) >> 6] >> (psn & 63) & 1) != 0; }
  void set(std::uint32_t psn) { words_[(psn & mask_) >> 6] |= 1ULL << (psn & 63); }
  void clear(std::uint32_t psn) { words_[(psn & mask_) >> 6] &= ~(1ULL << (psn & 63)); }

 private:
  std::vector<std::uint64_t> words_;
  std::uint32_t mask_ = 0;
};

/// One arrival, as an ACK tells the sender of it.
struct Echo {
  std::uint32_t psn;
  std::uint16_t value;  // entropy value by which it came
  bool marked;          // with CE
};

/// One ACK: what it acknowledges, and how many echoes it and those before it carry.
struct AckMark {
  std::uint32_t expected;
  std::uint32_t echoes;
};

/// Receiving side.
struct Placement {
  std::uint32_t slots = 0;  // packets that may be early
  SequenceBits have;        // early arrivals that are held or placed
  std::uint32_t held = 0;   // how many
  std::uint32_t held_max = 0;
  std::uint32_t high = 0;             // one past the highest that came
  std::uint32_t asked_until = 0;      // everything before it has been asked for again
  std::uint32_t discarded = ~0U;      // the first that was discarded since
  std::uint32_t discarded_until = 0;  // one past the last
  Ring<Echo> echoes;
  Ring<AckMark> acks;
  std::uint32_t echoed = 0;  // echoes pushed so far
  std::uint32_t read = 0;    // echoes that the sender has read
};

/// Sending side: of a windowed sender what is posted, the rest of selective repeat.
struct Selective {
  SequenceBits arrived;           // of those not acknowledged in order
  std::uint32_t posted_psn = 0;   // one past the last that is posted (READ: asked for)
  std::uint32_t cleared_psn = 0;  // bits before it are clear
  std::uint32_t judged_psn = 0;   // everything before it is there, or was repeated
  std::uint32_t high_psn = 0;     // highest that arrived
  struct Repeated {
    std::uint32_t psn;
    std::uint32_t after;  // what had been sent when it was repeated
  };
  Ring<std::uint32_t> lost;  // to be repeated
  Ring<Repeated> repeated;   // in the order of `after`
};

struct AnyOrder {
  Placement placement;
  Selective selective;
};

}  // namespace emu
