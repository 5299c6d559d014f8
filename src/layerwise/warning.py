"""Warnings that point at the line of the caller's, however many of the library's own frames lie between."""

from __future__ import annotations

import sys
import warnings

__all__ = ["warn"]

_BETWEEN = ("layerwise", "torch", "contextlib", "jaxtyping", "beartype")
"""Packages whose frames lie between, those that check shapes among them."""


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn of something, at the line that called layerwise."""
    frame, level = sys._getframe(1), 2  # pyright: ignore[reportPrivateUsage]
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).partition(".")[0] in _BETWEEN:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
