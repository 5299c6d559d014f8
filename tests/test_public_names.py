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


def test_importing_an_estimator_imports_nothing_heavy_beside_torch_and_scikit_learns_base() -> None:
    """numba, matplotlib, onnx, scikit-learn's metrics … wait until they are needed; so do libraries of tables."""
    code = """
import sys
tables = ("pandas", "polars", "pyarrow")
sys.modules.update(dict.fromkeys(tables))  # scikit-learn imports those there are: keep them from it
import torch, sklearn.base
for name in tables:
    del sys.modules[name]
before = set(sys.modules)
import layerwise.estimators
print(*(set(sys.modules) - before))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "layerwise.estimators.rbm" in loaded
    light = {"layerwise", "jaxtyping", *sys.stdlib_module_names}
    assert [name for name in loaded if name.split(".")[0] not in light and not name.startswith("sklearn.utils.")] == []
