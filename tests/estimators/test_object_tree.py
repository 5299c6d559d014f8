"""Objects come out of a file as they went in: types, memory and what they share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import nn

from layerwise import kernels
from layerwise.errors import DataError
from layerwise.estimators.object_tree import from_tree, to_tree
from layerwise.networks import Autoencoder
from layerwise.randomness import RandomStream
from layerwise.training.checkpoint import read_tree, write_tree


def through(folder: Path, **attributes: Any) -> dict[str, Any]:
    write_tree(folder / "tree", to_tree(attributes), "test")
    return from_tree(read_tree(folder / "tree", "test"))


ARRAYS: list[npt.NDArray[Any]] = [
    np.arange(6.0).reshape(2, 3),
    np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3)),
    np.arange(24, dtype=np.int16).reshape(2, 3, 4).T,
    np.arange(10)[::2],
    np.array([1, 2**63], dtype=np.uint64),
    np.array([1.5, np.nan, -0.0], dtype=">f8"),
    np.array([1 + 2j]),
    np.array([True, False]),
    np.array(["a", "längst"]),
    np.array(["a", None, 1.5, True], dtype=object),
    np.array(["a", "b"], dtype=np.dtypes.StringDType()),
    np.array(["2024-01-01"], dtype="datetime64[D]"),
    np.array(7),
    np.zeros((0, 3)),
]


@pytest.mark.parametrize("array", ARRAYS, ids=lambda array: f"{array.dtype} {array.shape}")
def test_arrays_come_back_with_type_and_order(array: npt.NDArray[Any], tmp_path: Path) -> None:
    array.flags.writeable = False
    again = through(tmp_path, array=array)["array"]
    assert (again.dtype, again.shape) == (array.dtype, array.shape)
    assert again.flags.writeable
    assert again.flags.c_contiguous or not array.flags.c_contiguous
    assert again.flags.f_contiguous or not array.flags.f_contiguous or array.dtype.kind in "OT"
    np.testing.assert_array_equal(again, array)


@pytest.mark.parametrize(
    "number", [np.float32(0.1), np.int8(3), np.str_("a"), np.bool_(True), float("nan"), 2**80, "\ud800"]
)
def test_numbers_and_texts_come_back_with_their_types(number: Any, tmp_path: Path) -> None:
    again = through(tmp_path, number=number)["number"]
    assert type(again) is type(number)
    assert again == number or again != again


def test_matrices_lie_in_memory_as_they_did(tmp_path: Path) -> None:
    whole = torch.arange(12.0).reshape(3, 4)
    matrices = {
        "rows": whole,
        "columns": whole.T,
        "padded": kernels.padded(3, 4).copy_(whole),
        "double": whole.double(),
        "half": whole.half(),
        "vector": whole[:, 1],
    }
    for name, again in through(tmp_path, **matrices).items():
        assert torch.equal(again, matrices[name])
        assert again.dtype == matrices[name].dtype
        if name != "vector":
            assert again.stride() == matrices[name].stride()


def test_what_is_shared_is_shared_again(tmp_path: Path) -> None:
    network = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1))
    optimiser = torch.optim.Adam(network.parameters())
    network(torch.ones(1, 3)).sum().backward()
    optimiser.step()
    kept = dict(network.state_dict())  # which looks at the parameters' memory
    again = through(tmp_path, network=network, optimiser=optimiser, kept=kept, twice=[network, network])
    moved = again["network"]
    assert again["twice"][0] is again["twice"][1] is moved
    moved(torch.ones(1, 3)).sum().backward()
    before = {name: value.clone() for name, value in moved.state_dict().items()}
    again["optimiser"].step()
    assert not torch.equal(before["0.weight"], moved[0].weight)
    assert torch.equal(again["kept"]["0.weight"], moved[0].weight)
    network.zero_grad()
    network(torch.ones(1, 3)).sum().backward()
    optimiser.step()
    assert all(torch.equal(value, moved.state_dict()[name]) for name, value in network.state_dict().items())


def test_tied_layers_stay_tied(tmp_path: Path) -> None:
    network = Autoencoder.of_sizes((4, 3, 2), "tanh", tied=True, random=RandomStream(0))
    again = through(tmp_path, network=network)["network"]
    assert len(list(again.parameters())) == len(list(network.parameters()))
    with torch.no_grad():
        again.encoder[0].weight.mul_(2)
        network.encoder[0].weight.mul_(2)
    assert torch.equal(again(torch.ones(1, 4)), network(torch.ones(1, 4)))


def test_a_network_of_torchs_blocks_is_the_same_network(tmp_path: Path) -> None:
    network = nn.Sequential(
        nn.Unflatten(1, (1, 4, 4)),
        nn.Conv2d(1, 4, 3, padding="same", bias=False),
        nn.BatchNorm2d(4),
        nn.PReLU(4),
        nn.MaxPool2d(2),
        nn.Upsample(scale_factor=2, mode="bilinear"),
        nn.Flatten(),
        nn.ModuleList([nn.Linear(64, 2)])[0],
        nn.LayerNorm(2),
        nn.GELU("tanh"),
    )
    network(torch.randn(5, 16, generator=torch.Generator().manual_seed(0)))  # running means move
    again = through(tmp_path, network=network.eval())["network"]
    assert repr(again) == repr(network)
    assert [m.training for m in again.modules()] == [m.training for m in network.modules()]
    assert torch.equal(again(torch.ones(2, 16)), network(torch.ones(2, 16)))


def test_what_holds_itself_or_is_of_no_known_type_is_named(tmp_path: Path) -> None:
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(DataError, match=r"a\[0\] = 'list': cannot be saved: it holds itself"):
        to_tree({"a": circle})
    with pytest.raises(DataError, match=r"a\['b'\]\[1\] = .*: cannot be saved; take numbers"):
        to_tree({"a": {"b": [1, tmp_path]}})
    with pytest.raises(DataError, match=r"a\.modules\['0'\] = .*: is no plain building block of torch"):
        to_tree({"a": nn.Sequential(nn.Module())})
    with pytest.raises(DataError, match="an array must hold numbers or texts"):
        to_tree({"a": np.zeros(2, dtype=[("x", "f4")])})
