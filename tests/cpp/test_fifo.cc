// SPDX-License-Identifier: Apache-2.0
#include <deque>
#include <tuple>
#include <vector>

#include "check.h"
#include "emu/core/fifo.h"
#include "emu/core/inbox.h"

using namespace emu;

namespace {
Packet numbered(std::uint32_t psn) {
  Packet packet{};
  packet.psn = psn;
  return packet;
}
}  // namespace

TEST(fifos_of_one_pool_are_queues_whatever_happens_to_them) {
  PacketPool pool;
  PacketFifo fifos[5];
  std::deque<std::uint32_t> models[5];
  std::uint64_t x = 99;
  for (std::uint32_t i = 0; i < 200'000; ++i) {
    x = x * 6364136223846793005ULL + 1442695040888963407ULL;
    PacketFifo& fifo = fifos[(x >> 40) % 5];
    std::deque<std::uint32_t>& model = models[(x >> 40) % 5];
    const std::uint64_t what = x >> 56;
    if (what < 130) {
      fifo.push(pool, numbered(i));
      model.push_back(i);
    } else if (what < 250) {
      if (!model.empty()) {
        fifo.pop(pool);
        model.pop_front();
      }
    } else if (what < 253) {
      fifo.filter(pool, [](const Packet& packet) { return packet.psn % 3 != 0; });
      std::erase_if(model, [](std::uint32_t psn) { return psn % 3 == 0; });
    } else if (model.size() > 100) {
      fifo.clear(pool);
      model.clear();
    }
    CHECK_EQ(fifo.size(), model.size());
    CHECK_EQ(fifo.empty(), model.empty());
    if (!model.empty()) {
      CHECK_EQ(fifo.front().psn, model.front());
      CHECK_EQ(fifo.back().psn, model.back());
    }
    if (what != 7) continue;
    std::deque<std::uint32_t> walked;
    for (const Packet& packet : fifo) walked.push_back(packet.psn);
    CHECK(walked == model);
  }
}

TEST(what_a_fifo_gives_back_the_next_one_takes) {
  PacketPool pool;
  PacketFifo first;
  PacketFifo second;
  first.push(pool, numbered(1));
  const Packet* place = &first.front();
  first.pop(pool);
  second.push(pool, numbered(2));
  CHECK(&second.front() == place);
}

TEST(a_box_holds_what_comes_in_its_window_also_after_a_long_way) {
  PacketPool pool;
  Inboxes boxes;
  boxes.resize(3);
  const auto packet = [](Ps at, std::uint16_t port) {
    Packet made{};
    made.at = at;
    made.ingress = port;
    return made;
  };
  boxes.box(1, 0).push(pool, packet(50, 0));
  boxes.box(1, 9).push(pool, packet(950, 1));  // windows of 100
  boxes.keep(1, packet(2050, 1));
  boxes.keep(2, packet(2010, 0));
  std::uint32_t found = 0;
  boxes.for_each(
      [&](std::uint32_t node, const Packet& p) { found += node * (p.at > 0 ? 1 : 100); });
  CHECK_EQ(found, 5U);
  boxes.sort_in(pool, 19, 2000);
  CHECK(boxes.box(1, 19).empty());
  std::vector<Ps> lost;
  boxes.remove(pool, 1, 9, [&](const Packet& p) {
    if (p.ingress == 1) lost.push_back(p.at);
    return p.ingress == 1;
  });
  CHECK(lost == (std::vector<Ps>{950, 2050}));
  boxes.sort_in(pool, 20, 2100);
  CHECK_EQ(boxes.box(2, 20).size(), 1U);
  CHECK(boxes.box(1, 20).empty());
}
