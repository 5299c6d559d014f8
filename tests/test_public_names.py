"""The package's root: its names, and what importing it costs."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import pytest

import layerwise


@pytest.mark.parametrize("name", layerwise.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(layerwise, name) is not None
    assert name in dir(layerwise)


def test_the_version_is_the_installed_one() -> None:
    assert layerwise.__version__ == version("layerwise")


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Perceptrom'"):
        _ = layerwise.Perceptrom


def test_importing_the_root_imports_nothing_heavy() -> None:
    code = "import layerwise, sys; print(*({'torch', 'numba', 'sklearn', 'matplotlib', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
