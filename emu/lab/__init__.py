# SPDX-License-Identifier: Apache-2.0
"""The lab backend: Mininet nodes, Open vSwitch, FRR and controllers on this machine."""
