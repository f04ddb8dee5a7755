// SPDX-License-Identifier: Apache-2.0
// Replays a journal of engine calls (emu/sim/journal.py) without Python, and
// prints what was counted and a digest of every result.
//
// For whom: valgrind and perf, which see the engine alone; and the check that
// compilers and optimisation levels agree, which needs the engine built in
// many ways but the fabric worked out only once.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "emu/core/engine.h"

namespace {

using emu::Engine;
using emu::Ps;

/// The journal: words and numbers with one space or line end after each.
class Journal {
 public:
  explicit Journal(const char* path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error(std::string("cannot read ") + path);
    text_.assign(std::istreambuf_iterator<char>(file), {});
    at_ = text_.c_str();
  }
  bool ended() const { return *at_ == '\0'; }
  std::string word() {
    const char* end = at_ + std::strcspn(at_, " \n");
    std::string found(at_, end);
    at_ = *end == '\0' ? end : end + 1;
    return found;
  }
  template <typename T>
  T get() {
    char* end = nullptr;
    T value{};
    if constexpr (std::is_floating_point_v<T>) {
      value = std::strtod(at_, &end);
    } else if constexpr (std::is_same_v<T, std::uint64_t>) {
      value = std::strtoull(at_, &end, 10);
    } else {
      value = static_cast<T>(std::strtoll(at_, &end, 10));
    }
    if (end == at_) throw std::runtime_error("a number was expected at: " + word());
    at_ = *end == '\0' ? end : end + 1;
    return value;
  }
  template <typename T>
  std::vector<T> list() {
    std::vector<T> values(get<std::size_t>());
    for (T& value : values) value = get<T>();
    return values;
  }
  template <typename T>
  std::vector<std::vector<T>> lists() {
    std::vector<std::vector<T>> values(get<std::size_t>());
    for (auto& value : values) value = list<T>();
    return values;
  }

 private:
  std::string text_;
  const char* at_ = nullptr;
};

/// FNV-1a over the values of results, so that padding never counts.
class Digest {
 public:
  template <typename... T>
  void add(T... values) {
    (add_one(static_cast<std::uint64_t>(values)), ...);
  }
  std::uint64_t value() const { return hash_; }

 private:
  void add_one(std::uint64_t value) {
    for (int i = 0; i < 8; ++i) {
      hash_ = (hash_ ^ (value >> (8 * i) & 0xFF)) * 0x100000001b3ULL;
    }
  }
  std::uint64_t hash_ = 0xcbf29ce484222325ULL;
};

void print_digests(const Engine& e) {
  const auto print = [](const char* name, const Digest& digest) {
    std::printf("%-10s %016llx\n", name, static_cast<unsigned long long>(digest.value()));
  };
  Digest messages;
  for (const emu::Message& m : e.messages()) {
    messages.add(m.first_tx, m.end, m.acked, m.retransmitted_bytes, m.sent_packets,
                 m.marked_packets, m.cnps, m.timeouts, m.naks, m.failed);
  }
  print("messages", messages);
  Digest queues;
  for (const emu::EgressQueue& q : e.queues()) {
    queues.add(q.tx_packets, q.tx_bytes, q.tx_payload, q.marked, q.pfc_tx, q.pfc_rx,
               q.paused_total(e.now()), q.bytes_max);
  }
  print("queues", queues);
  Digest groups;
  for (const emu::PriorityGroup& g : e.groups()) {
    groups.add(g.used, g.headroom, g.used_max, g.headroom_max);
  }
  print("groups", groups);
  Digest drops;
  for (const emu::DropCounts& d : e.drops()) {
    for (const auto n : d.packets) drops.add(n);
    for (const auto n : d.bytes) drops.add(n);
  }
  print("drops", drops);
  Digest switches;
  for (const emu::Switch& s : e.switches()) {
    switches.add(s.mmu.pool_used(), s.mmu.pool_used_max(), s.flooded_packets, s.marked_packets);
  }
  print("switches", switches);
  Digest samples;
  for (const emu::QueueSample& s : e.queue_samples()) {
    samples.add(s.at, s.port, s.priority, s.paused, s.egress_bytes, s.group_bytes);
  }
  print("samples", samples);
  Digest series;
  for (const emu::SeriesSample& s : e.series()) {
    series.add(s.at, s.delivered_payload, s.wire_bytes, s.drops, s.marked, s.pfc_frames,
               s.flooded_bytes, s.cnps, s.paused_ps);
  }
  print("series", series);
  Digest events;
  for (const emu::Event& v : e.events()) events.add(v.at, v.kind, v.node, v.port, v.detail);
  print("events", events);
  const emu::Totals& t = e.totals();
  Digest totals;
  totals.add(t.injected_packets, t.injected_bytes, t.copied_packets, t.delivered_packets,
             t.delivered_bytes, t.discarded_packets, t.packet_hops, t.delivered_payload,
             t.retransmitted_packets, t.encap_bytes, t.ack_packets, t.nak_packets, t.cnp_packets,
             t.marked_packets, t.pfc_frames, t.xon_frames, t.xoff_episodes, t.flooded_bytes,
             t.timeouts, t.failed_qps, t.wire_bytes, e.in_flight().first, e.now());
  print("totals", totals);
}

class Replay {
 public:
  Replay(const char* path, std::uint32_t threads) : in_(path), threads_(threads) {}

