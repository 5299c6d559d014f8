"""A minus is a minus, and a hyphen a hyphen."""

from __future__ import annotations

import pytest

from layerwise.runs.numerals import with_minus


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("-0.5", "−0.5"),
        ("| -85.50 ± 0.30 | 10-20 |", "| −85.50 ± 0.30 | 10-20 |"),
        ("(-1, -.5] to -inf", "(−1, −.5] to −inf"),
        ("PCD-1 of 2006-07-28, --steps 5, a-b - 3", "PCD-1 of 2006-07-28, --steps 5, a-b - 3"),
        ("+2.32", "+2.32"),
    ],
)
def test_numbers_get_a_minus_and_words_keep_their_hyphens(text: str, told: str) -> None:
    assert with_minus(text) == told
