// SPDX-License-Identifier: Apache-2.0
// The inspection of one capture: bytes in, tables out.
#pragma once

#include <array>
#include <cstdint>
#include <map>

#include "dissect.h"
#include "finding.h"
#include "options.h"
#include "parser.h"
#include "pfc_tracker.h"
#include "protocol.h"
#include "qp_tracker.h"
#include "timeline.h"

namespace emu::wire {

struct Count {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  void add(std::uint64_t n) {
    ++packets;
    bytes += n;
  }
};

/// Everything that is counted without looking at flows.
struct Totals {
  std::int64_t first_ps = 0;
  std::int64_t last_ps = 0;
  std::uint64_t bytes = 0;        // on the wire
  std::uint64_t captured = 0;     // in the file
  std::uint64_t cut_packets = 0;  // captured in part only
  std::uint64_t backwards = 0;    // packets with an earlier time than the one before
  std::array<std::array<Count, kProtocols>, 2> protocols{};  // plain, in VXLAN
  std::map<std::uint16_t, Count> vlans;
  std::map<std::uint32_t, Count> vnis;
  // The latest of each: packets of one segment come one behind the other.
  std::uint32_t vni = 0;
  Count* of_vni = nullptr;
  std::array<Count, 9> pcps{};    // 8: untagged
  std::array<Count, 64> dscps{};  // of the outermost IP header
  std::array<std::uint64_t, 4> roce_ecn{};
  std::vector<std::uint64_t> interface_packets;

  std::uint64_t icrc_verified = 0;
  Finding icrc_wrong;
  Finding ip_checksum_wrong;
  Finding udp_checksum_wrong;
  std::uint64_t udp_checksums = 0;  // packets that carry one
  std::uint64_t ip_packets = 0;
  Finding length_wrong;
  Finding ip_too_long;  // above Options::mtu_bytes
  // Which PCP a DSCP came with, and which outer ECN with which inner one.
  std::array<std::array<Finding, 8>, 64> dscp_pcp{};
  std::array<std::array<Finding, 4>, 4> tunnel_ecn{};  // [inner][outer]
};

class Inspector {
 public:
  explicit Inspector(const Options& options)
      : options_(options), queue_pairs_(options), pauses_(options) {}
  Inspector(const Inspector&) = delete;
  Inspector& operator=(const Inspector&) = delete;

  void feed(const std::uint8_t* data, std::size_t n) { parser_.feed(data, n, Sink{*this}); }
  /// The source of the bytes failed; what came so far is the capture.
  void fail(std::string why) { parser_.fail(std::move(why)); }
  void finish();

  const CaptureParser& parser() const { return parser_; }
  const Capture& capture() const { return parser_.capture(); }
  const Options& options() const { return options_; }
  const Totals& totals() const { return totals_; }
  const Timeline& timeline() const { return timeline_; }
  QpTracker& queue_pairs() { return queue_pairs_; }
  PfcTracker& pauses() { return pauses_; }

 private:
  /// Packets are dissected one after the other and judged a batch later, so that the
  /// memory of their flows can arrive meanwhile.
  static constexpr std::size_t kBatch = 32;
  struct Pending {
    Record record;
    Dissected dissected;
    std::uint64_t hash = 0;
    std::uint32_t flow = kNoFlow;     // its own, as far as can be told in advance
    std::uint32_t changes = kNoFlow;  // whose queues it will look into
  };
  struct Sink {
    Inspector& inspector;
    void operator()(const Record& record) { inspector.packet(record); }
    void flush() { inspector.flush(); }
  };

  void packet(const Record& record);
  void flush();
  void judge(const Pending& pending);
  void ip_checks(const Record& record, const Dissected& d);

  Options options_;
  CaptureParser parser_;
  Totals totals_;
  Timeline timeline_;
  QpTracker queue_pairs_;
  PfcTracker pauses_;
  std::array<Pending, kBatch> pending_;
  std::size_t n_pending_ = 0;
  std::int64_t previous_ps_ = 0;
  bool finished_ = false;
};

}  // namespace emu::wire
