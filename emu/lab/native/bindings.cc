// SPDX-License-Identifier: Apache-2.0
// The traffic manager as Python sees it. It runs without the interpreter's lock;
// only scheduled actions take it.
#include <nanobind/nanobind.h>
#include <nanobind/stl/array.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <memory>

#include "emu/bindings/macs.h"
#include "emu/lab/native/feed.h"
#include "emu/lab/native/file_tap.h"
#include "emu/lab/native/sockets.h"
#include "emu/lab/native/traffic_manager.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace emu::lab {

namespace {

using namespace bindings;

nb::dict histogram(const WallHistogram& h) {
  nb::dict out;
  out["packets"] = h.total();
  out["p50_ns"] = h.quantile_ns(0.5);
  out["p90_ns"] = h.quantile_ns(0.9);
  out["p99_ns"] = h.quantile_ns(0.99);
  out["p999_ns"] = h.quantile_ns(0.999);
  out["max_ns"] = h.max_ns();
  return out;
}

/// A traffic manager with the system's clock, and its counters for others to see.
class LiveManager {
 public:
  LiveManager(Engine& engine, FramePlan plan, SocketNetwork& network, Params params)
      : engine_(engine),
        clock_(network.fd()),
        manager_(engine, std::move(plan), network, clock_, std::move(params)) {}

  TrafficManager& manager() { return manager_; }
  void open_feed(const std::string& path) { feed_ = std::make_unique<Feed>(path, engine_); }
  bool run(Ps until, bool stop_when_done, std::int64_t wall_ns) {
    const bool again = manager_.run(until, stop_when_done, wall_ns);
    if (feed_) feed_->write(manager_, clock_.now_ns());
    return again;
  }
  nb::dict report() const {
    const Lateness& l = manager_.lateness();
    const Counters& c = manager_.counters();
    nb::dict out;
    out["packets"] = l.packets;
    out["in_time"] = l.in_time;
    out["late"] = l.late;
    out["lost"] = l.lost;
    out["late_copies"] = l.late_copies;
    out["held"] = l.held;
    out["late_ps"] = l.late_ps;
    out["late_ps_max"] = l.late_ps_max;
    out["late_p999_ps"] = l.late_quantile_ps(0.999);
    out["held_ns"] = l.held_ns;
    out["slipped_ns"] = l.slipped_ns;
    out["turnaround"] = histogram(l.turnaround);
    out["injection"] = histogram(l.injection);
    out["frames_in"] = c.frames_in;
    out["frames_out"] = c.frames_out;
    out["control_frames"] = c.control_frames;
    out["foreign_frames"] = c.foreign_frames;
    out["consumed_frames"] = c.consumed_frames;
    out["delivered_frames"] = c.delivered_frames;
    out["bad_icrc"] = c.bad_icrc;
    out["loops"] = c.loops;
    return out;
  }
  /// Engine ports and times, see TrafficManager::swallowed().
  const std::vector<std::pair<std::uint32_t, Ps>>& swallowed() const {
    return manager_.swallowed();
  }
  /// The first late packets, one tuple each.
  std::vector<std::array<std::int64_t, 6>> late_packets() const {
    std::vector<std::array<std::int64_t, 6>> rows;
    for (const LatePacket& p : manager_.lateness().examples) {
      rows.push_back({p.at, p.late_ps, p.in_port, p.qp, p.psn, p.kind});
    }
    return rows;
  }

 private:
  Engine& engine_;
  SystemClock clock_;
  TrafficManager manager_;
  std::unique_ptr<Feed> feed_;
};

}  // namespace

