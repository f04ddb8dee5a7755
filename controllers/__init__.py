# SPDX-License-Identifier: Apache-2.0
"""OpenFlow 1.3 apps on the Ryu API, one per file."""
