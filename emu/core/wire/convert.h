// SPDX-License-Identifier: Apache-2.0
// From one capture to another: a part of it, anonymised, without payload.
//
// What is kept is kept whole or snapped at the end of its headers: no length field
// changes, so the result reads like a capture with a short snap length.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "anonymise.h"
#include "capture_writer.h"
#include "dissect.h"
#include "parser.h"

namespace emu::wire {

/// What to keep; everything asked for must hold.
struct Cut {
  // Since the first packet, both ends kept.
  std::int64_t from_ps = std::numeric_limits<std::int64_t>::min();
  std::int64_t to_ps = std::numeric_limits<std::int64_t>::max();
  std::vector<Address> hosts;                          // one of them is an end, inner or outer
  std::optional<std::pair<Address, Address>> between;  // both ends, in either direction
  std::optional<std::uint32_t> qp;                     // destination QP
  bool keep_pause = false;  // pause frames in the window, whatever hosts and QP say

  bool everything() const { return hosts.empty() && !between && !qp; }
  bool keeps(const Dissected& d, std::int64_t since_first_ps) const;
};

struct ConvertOptions {
  Format format = Format::kPcapng;
  Cut cut;
  bool strip_payload = false;
  std::optional<SipKey> anonymise;
};

class Converter {
 public:
  explicit Converter(const ConvertOptions& options);

  /// Takes another piece of the capture; the result grows at the end of `out`.
  void feed(const std::uint8_t* data, std::size_t n, std::vector<std::uint8_t>& out);
  /// There is no more.
  void finish(std::vector<std::uint8_t>& out);
  /// What brings the pieces failed.
  void fail(std::string why) { parser_.fail(std::move(why)); }

  const Capture& capture() const { return parser_.capture(); }
  bool running() const { return parser_.running() && !refused_; }
  /// A second link type came and the format holds one only.
  bool refused() const { return refused_; }
  std::uint64_t refused_packet() const { return refused_packet_; }

  std::uint64_t written = 0;
  std::uint64_t icrc_right = 0;  // of packets that lost their payload
  std::uint64_t icrc_wrong = 0;
  std::uint64_t icrc_unknown = 0;  // their end was not captured

 private:
  void packet(const Record& record, std::vector<std::uint8_t>& out);

  ConvertOptions options_;
  CaptureParser parser_;
  CaptureWriter writer_;
  std::optional<Anonymiser> names_;
  std::vector<std::uint8_t> copy_;
  Dissected dissected_;
  std::int64_t first_ps_ = 0;
  bool any_ = false;
  bool refused_ = false;
  std::uint64_t refused_packet_ = 0;
};

/// Bytes of a captured frame up to its payload: link, IP and transport headers, inner
/// ones included. Frames without IP count whole.
std::uint32_t header_bytes(const Record& record, const Dissected& d);

}  // namespace emu::wire
