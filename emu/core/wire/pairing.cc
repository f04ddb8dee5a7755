// SPDX-License-Identifier: Apache-2.0
// Which two directions are one queue pair.
//
// No header says it: a packet names the receiver's QP and not the sender's. An
// acknowledgement repeats a PSN of the other direction, and most NICs use the same
// UDP source port both ways. So an unpaired flow that acknowledges looks among the
// unpaired flows between the same two addresses (and in the same VXLAN segment) for
// the one whose latest PSNs hold the acknowledged one, first among those of the same
// source port. Nothing is paired while two fit equally well.
#include "qp_tracker.h"

namespace emu::wire {

namespace {
/// No queue pair has this number, which is wider than 24 bits.
constexpr std::uint32_t kPairQp = 0x01000000;
}  // namespace

Flow& QpTracker::flow_of(const Record& record, const Dissected& d, std::uint64_t hash,
                         std::uint32_t& index) {
  FlowKey key = key_of(d);
  // `index` comes with the likely one.
  if (index != kNoFlow && flows_[index].key == key) return flows_[index];
  bool fresh = false;
  index = table_.find_or_add(key, hash, fresh);
  if (fresh) {
    Flow& f = flows_.emplace_back();
    f.key = key;
    f.src_port = d.src_port;
    f.dscp = d.ip.dscp;
    f.first_ps = record.time_ps;
    f.first_number = record.number;
    key.qp = kPairQp;
    const std::uint32_t hosts = hosts_.find_or_add(key, fresh);
    if (fresh) flows_of_hosts_.emplace_back();
    flows_of_hosts_[hosts].push_back(index);
  }
  return flows_[index];
}

void QpTracker::pair(std::uint32_t index, PairedBy how, std::uint32_t with) {
  flows_[index].peer = with;
  flows_[index].paired_by = how;
  flows_[with].peer = index;
  flows_[with].paired_by = how;
}

void QpTracker::unpair(std::uint32_t index) {
  Flow& f = flows_[index];
  Flow& other = flows_[f.peer];
  for (Flow* one : {&f, &other}) {
    one->peer = kNoFlow;
    one->paired_by = PairedBy::kNothing;
    one->pair_doubts = 0;
  }
}

void QpTracker::try_pair(std::uint32_t index, const Dissected& d, bool by_psn) {
  Flow& f = flows_[index];
  // The more often it failed, the seldomer it is tried: a flow whose other half is
  // not in the capture must not cost a search for every packet.
  ++f.pair_tries;
  if (f.pair_tries > 64 && (f.pair_tries & (f.pair_tries - 1)) != 0) return;
  const std::uint32_t hosts = hosts_.find({f.key.dst, f.key.src, f.key.vni, kPairQp});
  if (hosts == kNoFlow) return;
  struct Best {
    std::uint32_t flow = kNoFlow;
    std::uint32_t count = 0;
  } port, any;
  for (const std::uint32_t candidate : flows_of_hosts_[hosts]) {
    const Flow& c = flows_[candidate];
    if (c.peer != kNoFlow) continue;
    if (by_psn) {
      if (!c.requests.begun()) continue;
      const auto next = static_cast<std::uint32_t>(c.requests.next()) & kPsnMask;
      const std::int32_t behind = psn_diff(next, d.bth.psn);
      if (behind < 0 || behind > kPairWindow) continue;
    }
    any.flow = candidate;
    ++any.count;
    if (c.src_port == d.src_port) {
      port.flow = candidate;
      ++port.count;
    }
  }
  if (port.count == 1) {
    pair(index, by_psn ? PairedBy::kPortAndPsn : PairedBy::kPort, port.flow);
  } else if (port.count == 0 && any.count == 1) {
    if (by_psn) {
      pair(index, PairedBy::kPsn, any.flow);
    } else if (flows_of_hosts_[hosts].size() == 1) {
      // A CNP repeats no PSN: another flow between the two would make it a guess.
      pair(index, PairedBy::kOnlyOne, any.flow);
    }
  }
}

}  // namespace emu::wire
