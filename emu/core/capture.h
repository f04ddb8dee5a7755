// SPDX-License-Identifier: Apache-2.0
// Captures: the frames of chosen ports, filtered, in order of time, one pcapng
// file per port.
//
// Invariant: what is held in memory is what may still change or come in
// between: the frames of the current window and those on their way to a watched
// port. Everything older is in its file.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "frames.h"
#include "observer.h"
#include "wire/pcapng_writer.h"

namespace emu {

/// Which frames of a port are kept. A frame has to pass all of it.
struct CaptureFilter {
  Ps start = 0;
  Ps stop = kNever;                // not included
  std::uint8_t priorities = 0xFF;  // bit p: frames of priority p
  bool inbound = true;
  bool outbound = true;
  bool pfc = true;                   // PFC frames, whatever hosts and flows say
  std::vector<bool> endpoints;       // from or to one of these; empty: all
  std::vector<std::uint32_t> flows;  // messages, ascending; empty: all
};

class Capture final : public Observer {
 public:
  Capture(Engine& engine, FramePlan plan, std::string application);
  ~Capture() override { engine_.unwatch(); }

  /// Opens the file of a port and watches it from now on.
  void add_port(std::uint32_t port, const std::string& path, const wire::PcapngInterface& interface,
                const std::string& comment,
                const std::vector<std::pair<std::uint32_t, std::string>>& names,
                CaptureFilter filter, Payload payload);

  void see(const Sighting& sighting, Ps settled) override;
  void recall(std::uint32_t port, Ps data_after, Ps pfc_after) override;

  const wire::Mac& mac_of(std::uint32_t node) const { return encoder_.plan().node_mac[node]; }
  /// Writes what happened before `now` and closes the files; what is still on
  /// its way has not been seen.
  void finish(Ps now);

  /// errno of the first file that could not be written, 0 if all could.
  int error() const;
  /// Frames in the file of a port, by order of add_port().
  const std::vector<std::uint64_t>& frames() const { return frames_; }
  std::size_t held_max() const { return held_max_; }

 private:
  static constexpr std::size_t kHeldMin = 4096;
  struct File {
    std::unique_ptr<wire::PcapngWriter> writer;
    CaptureFilter filter;
    std::vector<bool> queue_pairs;  // of the flows of the filter: their CNPs pass
    Payload payload;
  };

  bool passes(const Sighting& sighting, File& file);
  void write_before(Ps horizon);
  void write(const Sighting& sighting);

  Engine& engine_;
  FrameEncoder encoder_;
  std::string application_;
  std::vector<File> files_;
  std::vector<std::int32_t> file_of_port_;  // -1: not captured
  std::vector<std::uint64_t> frames_;
  std::vector<Sighting> held_;
  std::size_t held_limit_ = kHeldMin;
  std::size_t held_max_ = 0;
  Frame frame_;
};

}  // namespace emu