  void run() {
    while (!in_.ended()) {
      const std::string name = in_.word();
      const auto call = calls_.find(name);
      if (call == calls_.end()) throw std::runtime_error("unknown call: " + name);
      call->second();
    }
  }
  Engine& engine() { return *engine_; }
  double cpu_s() const { return cpu_s_; }
  double wall_s() const { return wall_s_; }

 private:
  template <typename T>
  T get() {
    return in_.get<T>();
  }
  std::uint32_t u32() { return in_.get<std::uint32_t>(); }
  std::uint16_t u16() { return in_.get<std::uint16_t>(); }
  std::uint8_t u8() { return in_.get<std::uint8_t>(); }
  std::int64_t i64() { return in_.get<std::int64_t>(); }
  std::int32_t i32() { return in_.get<std::int32_t>(); }
  bool flag() { return in_.get<int>() != 0; }
  double real() { return in_.get<double>(); }

  /// An argument that the bindings take by name only: its name, then its value.
  template <typename T>
  void named(const char* name, T& value) {
    if (const std::string found = in_.word(); found != name) {
      throw std::runtime_error("expected " + std::string(name) + ", not " + found);
    }
    if constexpr (std::is_same_v<T, std::string>) {
      value = in_.word();
    } else {
      value = in_.get<T>();
    }
  }
  void named(const char* name, bool& value) {
    int flag = 0;
    named(name, flag);
    value = flag != 0;
  }

  void switch_profile() {
    emu::SwitchProfile p;
    named("cell_bytes", p.mmu.cell_bytes);
    named("buffer_bytes", p.mmu.buffer_bytes);
    named("pg_reserved_bytes", p.mmu.pg_reserved_bytes);
    named("alpha_lossless", p.mmu.alpha_lossless);
    named("alpha_lossy", p.mmu.alpha_lossy);
    named("xon_bytes", p.mmu.xon_bytes);
    named("xon_offset_bytes", p.mmu.xon_offset_bytes);
    named("headroom_pool_bytes", p.mmu.headroom_pool_bytes);
    named("lossless_mask", p.mmu.lossless);
    named("strict_mask", p.scheduler.strict);
    std::size_t quanta = 0;
    named("quantum_bytes", quanta);
    for (std::size_t i = 0; i < quanta; ++i) p.scheduler.quantum_bytes.at(i) = i32();
    named("pipeline_ps", p.pipeline_ps);
    named("cut_through", p.cut_through);
    named("pfc_quanta", p.pfc_quanta);
    named("xoff_at_limit", p.mmu.xoff_at_limit);
    named("resume_by_own", p.mmu.resume_by_own);
    named("watchdog_poll_ps", p.watchdog.poll_ps);
    named("watchdog_detect_ps", p.watchdog.detect_ps);
    named("watchdog_restore_ps", p.watchdog.restore_ps);
    std::uint8_t action = 0;
    named("watchdog_action", action);
    p.watchdog.action = emu::WatchdogAction{action};
    engine_->add_switch_profile(p);
  }

