# SPDX-License-Identifier: Apache-2.0
"""All rows, in the order of the page."""

from emu.validate.rows import conformance, dcqcn, headroom, hpcc, phenomena, queueing, transfer

ROWS = (
    *queueing.ROWS,
    *transfer.ROWS,
    *headroom.ROWS,
    *dcqcn.ROWS,
    *hpcc.ROWS,
    *phenomena.ROWS,
    *conformance.ROWS,
)
