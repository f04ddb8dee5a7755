// SPDX-License-Identifier: Apache-2.0
// What a lane has for nodes of other lanes, besides packets on wires, until the
// window has ended.
//
// Invariant: whom it is for does not look for it in this window, so it makes no
// difference that it comes at the end. With one lane all of this stays empty.
#pragma once

#include <cstdint>
#include <vector>

#include "any_order.h"
#include "drop.h"
#include "fifo.h"
#include "observer.h"
#include "packet.h"

namespace emu {

struct Outbox {
  struct Pause {
    std::uint32_t port;  // that will obey
    PfcFrame frame;
  };
  struct Told {  // by the receiver of a queue pair to its sender
    std::uint32_t qp;
    Echo echo;
  };
  struct Marked {
    std::uint32_t qp;
    AckMark mark;
  };
  struct Dropped {
    std::uint32_t port;  // that counts it
    Packet packet;
    Drop reason;
  };

  std::vector<Pause> pauses;
  std::vector<Told> echoes;
  std::vector<Marked> marks;
  std::vector<Dropped> drops;
  std::vector<Sighting> sightings;  // for the observer
  std::vector<ChunkList> chunks;    // by lane: memory of packets that it sent

  /// All but the chunks, which are taken.
  void clear() {
    pauses.clear();
    echoes.clear();
    marks.clear();
    drops.clear();
    sightings.clear();
  }
};

}  // namespace emu
