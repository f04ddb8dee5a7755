# SPDX-License-Identifier: Apache-2.0
# The lab's native part, without bindings.cc; paths from the repository's root.
# EMU_LAB_SOURCES needs nothing of the system and is tested everywhere.
set(EMU_LAB_SOURCES
    emu/lab/native/file_tap.cc
    emu/lab/native/identity.cc
    emu/lab/native/realtime.cc
    emu/lab/native/traffic_manager.cc)
# Packet sockets and namespaces: Linux.
set(EMU_LAB_LINUX_SOURCES
    emu/lab/native/feed.cc
    emu/lab/native/sockets.cc)
