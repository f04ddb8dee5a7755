// SPDX-License-Identifier: Apache-2.0
#include "inspector.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace emu::wire {

namespace {

using D = Dissected;

/// A capture of ours holds the exact time as a comment, "t_ps=" and a number; it is
/// believed when it rounds to the time stamp.
std::int64_t exact_ps(const Record& record) {
  constexpr std::size_t kPrefix = 5;
  if (record.comment == nullptr || record.comment_bytes <= kPrefix ||
      std::memcmp(record.comment, "t_ps=", kPrefix) != 0) {
    return record.time_ps;
  }
  std::int64_t ps = 0;
  const char* end = record.comment + record.comment_bytes;
  const auto parsed = std::from_chars(record.comment + kPrefix, end, ps);
  const bool near =
      parsed.ec == std::errc{} && ps - record.time_ps > -1000 && ps - record.time_ps < 1000;
  return near ? ps : record.time_ps;
}

}  // namespace

void Inspector::packet(const Record& given) {
  Pending& p = pending_[n_pending_];
  p.record = given;
  p.record.time_ps = exact_ps(given);
  dissect(p.record, parser_.capture().interfaces[given.interface].link_type, p.dissected);
  if (p.dissected.has(D::kBth)) {
    p.hash = FlowTable::hash_of(QpTracker::key_of(p.dissected));
    queue_pairs_.prefetch_slot(p.hash);
  }
  if (++n_pending_ == kBatch) flush();
}

void Inspector::flush() {
  const std::size_t n = n_pending_;
  for (std::size_t i = 0; i < n; ++i) {
    Pending& p = pending_[i];
    p.flow = p.dissected.has(D::kBth) ? queue_pairs_.prefetch_flow(p.hash) : kNoFlow;
  }
  for (std::size_t i = 0; i < n; ++i) {
    Pending& p = pending_[i];
    p.changes = queue_pairs_.prefetch_peer(p.flow, p.dissected);
  }
  for (std::size_t i = 0; i < n; ++i) queue_pairs_.prefetch_queues(pending_[i].changes);
  for (std::size_t i = 0; i < n; ++i) judge(pending_[i]);
  n_pending_ = 0;
}

void Inspector::judge(const Pending& pending) {
  const Record& r = pending.record;
  const D& d = pending.dissected;
  const Interface& interface = parser_.capture().interfaces[r.interface];
  Totals& t = totals_;
  if (r.number == 1) {
    t.first_ps = t.last_ps = previous_ps_ = r.time_ps;
  }
  t.backwards += r.time_ps < previous_ps_ ? 1 : 0;
  previous_ps_ = r.time_ps;
  t.first_ps = std::min(t.first_ps, r.time_ps);
  t.last_ps = std::max(t.last_ps, r.time_ps);
  t.bytes += r.original_bytes;
  t.captured += r.captured_bytes;
  t.cut_packets += r.captured_bytes < r.original_bytes ? 1 : 0;
  if (t.interface_packets.size() <= r.interface) t.interface_packets.resize(r.interface + 1);
  ++t.interface_packets[r.interface];
  const bool tunnelled = d.has(D::kVxlan);
  t.protocols[tunnelled ? 1 : 0][static_cast<std::size_t>(d.protocol)].add(r.original_bytes);
  if (d.has(D::kTagged)) t.vlans[d.vid].add(r.original_bytes);
  if (tunnelled) {
    if (t.of_vni == nullptr || t.vni != d.vni) {
      t.vni = d.vni;
      t.of_vni = &t.vnis[d.vni];
    }
    t.of_vni->add(r.original_bytes);
  }
  t.pcps[d.has(D::kTagged) ? d.pcp : 8].add(r.original_bytes);

  TimelineBin& bin = timeline_.at(r.time_ps);
  ++bin.packets;
  bin.bytes += r.original_bytes;

  if ((d.known & (D::kIp | D::kOuterIp)) != 0) ip_checks(r, d);
  if ((d.known & (D::kPfcFrame | D::kPauseFrame)) != 0) {
    ++bin.pause_frames;
    pauses_.frame(r, d, interface.speed_bps != 0 ? interface.speed_bps : options_.speed_bps);
  }
  if (!d.has(D::kBth)) return;
  ++t.roce_ecn[d.ecn()];
  if (options_.verify_icrc && d.has(D::kIcrcThere)) {
    ++t.icrc_verified;
    if (!icrc_ok(r, d)) t.icrc_wrong.add(r.number);
    if (d.udp_checksum != 0) {
      ++t.udp_checksums;
      if (udp_checksum_bad(r, d)) t.udp_checksum_wrong.add(r.number);
    }
  }
  if (d.length_bad) t.length_wrong.add(r.number);
  if (d.bth.opcode == kCnp) ++bin.cnps;
  const QpTracker::Seen seen = queue_pairs_.packet(r, d, pending.hash, pending.flow);
  bin.goodput_bytes += seen.goodput_bytes;
  bin.data_packets += seen.data ? 1 : 0;
  bin.marked += seen.data && d.ecn() == kCongestionExperienced ? 1 : 0;
  bin.naks += seen.nak ? 1 : 0;
  bin.repeated += seen.repeated ? 1 : 0;
  if (seen.rtt_ps >= 0) {
    ++bin.rtts;
    bin.rtt_sum_ps += seen.rtt_ps;
  }
}

void Inspector::ip_checks(const Record& r, const Dissected& d) {
  Totals& t = totals_;
  const bool tunnelled = d.has(D::kOuterIp);
  const IpInfo& outermost = tunnelled ? d.outer : d.ip;
  ++t.ip_packets;
  t.dscps[outermost.dscp].add(r.original_bytes);
  if (outermost.checksum_bad || (d.has(D::kIp) && d.ip.checksum_bad)) {
    t.ip_checksum_wrong.add(r.number);
  }
  if (options_.mtu_bytes != 0 && outermost.bytes > options_.mtu_bytes) t.ip_too_long.add(r.number);
  if (d.has(D::kTagged)) t.dscp_pcp[outermost.dscp][d.pcp].add(r.number);
  if (tunnelled && d.has(D::kIp)) t.tunnel_ecn[d.ip.ecn][d.outer.ecn].add(r.number);
}

void Inspector::finish() {
  if (finished_) return;
  finished_ = true;
  parser_.finish();
  queue_pairs_.finish(totals_.last_ps);
  pauses_.finish(totals_.last_ps);
}

}  // namespace emu::wire
