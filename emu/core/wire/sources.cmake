# SPDX-License-Identifier: Apache-2.0
# Inspection of captures, without its bindings; paths from the repository's root.
set(EMU_WIRE_SOURCES
    emu/core/wire/anonymise.cc
    emu/core/wire/capture_writer.cc
    emu/core/wire/convert.cc
    emu/core/wire/dissect.cc
    emu/core/wire/inspector.cc
    emu/core/wire/pairing.cc
    emu/core/wire/path.cc
    emu/core/wire/pfc_tracker.cc
    emu/core/wire/qp_tracker.cc)
