"""What every test runs under: shapes and types checked at each call, two threads, no chance that is not seeded."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

import torch
from hypothesis import settings
from jaxtyping import install_import_hook

_COMPILER = re.compile(r"^(?:from|import) (?:numba|triton)\b", re.MULTILINE)


class CompiledModules(MetaPathFinder):
    """Finds the modules that import a compiler (numba, Triton) before the hook does, and leaves them as they are.

    A compiler reads the function itself; wrapped in a type check it is no longer one that it can read.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not fullname.startswith("layerwise."):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.origin is None or not _COMPILER.search(Path(spec.origin).read_text(encoding="utf-8")):
            return None
        return spec


install_import_hook("layerwise", "beartype.beartype")
sys.meta_path.insert(0, CompiledModules())

os.environ.setdefault("MPLBACKEND", "Agg")
torch.set_num_threads(2)

# The same examples every time; a slow machine fails no test by being slow.
settings.register_profile("layerwise", deadline=None, derandomize=True, max_examples=50, print_blob=True)
settings.load_profile("layerwise")
