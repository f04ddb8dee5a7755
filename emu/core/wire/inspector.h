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

  void feed(const std::uint8_t* data, std::size_t n) {
    parser_.feed(data, n, [this](const Record& record) { packet(record); });
  }
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
  void packet(const Record& record);
  void ip_checks(const Record& record);

  Options options_;
  CaptureParser parser_;
  Totals totals_;
  Timeline timeline_;
  QpTracker queue_pairs_;
  PfcTracker pauses_;
  Dissected dissected_;
  std::int64_t previous_ps_ = 0;
  bool finished_ = false;
};

}  // namespace emu::wire
