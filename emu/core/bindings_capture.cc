// SPDX-License-Identifier: Apache-2.0
// Captures of a run, as Python sees them.
#include <nanobind/nanobind.h>
#include <nanobind/stl/array.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "capture.h"
#include "emu/bindings/macs.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace emu {

using namespace bindings;

void bind_capture(nb::module_& m) {
  nb::class_<Capture>(m, "Capture")
      .def(
          "__init__",
          [](Capture* self, Engine& engine, std::string application, Input<std::uint64_t> node_mac,
             Input<std::uint8_t> node_tier, std::uint64_t gateway_mac,
             Input<std::uint32_t> endpoint_ip, Input<std::uint32_t> vtep_ip,
             Input<std::uint32_t> vtep_node, Input<std::uint32_t> src_qpn,
             Input<std::uint32_t> dst_qpn, Input<std::uint16_t> udp_sport,
             std::array<std::uint8_t, kPriorities> dscp, bool routed, std::uint32_t vni,
             std::uint16_t underlay_vlan) {
            FramePlan plan;
            plan.node_mac = macs_of(node_mac);
            plan.node_tier = copied(node_tier);
            plan.gateway_mac = mac_of(gateway_mac);
            plan.endpoint_ip = copied(endpoint_ip);
            plan.vtep_ip = copied(vtep_ip);
            plan.vtep_node = copied(vtep_node);
            plan.src_qpn = copied(src_qpn);
            plan.dst_qpn = copied(dst_qpn);
            plan.udp_sport = copied(udp_sport);
            plan.dscp = dscp;
            plan.routed = routed;
            plan.vni = vni;
            plan.underlay_vlan = underlay_vlan;
            new (self) Capture(engine, std::move(plan), std::move(application));
          },
          nb::keep_alive<1, 2>(), "engine"_a, nb::kw_only(), "application"_a, "node_mac"_a,
          "node_tier"_a, "gateway_mac"_a, "endpoint_ip"_a, "vtep_ip"_a, "vtep_node"_a, "src_qpn"_a,
          "dst_qpn"_a, "udp_sport"_a, "dscp"_a, "routed"_a, "vni"_a, "underlay_vlan"_a)
      .def(
          "add_port",
          [](Capture& self, std::uint32_t port, const std::string& path, std::string name,
             std::string description, const std::string& comment,
             const std::vector<std::pair<std::uint32_t, std::string>>& names, Ps start_ps,
             Ps stop_ps, std::uint8_t priority_mask, bool inbound, bool outbound, bool pfc,
             const std::vector<std::uint32_t>& endpoints, std::vector<std::uint32_t> flows,
             bool pattern, Engine& engine) {
            const Port& at = engine.ports().at(port);
            wire::PcapngInterface interface;
            interface.name = std::move(name);
            interface.description = std::move(description);
            interface.mac = self.mac_of(at.node);
            interface.speed_bps = static_cast<std::uint64_t>(at.rate.bps);
            CaptureFilter filter;
            filter.start = start_ps;
            filter.stop = stop_ps < 0 ? kNever : stop_ps;
            filter.priorities = priority_mask;
            filter.inbound = inbound;
            filter.outbound = outbound;
            filter.pfc = pfc;
            if (!endpoints.empty()) filter.endpoints.resize(engine.endpoints().size());
            for (const std::uint32_t endpoint : endpoints) filter.endpoints.at(endpoint) = true;
            filter.flows = std::move(flows);
            self.add_port(port, path, interface, comment, names, std::move(filter),
                          pattern ? Payload::kPattern : Payload::kSnapped);
          },
          nb::kw_only(), "port"_a, "path"_a, "name"_a, "description"_a, "comment"_a, "names"_a,
          "start_ps"_a, "stop_ps"_a, "priority_mask"_a, "inbound"_a, "outbound"_a, "pfc"_a,
          "endpoints"_a, "flows"_a, "pattern"_a, "engine"_a)
      .def("finish", &Capture::finish, "now_ps"_a)
      .def_prop_ro("error", &Capture::error)
      .def_prop_ro("frames", &Capture::frames)
      .def_prop_ro("held_max", &Capture::held_max);
}

}  // namespace emu
