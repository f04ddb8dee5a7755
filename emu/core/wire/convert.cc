// SPDX-License-Identifier: Apache-2.0
#include "convert.h"

#include <algorithm>
#include <string_view>

#include "icrc.h"
#include "opcode.h"
#include "udp.h"

namespace emu::wire {

namespace {

using D = Dissected;

constexpr std::string_view kStripped =
    "emu: payload stripped; a packet whose ICRC was wrong before says so in its comment";
constexpr std::string_view kWrongIcrc = "emu: the ICRC was wrong before the payload was stripped";

bool touches(const IpInfo& ip, const Address& host) { return ip.src == host || ip.dst == host; }

bool joins(const IpInfo& ip, const std::pair<Address, Address>& ends) {
  return (ip.src == ends.first && ip.dst == ends.second) ||
         (ip.src == ends.second && ip.dst == ends.first);
}

}  // namespace

bool Cut::keeps(const Dissected& d, std::int64_t since_first_ps) const {
  if (since_first_ps < from_ps || since_first_ps > to_ps) return false;
  if (everything()) return true;
  if (keep_pause && (d.known & (D::kPfcFrame | D::kPauseFrame)) != 0) return true;
  const auto either = [&](auto holds) {
    return (d.has(D::kIp) && holds(d.ip)) || (d.has(D::kOuterIp) && holds(d.outer));
  };
  if (!hosts.empty() && !either([&](const IpInfo& ip) {
        return std::any_of(hosts.begin(), hosts.end(),
                           [&](const Address& host) { return touches(ip, host); });
      })) {
    return false;
  }
  if (between && !either([&](const IpInfo& ip) { return joins(ip, *between); })) return false;
  return !qp || (d.has(D::kBth) && d.bth.dest_qp == *qp);
}

std::uint32_t header_bytes(const Record& record, const Dissected& d) {
  if (!d.has(D::kIp)) return record.captured_bytes;
  std::uint32_t end = d.ip.offset + d.ip.header_bytes;
  if (d.has(D::kBth)) {
    end += static_cast<std::uint32_t>(Udp::kBytes + Bth::kBytes) +
           opcode_info(d.bth.opcode).extension_bytes;
    if (d.bth.opcode == kCnp) end += kCnpPaddingBytes;
  } else if (d.has(D::kUdpPorts)) {
    end += static_cast<std::uint32_t>(Udp::kBytes);
  } else if (d.ip.protocol == kProtoTcp && !d.ip.fragment && end + 13 <= record.captured_bytes) {
    end += std::uint32_t{record.data[end + 12]} / 16 * 4;
  } else if (d.ip.protocol == kProtoIcmp || d.ip.protocol == kProtoIcmpv6) {
    end += 8;
  }
  return std::min(end, record.captured_bytes);
}

Converter::Converter(const ConvertOptions& options) : options_(options), writer_(options.format) {
  if (options_.anonymise) names_.emplace(*options_.anonymise);
  writer_.hide_names = options_.anonymise.has_value();
}

void Converter::feed(const std::uint8_t* data, std::size_t n, std::vector<std::uint8_t>& out) {
  parser_.feed(data, n, [&](const Record& record) { packet(record, out); });
}

void Converter::packet(const Record& record, std::vector<std::uint8_t>& out) {
  if (refused_) return;
  if (!any_) {
    any_ = true;
    first_ps_ = record.time_ps;
    writer_.begin(options_.strip_payload ? kStripped : std::string_view{}, out);
  }
  const std::uint16_t link = capture().interfaces[record.interface].link_type;
  dissect(record, link, dissected_);
  if (!options_.cut.keeps(dissected_, record.time_ps - first_ps_)) return;
  Record fresh = record;
  std::string_view comment;
  if (record.comment != nullptr && !names_) comment = {record.comment, record.comment_bytes};
  if (options_.strip_payload) {
    fresh.captured_bytes = header_bytes(record, dissected_);
    if (dissected_.has(D::kBth)) {
      if (!dissected_.has(D::kIcrcThere)) {
        ++icrc_unknown;
      } else if (icrc_ok(record, dissected_)) {
        ++icrc_right;
      } else {
        ++icrc_wrong;
        comment = kWrongIcrc;
      }
    }
  }
  if (names_) {
    // Whole, so that checksums over what is stripped can be kept right.
    copy_.assign(record.data, record.data + record.captured_bytes);
    names_->frame(copy_.data(), copy_.size(), link);
    fresh.data = copy_.data();
  }
  if (!writer_.packet(capture(), fresh, comment, out)) {
    refused_ = true;
    refused_packet_ = record.number;
    return;
  }
  ++written;
}

void Converter::finish(std::vector<std::uint8_t>& out) {
  parser_.finish();
  if (!any_) writer_.begin({}, out);
  std::string told;
  if (options_.strip_payload) {
    told = "emu: of the RoCEv2 packets whose payload was stripped, " + std::to_string(icrc_right) +
           " had the right ICRC, " + std::to_string(icrc_wrong) + " a wrong one, and of " +
           std::to_string(icrc_unknown) + " it had not been captured";
  }
  writer_.end(capture(), told, out);
}

}  // namespace emu::wire
