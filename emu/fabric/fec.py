# SPDX-License-Identifier: Apache-2.0
"""What Reed-Solomon codes leave of bit errors (IEEE 802.3 clause 91).

Errors are taken to be independent, as with noise; bursts of a decision feedback equaliser would
make more codewords fail at the same bit error ratio. A codeword with more wrong symbols than the
code corrects is marked, and every frame that lies in it is lost.
"""

from __future__ import annotations

from decimal import Decimal, localcontext
from math import comb
from typing import NamedTuple

__all__ = ["CODES", "Code", "codeword_loss"]


class Code(NamedTuple):
    """A Reed-Solomon code over symbols of 10 bits."""

    symbols: int
    """Of a codeword, parity included."""
    corrects: int
    """Wrong symbols that it repairs."""
    data_bytes: int = 640
    """Of frames in a codeword: 514 symbols are 20 blocks of 257 bits, each for 256 bits of
    64B/66B data (clause 91.5.2.5)."""


CODES = {"kp4": Code(544, 15), "kr4": Code(528, 7)}
_SYMBOL_BITS = 10
_DIGITS = 40


def codeword_loss(pre_fec_ber: float, code: Code) -> float:
    """Share of codewords that the code cannot repair.

    P = sum over i > t of C(n, i) s^i (1 - s)^(n - i), with s = 1 - (1 - BER)^10 the chance that a
    symbol is wrong. Computed with decimals, so that every machine gets the same.

    Parameters
    ----------
    pre_fec_ber : float
        Bit error ratio before correction.
    code : Code
        n symbols, of which t are repaired.

    >>> f"{codeword_loss(2.4e-4, CODES['kp4']):.1e}"
    '8.2e-13'
    """
    with localcontext() as context:
        context.prec = _DIGITS
        good = (1 - Decimal(pre_fec_ber)) ** _SYMBOL_BITS
        bad = 1 - good
        repaired = sum(
            comb(code.symbols, i) * bad**i * good ** (code.symbols - i)
            for i in range(code.corrects + 1)
        )
        return float(max(Decimal(0), 1 - repaired))
