// SPDX-License-Identifier: Apache-2.0
#include "emu/lab/native/file_tap.h"

#include <algorithm>
#include <charconv>
#include <tuple>

#include "emu/core/wire/bth.h"
#include "emu/core/wire/ip.h"
#include "emu/core/wire/udp.h"
#include "emu/lab/native/identity.h"

namespace emu::lab {

namespace {
/// From the inner IP header on: everything that stands before a payload.
constexpr std::size_t kHeadersMax = wire::Ipv4::kBytes + wire::Udp::kBytes + wire::Bth::kBytes +
                                    wire::Reth::kBytes + wire::ImmDt::kBytes;
}  // namespace

void FileTap::add_port(std::uint32_t port, const std::string& path, const std::string& application,
                       const std::string& comment, const wire::PcapngInterface& interface,
                       const std::vector<std::pair<std::uint32_t, std::string>>& names,
                       const Filter& filter) {
  File& file = files_.at(port);
  file.filter = filter;
  file.writer = std::make_unique<wire::PcapngWriter>(path, application, comment);
  file.writer->add_interface(interface);
  file.writer->add_names(names);
  file.number = frames_.size();
  frames_.push_back(0);
}

void FileTap::link_frame(std::uint32_t port, Ps start, Ps end, const std::uint8_t* frame,
                         std::size_t n) {
  hold(port, start, true, frame, n);
  hold(engine_.ports()[port].peer, end, false, frame, n);
}

void FileTap::hold(std::uint32_t port, Ps at, bool outbound, const std::uint8_t* frame,
                   std::size_t n) {
  const File& file = files_[port];
  if (!file.wants(at, outbound)) return;
  std::size_t kept = n;
  if (file.filter.snapped) {
    const Identity id = identify(frame, n);
    if (id.ip) kept = std::min(n, id.inner_at + kHeadersMax);
  }
  held_.push_back({at, port, outbound, static_cast<std::uint32_t>(n), {frame, frame + kept}});
}

void FileTap::recalled(std::uint32_t port, Ps end) {
  std::erase_if(held_, [&](const Held& h) { return h.port == port && !h.outbound && h.at == end; });
}

void FileTap::settled(Ps now) {
  if (held_.empty()) return;
  const auto rest =
      std::partition(held_.begin(), held_.end(), [&](const Held& h) { return h.at < now; });
  std::sort(held_.begin(), rest, [](const Held& a, const Held& b) {
    return std::tie(a.at, a.port, a.outbound) < std::tie(b.at, b.port, b.outbound);
  });
  std::for_each(held_.begin(), rest, [this](const Held& h) { write(h); });
  held_.erase(held_.begin(), rest);
}

void FileTap::write(const Held& held) {
  // Nanoseconds are too coarse for links where a byte takes 10 ps.
  char comment[32] = "t_ps=";
  const auto end = std::to_chars(comment + 5, comment + sizeof comment, held.at);
  const bool group = (held.bytes[0] & 1) != 0;
  const bool everybody =
      std::all_of(held.bytes.begin(), held.bytes.begin() + 6, [](auto b) { return b == 0xFF; });
  wire::PcapngPacket packet;
  packet.time_ns = held.at / 1000;
  packet.original_bytes = held.length;
  packet.captured_bytes = static_cast<std::uint32_t>(held.bytes.size());
  packet.data = held.bytes.data();
  packet.flags = static_cast<std::uint32_t>(held.outbound ? wire::kOutbound : wire::kInbound) |
                 static_cast<std::uint32_t>(everybody ? wire::kBroadcast
                                            : group   ? wire::kMulticast
                                                      : wire::kUnicast);
  packet.comment = {comment, static_cast<std::size_t>(end.ptr - comment)};
  File& file = files_[held.port];
  file.writer->write(packet);
  ++frames_[file.number];
}

void FileTap::finish() {
  settled(kNever);
  for (File& file : files_) {
    if (file.writer) file.writer->close();
  }
}

int FileTap::error() const {
  for (const File& file : files_) {
    if (file.writer && file.writer->error() != 0) return file.writer->error();
  }
  return 0;
}

}  // namespace emu::lab
