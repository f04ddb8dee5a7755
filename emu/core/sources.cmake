# SPDX-License-Identifier: Apache-2.0
# The engine's translation units, without bindings.cc; paths from the repository's root.
set(EMU_CORE_SOURCES
    emu/core/any_order.cc
    emu/core/buffer.cc
    emu/core/calm.cc
    emu/core/capture.cc
    emu/core/deadlock.cc
    emu/core/engine.cc
    emu/core/events.cc
    emu/core/frames.cc
    emu/core/lane.cc
    emu/core/link.cc
    emu/core/nic.cc
    emu/core/nic_timers.cc
    emu/core/outside.cc
    emu/core/pipeline.cc
    emu/core/results.cc
    emu/core/routing.cc
    emu/core/switch.cc
    emu/core/telemetry/bursts.cc
    emu/core/telemetry/meters.cc
    emu/core/telemetry/pauses.cc
    emu/core/telemetry/telemetry.cc
    emu/core/traffic.cc
    emu/core/transport.cc
    emu/core/watchdog.cc
    emu/core/wire/pcapng_writer.cc)
