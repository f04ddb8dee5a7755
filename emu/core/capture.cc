// SPDX-License-Identifier: Apache-2.0
#include "capture.h"

#include <algorithm>
#include <charconv>
#include <stdexcept>
#include <tuple>

namespace emu {

Capture::Capture(Engine& engine, FramePlan plan, std::string application)
    : engine_(engine),
      encoder_(engine, std::move(plan)),
      application_(std::move(application)),
      file_of_port_(engine.ports().size(), -1) {}

void Capture::add_port(std::uint32_t port, const std::string& path,
                       const wire::PcapngInterface& interface, const std::string& comment,
                       const std::vector<std::pair<std::uint32_t, std::string>>& names,
                       CaptureFilter filter, Payload payload) {
  if (file_of_port_.at(port) >= 0) throw std::invalid_argument("a port is captured once");
  File file;
  file.writer = std::make_unique<wire::PcapngWriter>(path, application_, comment);
  file.writer->add_interface(interface);
  file.writer->add_names(names);
  if (!filter.flows.empty()) file.queue_pairs.resize(engine_.queue_pairs().size());
  for (const std::uint32_t flow : filter.flows) {
    file.queue_pairs.at(engine_.messages().at(flow).qp) = true;
  }
  file.filter = std::move(filter);
  file.payload = payload;
  file_of_port_[port] = static_cast<std::int32_t>(files_.size());
  files_.push_back(std::move(file));
  frames_.push_back(0);
  engine_.watch(*this, {port});
}

void Capture::see(const Sighting& sighting, Ps settled) {
  File& file = files_[static_cast<std::size_t>(file_of_port_[sighting.port])];
  if (!passes(sighting, file)) return;
  held_.push_back(sighting);
  if (held_.size() < held_limit_) return;
  write_before(settled);
  // What is left could not be written yet; waiting for as much again keeps the
  // sorting cheap however much that is.
  held_limit_ = std::max(kHeldMin, 2 * held_.size());
}

bool Capture::passes(const Sighting& sighting, File& file) {
  const CaptureFilter& filter = file.filter;
  if (!(sighting.outbound ? filter.outbound : filter.inbound)) return false;
  if (sighting.at < filter.start || sighting.at >= filter.stop) return false;
  const Packet& packet = sighting.packet;
  const std::uint8_t priority = sighting.pfc ? packet.priority : packet.current_priority();
  if (sighting.pfc && priority >= kPriorities) return filter.pfc;  // of no class
  if ((filter.priorities >> priority & 1) == 0) return false;
  if (sighting.pfc) return filter.pfc;
  if (!filter.endpoints.empty() && !filter.endpoints[engine_.source_of(packet)] &&
      (packet.dst == kBroadcast || !filter.endpoints[packet.dst])) {
    return false;
  }
  if (filter.flows.empty()) return true;
  if (packet.kind == Kind::kArp) return false;
  if (packet.kind == Kind::kCnp) return file.queue_pairs[packet.qp];
  return file.queue_pairs[packet.qp] &&
         std::binary_search(filter.flows.begin(), filter.flows.end(), encoder_.message_of(packet));
}

void Capture::recall(std::uint32_t port, Ps data_after, Ps pfc_after) {
  std::erase_if(held_, [&](const Sighting& s) {
    return s.port == port && !s.outbound && s.packet.at > (s.pfc ? pfc_after : data_after);
  });
}

/// Writes everything before `horizon`: nothing can come in between any more.
void Capture::write_before(Ps horizon) {
  held_max_ = std::max(held_max_, held_.size());
  const auto rest =
      std::partition(held_.begin(), held_.end(), [&](const Sighting& s) { return s.at < horizon; });
  // A port starts one frame at a time and receives one at a time, so this
  // order is complete whichever node came first in a window.
  std::sort(held_.begin(), rest, [](const Sighting& a, const Sighting& b) {
    return std::tie(a.at, a.port, a.outbound) < std::tie(b.at, b.port, b.outbound);
  });
  std::for_each(held_.begin(), rest, [this](const Sighting& s) { write(s); });
  held_.erase(held_.begin(), rest);
}

void Capture::write(const Sighting& sighting) {
  const auto number = static_cast<std::size_t>(file_of_port_[sighting.port]);
  File& file = files_[number];
  encoder_.encode(sighting, file.payload, frame_);
  // Nanoseconds are too coarse for links where a byte takes 10 ps.
  char comment[32] = "t_ps=";
  const auto end = std::to_chars(comment + 5, comment + sizeof comment, sighting.at);
  wire::PcapngPacket packet;
  packet.time_ns = sighting.at / 1000;
  packet.original_bytes = frame_.length;
  packet.data = frame_.data.data();
  packet.captured_bytes = frame_.captured;
  packet.flags = static_cast<std::uint32_t>(sighting.outbound ? wire::kOutbound : wire::kInbound) |
                 static_cast<std::uint32_t>(frame_.broadcast   ? wire::kBroadcast
                                            : frame_.multicast ? wire::kMulticast
                                                               : wire::kUnicast);
  packet.comment = {comment, static_cast<std::size_t>(end.ptr - comment)};
  file.writer->write(packet);
  ++frames_[number];
}

void Capture::finish(Ps now) {
  write_before(now);
  held_.clear();
  for (File& file : files_) file.writer->close();
}

int Capture::error() const {
  for (const File& file : files_) {
    if (file.writer->error() != 0) return file.writer->error();
  }
  return 0;
}

}  // namespace emu
