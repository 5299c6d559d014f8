"""Numbers as a person reads them."""

from __future__ import annotations

import math
import re

__all__ = ["four_digits", "with_minus"]

_NEGATIVE = re.compile(r"(?<![\w.,)\]-])-(?=(?:\d|\.\d|inf))")


def with_minus(text: str) -> str:
    """A text whose numbers have a real minus sign; hyphens between words, and in dates and ranges, stay.

    Examples
    --------
    >>> with_minus("PCD-1 in 2006-07: -85.50 ± 0.30, between -1 and +1")
    'PCD-1 in 2006-07: −85.50 ± 0.30, between −1 and +1'
    """
    return _NEGATIVE.sub("−", text)


def four_digits(value: float) -> str:
    """Four digits that mean something, all of them where there are more; a dash where nothing was measured.

    >>> four_digits(13604.2), four_digits(0.123456), four_digits(float("nan"))
    ('13,604', '0.1235', '–')
    """
    if math.isnan(value):
        return "–"
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e15 else f"{value:.4g}"
