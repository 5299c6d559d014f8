"""Convolutional autoencoders: sums over windows, the greatest of four, pictures of any size back in their own."""

from __future__ import annotations

import copy
import itertools
import math
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from scipy.stats import chi2
from torch import Tensor

from layerwise.errors import DataError, OptionError
from layerwise.networks import (
    Autoencoder,
    BinaryCrossEntropy,
    Squared,
    backpropagate,
    convolutional_autoencoder,
    gradient_flow,
)
from layerwise.networks.onnx_model import onnx_model
from layerwise.randomness import RandomStream

Along = Callable[[Callable[[float], Tensor], int], tuple[float, float]]
SIGNIFICANCE = 1e-6

sizes = pytest.mark.parametrize("picture", [(8, 8), (28, 28), (7, 5), (5, 9), (4, 13)], ids=str)


def network(picture: tuple[int, int] = (7, 5), channels: tuple[int, ...] = (3, 4), **options: Any) -> Autoencoder:
    made: dict[str, Any] = {"code": 4, "activation": "tanh", "random": RandomStream(0)}
    return convolutional_autoencoder(picture, channels, **{**made, **options})


def pictures(rows: int, columns: int = 35) -> Tensor:
    return torch.rand(rows, columns, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


# What it computes


@sizes
@pytest.mark.parametrize("channels", [(4,), (3, 4), (2, 3)], ids=str)
@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_pictures_come_back_in_their_own_size(picture: tuple[int, int], channels: tuple[int, ...], kernel: int) -> None:
    height, width = picture
    rows = pictures(3, height * width).float()
    own = network(picture, channels, kernel=kernel)
    assert own.encoder(rows).shape == (3, 4)
    assert own(rows).shape == rows.shape
    values = own.values(rows)
    for stage in range(1, len(channels) + 1):
        halved = [math.ceil(side / 2**stage) for side in picture]
        assert list(values[f"encoder.pool{stage}"].output.shape) == [3, channels[stage - 1], *halved]
    convolutions = sum(a * b * kernel**2 for a, b in itertools.pairwise((1, *channels)))
    top = channels[-1] * math.prod(math.ceil(side / 2 ** len(channels)) for side in picture)
    shifts = 2 * sum(channels[:-1]) + channels[-1] + 1 + 4 + top
    assert sum(p.numel() for p in own.parameters()) == 2 * convolutions + 2 * 4 * top + shifts


def test_a_map_is_a_sum_over_windows_and_pooling_the_greatest_of_four() -> None:
    own, rows = network(channels=(3,)).double(), pictures(2)
    values = own.encoder.values(rows)
    weight, bias = own.encoder.conv1.weight, own.encoder.conv1.bias
    bordered = torch.zeros(2, 9, 7, dtype=torch.float64)
    bordered[:, 1:-1, 1:-1] = rows.reshape(2, 7, 5)
    for j, y, x in itertools.product(range(3), range(7), range(5)):
        by_hand = (bordered[:, y : y + 3, x : x + 3] * weight[j, 0]).sum((1, 2)) + bias[j]
        assert torch.allclose(values["conv1"].pre_activation[:, j, y, x], by_hand)
    assert torch.equal(values["conv1"].output, torch.tanh(values["conv1"].pre_activation))
    for y, x in itertools.product(range(4), range(3)):
        square = values["conv1"].output[:, :, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2]
        assert torch.equal(values["pool1"].output[:, :, y, x], square.amax((2, 3)))


def test_a_picture_that_moves_by_two_moves_its_maps_by_one() -> None:
    own = network((16, 16), (4,)).double()
    picture = torch.zeros(1, 16, 16, dtype=torch.float64)
    picture[:, 4:8, 4:8] = pictures(1, 16).reshape(4, 4)
    moved = picture.roll((4, 2), (1, 2))
    one, other = (own.encoder.values(of.flatten(1))["pool1"].output for of in (picture, moved))
    assert torch.allclose(one.roll((2, 1), (2, 3)), other)


@sizes
def test_with_one_map_and_no_code_but_its_own_the_decoder_repeats_each_value(picture: tuple[int, int]) -> None:
    # Filters that pass on their middle, and dense layers that copy: every square comes back as its greatest value.
    top = math.prod(math.ceil(side / 2) for side in picture)
    own = network(picture, (1,), code=top, activation="identity", initialisation="zeros")
    with torch.no_grad():
        for convolution in (own.encoder.conv1, own.decoder.output):
            convolution.weight[0, 0, 1, 1] = 1
        for dense in (own.encoder.code, own.decoder.hidden):
            dense.weight.copy_(torch.eye(top))
    rows = pictures(2, math.prod(picture)).float()
    back = own(rows).reshape(2, *picture).detach()
    whole = [2 * (side // 2) for side in picture]
    if list(picture) == whole:
        squares = rows.reshape(2, picture[0] // 2, 2, picture[1] // 2, 2).amax((2, 4))
        assert torch.equal(back, squares.repeat_interleave(2, 1).repeat_interleave(2, 2))
    assert set(back.unique().tolist()) <= set(rows.unique().tolist())
    assert torch.equal(back.amax((1, 2)), rows.amax(1))


# Gradients


@pytest.mark.parametrize("output", ["identity", "sigmoid"])
def test_backpropagation_is_autograds_and_that_of_finite_differences(output: str, derivative_along: Along) -> None:
    own, x = network(output=output).double(), pictures(3)
    loss = BinaryCrossEntropy() if output == "sigmoid" else Squared()
    sweep = backpropagate(own, x, loss, x)
    of_copy = copy.deepcopy(own)
    if output == "sigmoid":
        rows = torch.nn.functional.binary_cross_entropy(of_copy(x), x, reduction="none")
    else:
        rows = (of_copy(x) - x).square() / 2
    rows.sum(1).mean().backward()
    assert set(sweep.residuals) == set(own.values(x))
    for name, parameter in of_copy.named_parameters():
        assert parameter.grad is not None
        assert torch.allclose(sweep.gradients[name], parameter.grad, atol=1e-12), name

    generator = torch.Generator().manual_seed(1)
    way = {name: torch.randn(p.shape, generator=generator, dtype=p.dtype) for name, p in own.named_parameters()}
    start = {name: p.detach().clone() for name, p in own.named_parameters()}

    @torch.no_grad()
    def loss_at(step: float) -> Tensor:
        for name, parameter in own.named_parameters():
            parameter.copy_(start[name] + step * way[name])
        z = own(x) if output == "identity" else torch.logit(own(x))
        return loss.value(z, x)

    found, bound = derivative_along(loss_at, 10 * sum(p.numel() for p in own.parameters()))
    assert abs(found - sum(float((way[name] * sweep.gradients[name]).sum()) for name in way)) <= bound


def test_the_flow_of_gradients_is_that_of_every_layer_with_weights() -> None:
    own, x = network().double(), pictures(4)
    sweep = backpropagate(own, x, Squared(), x)
    before = {name: p.detach() / 2 for name, p in own.named_parameters()}
    flow = gradient_flow(own, sweep, before)
    layers = ["encoder.conv1", "encoder.conv2", "encoder.code", "decoder.hidden", "decoder.conv1", "decoder.output"]
    assert list(flow.names) == layers
    for name, norm, residual in zip(layers, flow.gradient_norm, flow.residual_norm, strict=True):
        assert norm == pytest.approx(float(sweep.gradients[f"{name}.weight"].norm()))
        assert residual == pytest.approx(2 * float(sweep.residuals[name].norm()))  # the mean is over four rows
    assert list(flow.update_ratio) == pytest.approx([1.0] * 6)


# First weights


@pytest.mark.parametrize(("initialisation", "scale"), [("he_normal", 2.0), ("lecun_normal", 1.0)])
def test_first_weights_have_the_variance_of_what_a_window_holds(initialisation: str, scale: float) -> None:
    own = network((8, 8), (24, 32), code=20, kernel=5, initialisation=initialisation)
    into = {"encoder.conv1": 25, "encoder.conv2": 25 * 24, "decoder.conv1": 25 * 32, "decoder.output": 25 * 24}
    into |= {"encoder.code": 32 * 4, "decoder.hidden": 20}
    for name, fan in into.items():
        weight = own.get_parameter(f"{name}.weight").detach().double()
        statistic = float(weight.square().sum()) * fan / scale
        assert chi2.ppf(SIGNIFICANCE, weight.numel()) < statistic < chi2.isf(SIGNIFICANCE, weight.numel()), name
        assert not own.get_parameter(f"{name}.bias").any()


def test_first_weights_are_those_of_the_seed_and_not_of_torchs_generator() -> None:
    torch.manual_seed(0)
    state = torch.get_rng_state()
    one = network()
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(1)
    same, other = network(), network(random=RandomStream(1))
    for (name, p), q, r in zip(one.named_parameters(), same.parameters(), other.parameters(), strict=True):
        assert torch.equal(p, q), name
        assert p.dim() == 1 or not torch.equal(p, r), name


def test_copies_pickles_and_plain_networks_compute_the_same() -> None:
    own, rows = network(), pictures(2).float()
    plain = own.to_sequential()
    assert list(plain.state_dict()) == list(own.state_dict())
    for other in (copy.deepcopy(own), pickle.loads(pickle.dumps(own)), plain, own.collapse()):
        assert torch.allclose(other(rows), own(rows), atol=1e-6)


# What it refuses


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"picture": (7,)}, "picture = .*a height and a width"),
        ({"picture": (0, 5)}, "picture"),
        ({"channels": ()}, "channels"),
        ({"channels": (4, 0)}, "channels"),
        ({"code": 0}, "code"),
        ({"kernel": 4}, "kernel = 4.*odd"),
        ({"kernel": 0}, "kernel"),
        ({"kernel": -1}, "kernel"),
        ({"channels": (2, 2, 2, 2)}, "a picture of 7 × 5 is 1 × 1 before stage 4; give 3 at most"),
        ({"picture": (1, 9)}, "before stage 1; give 0 at most"),
        ({"activation": "sinus"}, "activation"),
        ({"activation": "softmax"}, "must not depend on each other"),
        ({"initialisation": "luck"}, "initialisation"),
        ({"gain": 0.0}, "gain"),
    ],
)
def test_options_that_break_a_rule_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        network(**options)


def test_rows_of_another_length_are_no_such_pictures() -> None:
    with pytest.raises(DataError, match=r"layer 'picture' takes rows of 35 values"):
        network()(pictures(2, 36).float())
    with pytest.raises(DataError, match="rows of 35 values"):
        network().encoder.values(pictures(2, 34).float())


def test_no_onnx_model_of_a_decoder_that_enlarges_is_claimed() -> None:
    with pytest.raises(OptionError, match="network = 'Upsample'"):
        onnx_model(network())
