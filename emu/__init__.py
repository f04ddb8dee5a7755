# SPDX-License-Identifier: Apache-2.0
"""KV-cache transfers over datacentre fabrics, simulated packet by packet."""

__version__ = "0.1.0"
