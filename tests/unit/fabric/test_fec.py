# SPDX-License-Identifier: Apache-2.0
"""Codewords beyond repair, against published values and against counting by chance."""

from __future__ import annotations

import numpy as np
import pytest

from emu.fabric.fec import CODES, codeword_loss


def test_kp4_where_it_is_specified() -> None:
    """802.3 asks for a frame loss ratio of 1.7e-12 of 64-byte frames at a BER of 2.4e-4: a frame
    with its preamble lies in 1 + 71/640 codewords."""
    frame = codeword_loss(2.4e-4, CODES["kp4"]) * (1 + 71 / 640)
    assert 0.5e-12 < frame < 1.7e-12


@pytest.mark.parametrize(("name", "ber"), [("kp4", 2e-3), ("kr4", 1e-3)])
def test_a_share_that_can_be_counted(name: str, ber: float) -> None:
    code = CODES[name]
    rng = np.random.default_rng(1)
    wrong = rng.binomial(code.symbols, 1 - (1 - ber) ** 10, 200_000)
    counted = float((wrong > code.corrects).mean())
    assert codeword_loss(ber, code) == pytest.approx(counted, rel=0.03)


def test_more_errors_never_lose_less() -> None:
    for code in CODES.values():
        shares = [codeword_loss(10**e, code) for e in np.arange(-6.0, -1.0, 0.25)]
        assert shares == sorted(shares)
        assert 0 <= shares[0] < 1e-6
        assert shares[-1] > 0.99