void bind(nb::module_& m) {
  // Timers without slack, no page faults, SCHED_FIFO: what the kernel grants.
  m.def(
      "ask_for_realtime",
      [](int priority) {
        const Realtime granted = ask_for_realtime(priority);
        nb::dict out;
        out["fifo"] = granted.fifo;
        out["locked"] = granted.locked;
        out["slack"] = granted.slack;
        return out;
      },
      "priority"_a);
  nb::class_<SocketNetwork>(m, "LabNetwork")
      .def(nb::init<const std::string&, std::uint32_t>(), "far_netns"_a, "ports"_a)
      .def("add_port", &SocketNetwork::add_port, "port"_a, "far_interface"_a)
      .def("add_nic", &SocketNetwork::add_nic, "port"_a, "netns"_a, "interface"_a)
      .def_prop_ro("send_errors", &SocketNetwork::send_errors)
      .def_prop_ro("ring_drops", &SocketNetwork::ring_drops);
  nb::class_<FileTap>(m, "LabTap")
      .def(nb::init<const Engine&>(), nb::keep_alive<1, 2>(), "engine"_a)
      .def(
          "add_port",
          [](FileTap& self, std::uint32_t port, const std::string& path,
             const std::string& application, const std::string& comment, std::string name,
             std::string description, std::uint64_t mac, std::int64_t speed_bps,
             const std::vector<std::pair<std::uint32_t, std::string>>& names, Ps start_ps,
             Ps stop_ps, bool inbound, bool outbound, bool snapped) {
            wire::PcapngInterface interface;
            interface.name = std::move(name);
            interface.description = std::move(description);
            for (std::size_t j = 0; j < 6; ++j) {
              interface.mac[j] = static_cast<std::uint8_t>(mac >> (40 - 8 * j));
            }
            interface.speed_bps = static_cast<std::uint64_t>(speed_bps);
            const Ps stop = stop_ps < 0 ? kNever : stop_ps;
            self.add_port(port, path, application, comment, interface, names,
                          {start_ps, stop, inbound, outbound, snapped});
          },
          nb::kw_only(), "port"_a, "path"_a, "application"_a, "comment"_a, "name"_a,
          "description"_a, "mac"_a, "speed_bps"_a, "names"_a, "start_ps"_a, "stop_ps"_a,
          "inbound"_a, "outbound"_a, "snapped"_a)
      .def("finish", &FileTap::finish)
      .def_prop_ro("error", &FileTap::error)
      .def_prop_ro("frames", &FileTap::frames);
  nb::class_<LiveManager>(m, "TrafficManager")
      .def(
          "__init__",
          [](LiveManager* self, Engine& engine, SocketNetwork& network, double dilation,
             std::int64_t hold_ns, Ps sample_ps, std::uint8_t foreign_priority,
             Input<std::uint64_t> next_hop, Input<std::uint64_t> node_mac,
             Input<std::uint8_t> node_tier, Input<std::uint32_t> endpoint_ip,
             Input<std::uint32_t> src_qpn, Input<std::uint32_t> dst_qpn,
             Input<std::uint16_t> udp_sport, std::array<std::uint8_t, kPriorities> dscp,
             bool routed) {
            FramePlan plan;
            plan.node_mac = macs_of(node_mac);
            plan.node_tier = copied(node_tier);
            plan.endpoint_ip = copied(endpoint_ip);
            plan.src_qpn = copied(src_qpn);
            plan.dst_qpn = copied(dst_qpn);
            plan.udp_sport = copied(udp_sport);
            plan.dscp = dscp;
            plan.routed = routed;
            Params params;
            params.dilation = dilation;
            params.hold_ns = hold_ns;
            params.sample_ps = sample_ps;
            params.foreign_priority = foreign_priority;
            if (routed) params.next_hop = macs_of(next_hop);
            new (self) LiveManager(engine, std::move(plan), network, std::move(params));
          },
          nb::keep_alive<1, 2>(), nb::keep_alive<1, 3>(), "engine"_a, "network"_a, nb::kw_only(),
          "dilation"_a, "hold_ns"_a, "sample_ps"_a, "foreign_priority"_a, "next_hop"_a,
          "node_mac"_a, "node_tier"_a, "endpoint_ip"_a, "src_qpn"_a, "dst_qpn"_a, "udp_sport"_a,
          "dscp"_a, "routed"_a)
      .def(
          "set_tap", [](LiveManager& self, FileTap& tap) { self.manager().set_tap(&tap); },
          nb::keep_alive<1, 2>(), "tap"_a)
      .def("open_feed", &LiveManager::open_feed, "path"_a)
      .def(
          "schedule",
          [](LiveManager& self, Ps at, nb::callable action) {
            // Counted by the shared pointer: the interpreter's own count needs its lock.
            const std::shared_ptr<nb::callable> held(new nb::callable(std::move(action)),
                                                     [](nb::callable* p) {
                                                       const nb::gil_scoped_acquire python;
                                                       delete p;
                                                     });
            self.manager().schedule(at, [held] {
              const nb::gil_scoped_acquire python;
              (*held)();
            });
          },
          nb::sig("def schedule(self, at_ps: int, action: Any) -> None"), "at_ps"_a, "action"_a)
      .def("run", &LiveManager::run, "until_ps"_a, "stop_when_done"_a, "wall_ns"_a,
           nb::call_guard<nb::gil_scoped_release>())
      .def("report", &LiveManager::report)
      .def("swallowed", &LiveManager::swallowed)
      .def("late_packets", &LiveManager::late_packets);
}

}  // namespace emu::lab
