"""Packages that only some callbacks need, imported when a fit begins."""

from __future__ import annotations

import importlib
from typing import Any

from layerwise.errors import OptionError

__all__ = ["imported"]


def imported(module: str, extra: str) -> Any:
    """A module of a package that comes with an extra of layerwise.

    Raises
    ------
    OptionError
        The package is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        remedy = f"install it with: pip install 'layerwise[{extra}]'"
        raise OptionError("callbacks", extra, f"needs the package {extra}, which is not installed", remedy) from error