  void nic_profile() {
    emu::NicParams p;
    named("mtu_bytes", p.mtu);
    named("ack_interval", p.ack_interval);
    named("ack_priority", p.ack_priority);
    named("cnp_priority", p.cnp_priority);
    named("retransmit_timeout_ps", p.retransmit_timeout_ps);
    named("retry_count", p.retry_count);
    named("cnp_interval_ps", p.cnp_interval_ps);
    named("lossless_mask", p.lossless);
    named("rx_buffer_bytes", p.rx_buffer_bytes);
    named("rx_xoff_bytes", p.rx_xoff_bytes);
    named("rx_xon_bytes", p.rx_xon_bytes);
    named("congestion_control", p.congestion_control);
    named("ecn_capable", p.ecn_capable);
    named("fixed_rate_bps", p.fixed_rate_bps);
    named("pfc_quanta", p.pfc_quanta);
    std::string algorithm;
    named("cc", algorithm);
    std::size_t count = 0;
    named("cc_values", count);
    std::map<std::string, double> values;
    for (; count > 0; --count) {
      const std::string name = in_.word();
      values[name] = in_.get<double>();
    }
    if (p.congestion_control) p.cc = emu::Cc::make(algorithm, values);
    named("echo_on_ack", p.echo_on_ack);
    engine_->add_nic_profile(p);
  }

  void framing() {
    emu::Framing f{0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1};
    named("header_bytes", f.header_bytes);
    named("ack_bytes", f.ack_bytes);
    named("cnp_bytes", f.cnp_bytes);
    named("pfc_bytes", f.pfc_bytes);
    named("gap_bytes", f.gap_bytes);
    f.read_request_bytes = f.ack_bytes;
    engine_->set_framing(f);
  }

  void groups() {
    auto& tables = engine_->tables();
    tables.groups.clear();
    for (const auto& group : in_.lists<std::uint32_t>()) tables.groups.add(group);
    tables.tunnels = in_.lists<std::uint16_t>();
    tables.port_group = in_.list<std::int32_t>();
  }

  void switch_tables() {
    emu::SwitchTables& table = engine_->tables().switches.at(u32());
    table.fib = in_.list<std::uint16_t>();
    table.hash_seed = get<std::uint64_t>();
    table.vtep = i32();
    table.bridged = flag();
  }

  void queue_pairs() {
    const auto src = in_.list<std::uint32_t>();
    const auto dst = in_.list<std::uint32_t>();
    const auto sport = in_.list<std::uint16_t>();
    const auto priority = in_.list<std::uint8_t>();
    const auto read = in_.list<std::uint8_t>();
    for (std::size_t i = 0; i < src.size(); ++i) {
      engine_->add_qp(src[i], dst[i], sport[i], priority[i],
                      read[i] != 0 ? emu::Verb::kRead : emu::Verb::kWrite);
    }
  }

  void post() {
    const auto qp = in_.list<std::uint32_t>();
    const auto bytes = in_.list<std::int64_t>();
    const auto at = in_.list<std::int64_t>();
    for (std::size_t i = 0; i < qp.size(); ++i) engine_->post(qp[i], bytes[i], at[i]);
  }

  void run_until() {
    const Ps until = i64();
    const bool stop_when_done = flag();
    const std::clock_t began = std::clock();
    const auto began_wall = std::chrono::steady_clock::now();
    engine_->run_until(until, stop_when_done);
    wall_s_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - began_wall).count();
    cpu_s_ += static_cast<double>(std::clock() - began) / CLOCKS_PER_SEC;
  }

  Journal in_;
  std::uint32_t threads_;
  std::unique_ptr<Engine> engine_;
  double cpu_s_ = 0;
  double wall_s_ = 0;

