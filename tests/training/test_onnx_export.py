"""ONNX files: another program computes the same from them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from layerwise.energy import RBM, BeliefNet
from layerwise.errors import OptionError, StorageError
from layerwise.training.onnx_export import to_onnx
from layerwise.training.unrolling import unroll, unroll_autoencoder, upward_pass
from layerwise.units import (
    BernoulliUnits,
    CategoricalUnits,
    GaussianUnits,
    NoisyRectifiedUnits,
    RectifiedUnits,
    SpinUnits,
    UnitKind,
)

KINDS: dict[str, Callable[[int], UnitKind]] = {
    "bernoulli": BernoulliUnits,
    "categorical": lambda size: CategoricalUnits((size // 2, size // 2)),
    "categorical, one site": lambda size: CategoricalUnits((size,)),
    "gaussian": GaussianUnits,
    "noisy_rectified": NoisyRectifiedUnits,
    "rectified": RectifiedUnits,
    "spin": SpinUnits,
}


def net_of(hidden: Callable[[int], UnitKind], dtype: torch.dtype = torch.float32) -> BeliefNet:
    net = BeliefNet([RBM(BernoulliUnits(6), hidden(4)), RBM(hidden(4), BernoulliUnits(3))])
    generator = torch.Generator().manual_seed(0)
    for parameter in net.parameters():
        parameter.copy_(0.7 * torch.randn(parameter.shape, generator=generator))
    return net.to(dtype)


def rows(count: int = 9) -> Tensor:
    return torch.rand(count, 6, generator=torch.Generator().manual_seed(1))


def computed(path: Path, v: Tensor) -> Tensor:
    """By ONNX Runtime."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (result,) = session.run(["h"], {"v": v.numpy()})
    return torch.from_numpy(np.asarray(result))


@pytest.mark.parametrize("kind", KINDS)
def test_another_program_computes_the_upward_pass(kind: str, tmp_path: Path) -> None:
    net = net_of(KINDS[kind])
    path = to_onnx(net, tmp_path / "net.onnx")
    for count in (1, 9):  # of any number of rows
        seen = computed(path, rows(count))
        assert torch.allclose(seen, upward_pass(net)(rows(count)), rtol=1e-5, atol=1e-6)
        if "rectified" not in kind:
            assert torch.allclose(seen, net.up(rows(count)), rtol=1e-5, atol=1e-6)


def test_double_precision_is_kept(tmp_path: Path) -> None:
    net = net_of(BernoulliUnits, torch.float64)
    v = rows().double()
    seen = computed(to_onnx(net, tmp_path / "net.onnx"), v)
    assert seen.dtype == torch.float64
    assert torch.allclose(seen, net.up(v), rtol=1e-12)


@pytest.mark.parametrize("make", [lambda net: unroll(net, 3), unroll_autoencoder], ids=["classifier", "autoencoder"])
def test_unrolled_networks_are_written_as_they_are(make: Callable[[BeliefNet], nn.Sequential], tmp_path: Path) -> None:
    network = make(net_of(SpinUnits))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1)  # as training would
        expected = network(rows())
    assert torch.allclose(computed(to_onnx(network, tmp_path / "net.onnx"), rows()), expected, rtol=1e-5, atol=1e-6)


def test_the_same_model_is_the_same_file(tmp_path: Path) -> None:
    net = net_of(BernoulliUnits)
    assert to_onnx(net, tmp_path / "a").read_bytes() == to_onnx(net, tmp_path / "b").read_bytes()


def test_without_the_package_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(OptionError, match=r"needs the package onnx; install it with: pip install 'layerwise\[onnx\]'"):
        to_onnx(net_of(BernoulliUnits), tmp_path / "net.onnx")
    assert not (tmp_path / "net.onnx").exists()


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (nn.Sequential(nn.Linear(6, 2), nn.GELU()), "network = 'GELU': only Linear, Softmax, Flatten"),
        (nn.Sequential(nn.Linear(6, 2), nn.Softplus(beta=2.0)), "ONNX has no softplus but that with beta = 1"),
        (nn.Sequential(nn.Sigmoid()), "must hold a linear layer at least"),
        (nn.Sequential(nn.Conv2d(1, 1, 3, padding="same"), nn.Linear(2, 2)), "padded by so many zeros"),
        (nn.Sequential(nn.Conv2d(1, 1, 3, padding_mode="reflect"), nn.Linear(2, 2)), "padded by so many zeros"),
        (nn.Sequential(nn.Linear(6, 2), nn.BatchNorm1d(2, track_running_stats=False)), "that track mean and variance"),
        (nn.Sequential(nn.Linear(6, 2), nn.LayerNorm(2, elementwise_affine=False)), "that learn a scale"),
        (nn.Sequential(nn.Linear(6, 2)).half(), "network = torch.float16: must be of float32 or float64"),
    ],
)
def test_what_cannot_be_exported_is_refused(network: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=message):
        to_onnx(network, tmp_path / "net.onnx")


def test_a_linear_map_without_bias_is_one_with_zeros(tmp_path: Path) -> None:
    network = nn.Sequential(nn.Linear(6, 2, bias=False), nn.Tanh())
    expected = network(rows()).detach()
    assert torch.allclose(computed(to_onnx(network, tmp_path / "net.onnx"), rows()), expected, rtol=1e-5, atol=1e-6)


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot write"):
        to_onnx(net_of(BernoulliUnits), tmp_path / "file" / "net.onnx")
