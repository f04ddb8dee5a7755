// SPDX-License-Identifier: Apache-2.0
// Real frames of chosen ports as pcapng files, with their fabric time.
//
// Invariant: each file is in order of time. Frames are told of when they start,
// those that arrive later wait for their moment.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "emu/core/engine.h"
#include "emu/core/wire/pcapng_writer.h"
#include "emu/lab/native/tap.h"

namespace emu::lab {

class FileTap : public Tap {
 public:
  explicit FileTap(const Engine& engine) : engine_(engine), files_(engine.ports().size()) {}
  FileTap(const FileTap&) = delete;
  FileTap& operator=(const FileTap&) = delete;

  /// What of a port is kept.
  struct Filter {
    Ps start = 0;
    Ps stop = kNever;  // frames from start up to, not including, stop
    bool inbound = true;
    bool outbound = true;
    bool snapped = false;  // headers on disk, the length kept
  };
  void add_port(std::uint32_t port, const std::string& path, const std::string& application,
                const std::string& comment, const wire::PcapngInterface& interface,
                const std::vector<std::pair<std::uint32_t, std::string>>& names,
                const Filter& filter);
  void link_frame(std::uint32_t port, Ps start, Ps end, const std::uint8_t* frame,
                  std::size_t n) override;
  void recalled(std::uint32_t port, Ps end) override;
  void settled(Ps now) override;
  void finish();

  /// errno of the first file that could not be written, or 0.
  int error() const;
  /// Frames written, by port in the order of addition.
  const std::vector<std::int64_t>& frames() const { return frames_; }

 private:
  struct File {
    std::unique_ptr<wire::PcapngWriter> writer;
    std::size_t number = 0;
    Filter filter;
    bool wants(Ps at, bool outbound) const {
      return writer && at >= filter.start && at < filter.stop &&
             (outbound ? filter.outbound : filter.inbound);
    }
  };
  struct Held {
    Ps at;
    std::uint32_t port;
    bool outbound;
    std::uint32_t length;             // on the link
    std::vector<std::uint8_t> bytes;  // of them, what is kept
  };
  void hold(std::uint32_t port, Ps at, bool outbound, const std::uint8_t* frame, std::size_t n);
  void write(const Held& held);

  const Engine& engine_;
  std::vector<File> files_;  // by port; most have none
  std::vector<Held> held_;
  std::vector<std::int64_t> frames_;
};

}  // namespace emu::lab
