# SPDX-License-Identifier: Apache-2.0
# The C++ tests; one of them has main(). Paths from the repository's root.
set(EMU_TEST_SOURCES
    tests/cpp/main.cc
    tests/cpp/test_anonymise.cc
    tests/cpp/test_arrivals.cc
    tests/cpp/test_calendar.cc
    tests/cpp/test_capture.cc
    tests/cpp/test_codecs.cc
    tests/cpp/test_dcqcn.cc
    tests/cpp/test_dialect.cc
    tests/cpp/test_ecn.cc
    tests/cpp/test_frames.cc
    tests/cpp/test_hash.cc
    tests/cpp/test_inspector.cc
    tests/cpp/test_lab.cc
    tests/cpp/test_mmu.cc
    tests/cpp/test_observer.cc
    tests/cpp/test_outside.cc
    tests/cpp/test_overlay.cc
    tests/cpp/test_paced.cc
    tests/cpp/test_psn_space.cc
    tests/cpp/test_ring.cc
    tests/cpp/test_scheduler.cc
    tests/cpp/test_switch.cc
    tests/cpp/test_transport.cc
    tests/cpp/test_units.cc)
