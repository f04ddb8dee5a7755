# SPDX-License-Identifier: Apache-2.0
"""Captures: reading and inspecting pcap and pcapng files.

The packets never reach Python: `emu.core._wire` parses and counts, this package feeds it
files, names its columns and says in words what they mean.
"""
