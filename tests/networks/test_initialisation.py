"""Each initialisation draws from the distribution that its source names, out of the stream that it is given."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from layerwise.errors import OptionError
from layerwise.networks import Dense, Network, glorot, initialise
from layerwise.networks.initialisation import INITIALISATIONS
from layerwise.randomness import RandomStream

SIGMAS = 5.0
IN, OUT = 120, 80
VARIANCE = {
    "glorot_uniform": 2 / (IN + OUT),
    "glorot_normal": 2 / (IN + OUT),
    "he_uniform": 2 / IN,
    "he_normal": 2 / IN,
    "lecun_uniform": 1 / IN,
    "lecun_normal": 1 / IN,
    "orthogonal": 1 / IN,
    "sparse": 15 / IN,
    "normal": 0.01**2,
    "zeros": 0.0,
    "sklearn": 2 / (IN + OUT),
}
every = pytest.mark.parametrize("name", VARIANCE)


def weights(name: str, gain: float | None = None, seed: int = 0) -> Tensor:
    layer = Dense(IN, OUT)
    initialise(layer, name, RandomStream(seed), gain)
    return layer.weight.detach().double()


def test_none_escapes() -> None:
    assert set(INITIALISATIONS) == set(VARIANCE)


@every
def test_mean_and_variance_are_those_of_the_source(name: str) -> None:
    drawn, variance = weights(name), VARIANCE[name]
    assert abs(float(drawn.mean())) <= SIGMAS * math.sqrt(variance / drawn.numel())
    # The kurtosis of a normal number is 3, of a uniform one 9/5, of one that is mostly zero 3 · 120 / 15.
    kurtosis = 1.8 if "uniform" in name or name == "sklearn" else 3 * IN / 15 if name == "sparse" else 3.0
    error = variance * math.sqrt((kurtosis - 1) / drawn.numel())
    assert abs(float(drawn.square().mean()) - variance) <= SIGMAS * error


@pytest.mark.parametrize("name", [name for name in VARIANCE if "uniform" in name or name == "sklearn"])
def test_uniform_weights_keep_to_their_limit(name: str) -> None:
    limit = math.sqrt(3 * VARIANCE[name])
    greatest = float(weights(name).abs().max())
    # All of n weights stay below 1 - 20/n of the limit with probability exp(-20).
    assert limit * (1 - 20 / (IN * OUT)) < greatest < limit


@every
def test_the_gain_multiplies(name: str) -> None:
    usual = INITIALISATIONS[name].gain
    assert torch.allclose(weights(name, 3 * usual), 3 * weights(name), rtol=1e-6, atol=0)


@every
def test_the_stream_says_what_is_drawn(name: str) -> None:
    before = torch.random.get_rng_state()
    assert torch.equal(weights(name), weights(name))
    assert torch.equal(weights(name), weights(name, seed=1)) == (name == "zeros")
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("sizes", [(30, 20), (20, 30), (25, 25)])
def test_orthogonal_weights_keep_lengths_of_the_smaller_side(sizes: tuple[int, int]) -> None:
    layer = Dense(*sizes, dtype=torch.float64)
    initialise(layer, "orthogonal", RandomStream(0), 2.0)
    w = layer.weight.detach()
    product = w @ w.T if len(w) <= w.shape[1] else w.T @ w
    assert torch.allclose(product, 4 * torch.eye(len(product), dtype=torch.float64), atol=1e-12)


def test_each_unit_has_fifteen_sparse_inputs_anywhere() -> None:
    chosen = weights("sparse") != 0
    assert (chosen.sum(1) == 15).all()
    # How often an input is chosen by 80 units is binomial.
    share = 15 / IN
    assert (chosen.double().sum(0) - OUT * share).abs().max() <= SIGMAS * math.sqrt(OUT * share * (1 - share)) + 1


def test_a_unit_with_fewer_inputs_than_fifteen_has_them_all() -> None:
    layer = Dense(4, 3)
    initialise(layer, "sparse", RandomStream(0))
    assert bool((layer.weight != 0).all())


@every
def test_biases_are_zero_but_for_scikit_learns(name: str) -> None:
    layer = nn.Linear(IN, OUT)
    initialise(layer, name, RandomStream(0))
    if name != "sklearn":
        assert not layer.bias.any()
        return
    limit = math.sqrt(6 / (IN + OUT))
    assert limit * (1 - 20 / OUT) < float(layer.bias.detach().abs().max()) < limit
    assert not torch.isclose(layer.bias, layer.weight[0, :OUT]).any()


def test_convolutions_count_the_values_under_their_window() -> None:
    layer = nn.Conv2d(8, 16, 5)
    initialise(layer, "glorot_uniform", RandomStream(0))
    limit = math.sqrt(6 / (8 * 25 + 16 * 25))
    assert limit * (1 - 20 / 3200) < float(layer.weight.detach().abs().max()) < limit


def test_every_layer_of_a_network_is_drawn_and_nothing_else() -> None:
    network = nn.Sequential(nn.Linear(9, 9), nn.BatchNorm1d(9), nn.Sequential(Dense(9, 9)))
    random = RandomStream(0)
    initialise(network, "he_normal", random)
    assert random.position == 2
    assert bool((network[1].weight == 1).all())  # type: ignore[union-attr]
    first, second = network[0].weight, network[2][0].weight  # type: ignore[union-attr,index]
    assert not torch.isclose(first, second).any()


def test_glorot_is_the_uniform_one_for_sigmoids() -> None:
    layers = [nn.Linear(7, 5), nn.Linear(7, 5)]
    glorot(layers[0], RandomStream(3))
    initialise(layers[1], "glorot_uniform", RandomStream(3), 4.0)
    assert torch.equal(layers[0].weight, layers[1].weight)


@pytest.mark.parametrize(
    ("name", "activation"), [("he_normal", "relu"), ("lecun_normal", "selu"), ("orthogonal", "identity")]
)
def test_signals_keep_their_size_through_the_activation_they_are_made_for(name: str, activation: str) -> None:
    # The mean square of a layer's output (before a rectifier's halving) is 1 for inputs of mean square 1, up to the
    # chance of 200 weights a unit over 200 units, whose relative standard error a layer is sqrt(2/200 · (1 + 1/2)).
    network = Network.of_sizes((200,) * 6, activation, activation, initialisation=name, random=RandomStream(0))
    x = torch.randn(100, 200, generator=torch.Generator().manual_seed(0))
    last = list(network.values(x).values())[-1]
    size = float((last.pre_activation if activation != "relu" else last.pre_activation / math.sqrt(2)).square().mean())
    assert abs(math.log(size)) <= SIGMAS * math.sqrt(5 * 3 / 200)


@pytest.mark.parametrize(
    ("name", "gain", "said"),
    [("xavier", None, "must be one of glorot_normal"), ("normal", 0.0, "gain = 0.0"), ("normal", math.nan, "gain")],
)
def test_what_is_no_initialisation_is_refused(name: str, gain: float | None, said: str) -> None:
    with pytest.raises(OptionError, match=said):
        weights(name, gain)
