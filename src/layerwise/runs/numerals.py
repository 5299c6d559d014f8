"""Numbers as a person reads them."""

from __future__ import annotations

import re

__all__ = ["with_minus"]

_NEGATIVE = re.compile(r"(?<![\w.,)\]-])-(?=(?:\d|\.\d|inf))")


def with_minus(text: str) -> str:
    """A text whose numbers have a real minus sign; hyphens between words, and in dates and ranges, stay.

    Examples
    --------
    >>> with_minus("PCD-1 in 2006-07: -85.50 ± 0.30, between -1 and +1")
    'PCD-1 in 2006-07: −85.50 ± 0.30, between −1 and +1'
    """
    return _NEGATIVE.sub("−", text)
