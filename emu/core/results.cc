// SPDX-License-Identifier: Apache-2.0
// What has to be put together from an engine's state to be read.
#include "results.h"

#include <algorithm>

namespace emu {

Totals Results::totals() const {
  Totals sum;
  for (const auto& lane : lanes_) sum += lane->totals_;
  sum.deadlocks = deadlocks_found_;
  return sum;
}

std::uint64_t Results::unfinished() const {
  std::uint64_t left = unfinished_;
  for (const auto& lane : lanes_) left -= lane->ended_;
  return left;
}

std::pair<std::uint64_t, std::uint64_t> Results::in_flight() const {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  const auto add = [&](const Packet& packet) {
    ++packets;
    bytes += packet.bytes;
  };
  for (const auto& lane : lanes_) {
    lane->inboxes_.for_each([&](std::uint32_t, const Packet& packet) { add(packet); });
  }
  for (const EgressQueue& queue : queues_) {
    for (const Packet& packet : queue.packets) add(packet);
  }
  return {packets, bytes};
}

std::vector<std::pair<std::uint32_t, std::int64_t>> Results::on_wires() const {
  std::vector<std::pair<std::uint32_t, std::int64_t>> found(ports_.size());
  for (const auto& lane : lanes_) {
    lane->inboxes_.for_each([&](std::uint32_t slot, const Packet& packet) {
      auto& [packets, bytes] = found[turns_[slot].first_port + packet.ingress];
      ++packets;
      bytes += packet.bytes;
    });
  }
  return found;
}

Bps Results::allowed_rate(std::uint32_t qp) const {
  const Endpoint& ep = endpoints_[qps_[qp].src];
  const NicParams& nic = nic_profiles_[ep.profile];
  const Bps most = nic.fixed_rate_bps > 0 ? nic.fixed_rate_bps : line_rate(ep);
  const Pacing& pace = pacing(cc_[qp]);
  return pace.limited ? std::min(most, pace.rate) : most;
}

std::uint32_t Results::source_of(const Packet& packet) const {
  return emu::source_of(packet, qps_.data());
}

std::uint32_t Results::entropy_of(const Packet& packet) const {
  return emu::entropy_of(packet, qps_.data(), sprayed(packet));
}

void Results::list_messages(std::vector<Message>& out) const {
  for (const QueuePair& qp : qps_) {
    for (std::uint32_t m = qp.first_message; m != kNone; m = messages_[m].next) {
      out.push_back(messages_[m]);
    }
  }
}

std::int64_t Results::watermark(std::uint32_t number) const {
  const std::int64_t taken = watermarks_.empty() ? 0 : watermarks_[number];
  return std::max(taken, queues_[number].bytes_max);
}

}  // namespace emu