  // Arguments are read in separate statements: their order within one call
  // expression is the compiler's choice.
  const std::map<std::string, std::function<void()>> calls_ = {
      {"Engine",
       [this] {
         engine_ = std::make_unique<Engine>(get<std::uint64_t>());
         engine_->set_threads(threads_);
       }},
      {"set_threads", [this] { u32(); }},  // whoever replays says how many
      {"add_switch_profile", [this] { switch_profile(); }},
      {"add_nic_profile", [this] { nic_profile(); }},
      {"add_ecn_profile",
       [this] {
         emu::EcnProfile p;
         p.kmin_bytes = i64();
         p.kmax_bytes = i64();
         p.pmax = real();
         p.priorities = u8();
         engine_->add_ecn_profile(p);
       }},
      {"add_endpoint",
       [this] {
         const auto ports = u32();
         const auto profile = u32();
         engine_->add_endpoint(ports, profile, i64());
       }},
      {"add_switch",
       [this] {
         const auto ports = u32();
         engine_->add_switch(ports, u32());
       }},
      {"connect",
       [this] {
         const auto a = u32();
         const auto b = u32();
         const auto rate = i64();
         engine_->connect(a, b, rate, i64());
       }},
      {"set_port_pfc",
       [this] {
         const auto port = u32();
         engine_->set_port_pfc(port, i64());
       }},
      {"set_port_ecn",
       [this] {
         const auto port = u32();
         engine_->set_port_ecn(port, u32());
       }},
      {"set_headroom",
       [this] {
         const auto port = u32();
         const auto priority = u8();
         engine_->set_headroom(port, priority, i64());
       }},
      {"set_arp",
       [this] {
         emu::ArpPlan plan;
         plan.period_ps = i64();
         plan.bytes = u16();
         plan.priority = u8();
         engine_->set_arp(plan);
       }},
      {"set_framing", [this] { framing(); }},
      {"set_time_grain", [this] { engine_->set_time_grain(i64()); }},
      {"set_done_when_acked", [this] { engine_->set_done_when_acked(flag()); }},
      {"set_pauses_hold", [this] { engine_->set_pauses_hold(flag()); }},
      {"set_turns_by_due", [this] { engine_->set_turns_by_due(flag()); }},
      {"set_hash_words", [this] { engine_->set_hash_words(in_.list<std::uint32_t>()); }},
      {"set_groups", [this] { groups(); }},
      {"set_overlay",
       [this] {
         emu::Overlay& overlay = engine_->tables().overlay;
         overlay.overhead_bytes = i32();
         overlay.ecn_copy_encap = flag();
         overlay.ecn_copy_decap = flag();
         overlay.dscp_copy_encap = flag();
         overlay.dscp_copy_decap = flag();
       }},
      {"set_bridging",
       [this] {
         auto& tables = engine_->tables();
         tables.mac_age_ps = i64();
         tables.mac_table_max = u32();
         tables.decrement_ttl = flag();
       }},
      {"set_switch_tables", [this] { switch_tables(); }},
      {"set_flood",
       [this] {
         auto& table = engine_->tables().switches.at(u32());
         const auto ingress = i32();
         table.flood[ingress] = in_.list<std::uint16_t>();
       }},
      {"set_flood_tunnels",
       [this] {
         auto& table = engine_->tables().switches.at(u32());
         table.flood_tunnels = in_.list<std::uint16_t>();
       }},
      {"set_tunnel",
       [this] {
         const auto tunnel = u32();
         engine_->tables().tunnels.at(tunnel) = in_.list<std::uint16_t>();
       }},
      {"set_port_group",
       [this] {
         const auto port = u32();
         engine_->tables().port_group.at(port) = i32();
       }},
      {"set_receiver",
       [this] {
         const auto profile = u32();
         const auto receiver = static_cast<emu::Receiver>(u32());
         const auto packets = u32();
         const auto loss_after = u32();
         engine_->set_receiver(profile, receiver, packets, loss_after, flag());
       }},
      {"set_entropy",
       [this] {
         const auto profile = u32();
         emu::EntropyParams params;
         params.mode = static_cast<emu::EntropyMode>(u32());
         params.values = u32();
         params.kept = u32();
         params.freeze_ps = i64();
         engine_->set_entropy(profile, params);
       }},
      {"set_pins", [this] { engine_->set_pins(in_.list<std::uint32_t>()); }},
      {"set_routing",
       [this] {
         const auto sw = u32();
         const std::string policy = in_.word();
         std::vector<std::string> names(u32());
         for (std::string& name : names) name = in_.word();
         engine_->set_routing(sw, policy, {names, in_.list<std::int64_t>()});
       }},
      {"point_slot",
       [this] {
         const auto sw = u32();
         const auto group = u32();
         const auto slot = u32();
         engine_->controlled(sw).point(group, slot, u32() - engine_->switches().at(sw).first_port);
       }},
      {"set_remote_state",
       [this] {
         const auto interval = i64();
         const auto lag = u32();
         engine_->set_remote_state(interval, lag, i64());
       }},
      {"finish_build", [this] { engine_->finish_build(); }},
      {"add_qps", [this] { queue_pairs(); }},
      {"post", [this] { post(); }},
      {"set_group",
       [this] {
         const auto group = u32();
         engine_->set_group(group, in_.list<std::uint32_t>());
       }},
      {"set_endpoint_group",
       [this] {
         const auto endpoint = u32();
         engine_->set_endpoint_group(endpoint, u32());
       }},
      {"set_fib",
       [this] {
         const auto sw = u32();
         const auto routes = in_.list<std::uint16_t>();
         engine_->set_fib(sw, routes, u16());
       }},
      {"flush_macs",
       [this] {
         const auto sw = u32();
         engine_->flush_macs(sw, in_.list<std::uint16_t>());
       }},
      {"set_link",
       [this] {
         const auto port = u32();
         engine_->set_link(port, flag());
       }},
      {"port_detected",
       [this] {
         const auto port = u32();
         engine_->port_detected(port, flag());
       }},
      {"set_loss",
       [this] {
         const auto port = u32();
         engine_->set_loss(port, real());
       }},
      {"set_rate",
       [this] {
         const auto port = u32();
         engine_->set_rate(port, i64());
       }},
      {"set_marking",
       [this] {
         const auto sw = u32();
         engine_->set_marking(sw, flag());
       }},
      {"set_black_hole",
       [this] {
         const auto port = u32();
         const auto on = flag();
         engine_->set_black_hole(port, on, in_.list<std::uint16_t>());
       }},
      {"set_receive_rate",
       [this] {
         const auto endpoint = u32();
         engine_->set_receive_rate(endpoint, i64());
       }},
      {"set_storm",
       [this] {
         const auto endpoint = u32();
         const auto priority = u8();
         const auto on = flag();
         emu::Storm storm;
         storm.quanta = u32();
         storm.every_ps = i64();
         storm.frame = emu::storm_frame(in_.word());
         engine_->set_storm(endpoint, priority, on, storm);
       }},
      {"set_silent",
       [this] {
         const auto endpoint = u32();
         engine_->set_silent(endpoint, flag());
       }},
      {"sample", [this] { engine_->sample(); }},
      {"run_until", [this] { run_until(); }},
  };
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    std::fprintf(stderr, "usage: replay JOURNAL [THREADS]\n");
    return 2;
  }
  try {
    Replay replay(argv[1], argc == 3 ? static_cast<std::uint32_t>(std::stoul(argv[2])) : 1);
    replay.run();
    const emu::Totals totals = replay.engine().totals();
    std::printf("packets %llu\npacket_hops %llu\n",
                static_cast<unsigned long long>(totals.injected_packets),
                static_cast<unsigned long long>(totals.packet_hops));
    print_digests(replay.engine());
    std::fprintf(stderr, "cpu_s %.3f wall_s %.3f ns_per_packet_hop %.1f\n", replay.cpu_s(),
                 replay.wall_s(), replay.cpu_s() * 1e9 / static_cast<double>(totals.packet_hops));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
  return 0;
}
