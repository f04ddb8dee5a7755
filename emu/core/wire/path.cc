// SPDX-License-Identifier: Apache-2.0
#include "path.h"

#include <algorithm>

#include "timestamp.h"

namespace emu::wire {

namespace {

using D = Dissected;

std::uint8_t bit(std::size_t point) { return static_cast<std::uint8_t>(1U << point); }

bool is_marked(const Dissected& d) { return d.ecn() == kCongestionExperienced; }

}  // namespace

std::size_t PathMatcher::FlowIdHash::operator()(const FlowId& k) const {
  std::uint64_t h = 0;
  const std::uint64_t last = (std::uint64_t{k.src_port} << 32) | k.qp;
  for (const std::uint64_t v : {k.src.high, k.src.low, k.dst.high, k.dst.low, last}) {
    h = (h ^ v) * 0x9E3779B97F4A7C15ULL;
    h ^= h >> 29;
  }
  return static_cast<std::size_t>(h);
}

PathMatcher::PathMatcher(std::size_t points, std::int64_t horizon_ps, const Options& options)
    : options_(options), horizon_ps_(horizon_ps) {
  for (std::size_t p = 0; p < points; ++p) points_.push_back(std::make_unique<Point>(options));
}

std::size_t PathMatcher::wanted() const {
  // The one that holds the others up: nothing of it is known beyond its last packet.
  for (std::size_t p = 0; p < points_.size(); ++p) {
    if (!points_[p]->finished && points_[p]->queue.empty()) return p;
  }
  return points_.size();
}

void PathMatcher::feed(std::size_t point, const std::uint8_t* data, std::size_t n) {
  points_[point]->parser.feed(data, n, [&](const Record& r) { packet(point, r); });
  drain();
}

void PathMatcher::finish(std::size_t point) {
  Point& at = *points_[point];
  at.parser.finish();
  at.pauses.finish(at.last_ps);
  at.finished = true;
  drain();
  const bool all =
      std::all_of(points_.begin(), points_.end(), [](const auto& p) { return p->finished; });
  if (!all) return;
  for (const Begun& begun : order_) {
    if (is_open(begun)) let_go(begun.track, true);
  }
  order_.clear();
}

std::uint32_t PathMatcher::flow_of(const Dissected& d) {
  const FlowId id{d.ip.src, d.ip.dst, d.bth.dest_qp, d.src_port};
  const auto [found, fresh] =
      flow_index_.try_emplace(id, static_cast<std::uint32_t>(flows_.size()));
  if (fresh) {
    PathFlow& flow = flows_.emplace_back();
    flow.src = id.src;
    flow.dst = id.dst;
    flow.qp = id.qp;
    flow.src_port = d.src_port;
  }
  return found->second;
}

void PathMatcher::packet(std::size_t point, const Record& record) {
  Point& at = *points_[point];
  const Interface& interface = at.parser.capture().interfaces[record.interface];
  if (!at.any) {
    at.any = true;
    const std::int64_t base_s = at.parser.capture().base_s;
    if (!has_base_) {
      has_base_ = true;
      base_s_ = base_s;
    }
    // A quarter of the range, as for single times: sums of two must not overflow.
    const Int128 shift = static_cast<Int128>(base_s - base_s_) * kPsPerSecond;
    constexpr Int128 far = INT64_MAX / 4;
    at.shift_ps = static_cast<std::int64_t>(std::clamp<Int128>(shift, -far, far));
    at.first_ps = record.time_ps + at.shift_ps;
    at.last_ps = at.first_ps;
  }
  const std::int64_t time_ps = record.time_ps + at.shift_ps;
  at.last_ps = std::max(at.last_ps, time_ps);
  dissect(record, interface.link_type, dissected_);
  const Dissected& d = dissected_;
  if ((d.known & (D::kPfcFrame | D::kPauseFrame)) != 0) {
    Record shifted = record;
    shifted.time_ps = time_ps;
    at.pauses.frame(shifted, d,
                    interface.speed_bps != 0 ? interface.speed_bps : options_.speed_bps);
    return;
  }
  if (!d.has(D::kBth | D::kIp)) return;
  if (d.protocol == Protocol::kCnp) {
    // All have PSN 0: one cannot be told from the next.
    ++at.cnps;
    return;
  }
  ++at.roce;
  const std::uint32_t flow = flow_of(d);
  ++flows_[flow].packets[point];
  at.queue.push_back(
      {time_ps, record.number, {flow, (d.bth.psn << 8) | d.bth.opcode}, is_marked(d)});
}

void PathMatcher::drain() {
  for (;;) {
    std::size_t first = points_.size();
    for (std::size_t p = 0; p < points_.size(); ++p) {
      const Point& at = *points_[p];
      if (at.queue.empty()) {
        if (!at.finished) return;
        continue;
      }
      if (first == points_.size() ||
          at.queue.front().time_ps < points_[first]->queue.front().time_ps) {
        first = p;
      }
    }
    if (first == points_.size()) return;
    see(first, points_[first]->queue.front());
    points_[first]->queue.pop_front();
  }
}

void PathMatcher::let_go_old(std::int64_t now_ps) {
  while (!order_.empty()) {
    const Begun oldest = order_.front();
    if (is_open(oldest)) {
      const bool late = oldest.time_ps < now_ps - horizon_ps_;
      if (!late && open_count_ <= kOpenMax) break;
      if (!late) ++forced_;
      let_go(oldest.track, false);
    }
    order_.pop_front();
  }
  // Half of it ended behind one that is still waited for: looked through once for as many.
  if (order_.size() > 2 * open_count_ + 1024) {
    std::erase_if(order_, [&](const Begun& begun) { return !is_open(begun); });
  }
}

std::uint32_t PathMatcher::begin_track(const Sighting& s, std::uint32_t& newest) {
  std::uint32_t index = 0;
  if (free_.empty()) {
    index = static_cast<std::uint32_t>(tracks_.size());
    tracks_.emplace_back();
  } else {
    index = free_.back();
    free_.pop_back();
  }
  Track& track = tracks_[index];
  track.key = s.key;
  track.next = newest;
  track.seen = track.marked = 0;
  newest = index;
  order_.push_back({s.time_ps, index, track.generation});
  ++open_count_;
  return index;
}

void PathMatcher::see(std::size_t point, const Sighting& s) {
  let_go_old(s.time_ps);
  std::uint32_t index = kNone;
  std::uint32_t oldest = kNone;
  int equal = 0;
  const auto [found, fresh] = open_.try_emplace(s.key, kNone);
  for (index = found->second; index != kNone; index = tracks_[index].next) {
    if ((tracks_[index].seen & bit(point)) == 0) break;
    oldest = index;
    ++equal;
  }
  if (index == kNone) {
    index = begin_track(s, found->second);
    if (equal >= kEqualMax) let_go(oldest, false);
  }
  Track& track = tracks_[index];
  track.time_ps[point] = s.time_ps;
  track.number[point] = s.number;
  track.seen = static_cast<std::uint8_t>(track.seen | bit(point));
  if (s.marked) track.marked = static_cast<std::uint8_t>(track.marked | bit(point));
  const auto everywhere = static_cast<std::uint8_t>((1U << points_.size()) - 1);
  if (track.seen == everywhere) let_go(index, false);
}

std::uint8_t PathMatcher::could_see(std::int64_t time_ps, std::size_t from, bool at_end) const {
  std::uint8_t mask = 0;
  for (std::size_t p = 0; p < points_.size(); ++p) {
    const Point& at = *points_[p];
    const DurationHistogram& way = hops_[from][p].delay;
    const bool known = way.count() > 0;
    // It would have come before the capture began.
    if (!at.any || time_ps + (known ? way.min_ps() : 0) < at.first_ps) continue;
    // It may have been on its way still when the capture ended.
    if (at_end && time_ps + (known ? way.max_ps() : 0) > at.last_ps) continue;
    mask = static_cast<std::uint8_t>(mask | bit(p));
  }
  return mask;
}

void PathMatcher::let_go(std::uint32_t index, bool at_end) {
  Track& track = tracks_[index];
  ++track.generation;
  --open_count_;
  free_.push_back(index);
  const auto chain = open_.find(track.key);
  if (chain->second == index) {
    chain->second = track.next;
    if (track.next == kNone) open_.erase(chain);
  } else {
    std::uint32_t newer = chain->second;
    while (tracks_[newer].next != index) newer = tracks_[newer].next;
    tracks_[newer].next = track.next;
  }
  std::array<std::size_t, kPathPointsMax> way{};
  std::size_t length = 0;
  for (std::size_t p = 0; p < points_.size(); ++p) {
    if ((track.seen & bit(p)) != 0) way[length++] = p;
  }
  std::stable_sort(
      way.begin(), way.begin() + static_cast<std::ptrdiff_t>(length),
      [&](std::size_t a, std::size_t b) { return track.time_ps[a] < track.time_ps[b]; });
  PathFlow& flow = flows_[track.key.flow];
  for (std::size_t i = 0; i + 1 < length; ++i) {
    const std::size_t p = way[i];
    const std::size_t q = way[i + 1];
    PathHop& hop = hops_[p][q];
    ++flow.steps[p][q];
    ++hop.packets;
    hop.delay.add(track.time_ps[q] - track.time_ps[p]);
    if ((track.marked & bit(q)) != 0 && (track.marked & bit(p)) == 0) {
      ++hop.marked;
      hop.marked_at.add(track.number[q]);
    }
  }
  const std::size_t last = way[length - 1];
  if (length > 1) flow.delay.add(track.time_ps[last] - track.time_ps[way[0]]);
  PathFlow::Tail& tail =
      flow.tails[{static_cast<std::uint8_t>(last), could_see(track.time_ps[last], last, at_end)}];
  ++tail.packets;
  tail.numbers.add(track.number[last]);
}

}  // namespace emu::wire
