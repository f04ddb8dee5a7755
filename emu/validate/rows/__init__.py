# SPDX-License-Identifier: Apache-2.0
"""All rows, in the order of the page."""

from emu.validate.rows import (
    conformance,
    conformance_frames,
    conformance_shares,
    dcqcn,
    dcqcn_rate,
    headroom,
    hpcc,
    phenomena,
    queueing,
    transfer,
)

ROWS = (
    *queueing.ROWS,
    *transfer.ROWS,
    *headroom.ROWS,
    *dcqcn.ROWS,
    *dcqcn_rate.ROWS,
    *hpcc.ROWS,
    *phenomena.ROWS,
    *conformance.ROWS,
    *conformance_shares.ROWS,
    *conformance_frames.ROWS,
)
