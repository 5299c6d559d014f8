"""A network is a torch stack with names: it goes in and out of torch unchanged, and collapses to what it equals."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from layerwise.errors import DataError, OptionError
from layerwise.networks import Dense, Network, layer_values, layers_of, scores
from layerwise.networks.dense import is_size
from layerwise.networks.onnx_model import onnx_model
from layerwise.randomness import RandomStream
from layerwise.units.activations import ACTIVATIONS, leaky_relu, tanh

EPS = torch.finfo(torch.float64).eps


def rows(width: int, count: int = 7) -> Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def drawn(network: nn.Module) -> nn.Module:
    """With weights and biases of chance, in float64."""
    generator = torch.Generator().manual_seed(1)
    network.double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return network


def users_own() -> nn.Sequential:
    """Nested, with one module in two places, two activations in a row, and modules of other kinds."""
    same = nn.Tanh()
    inner = nn.Sequential(OrderedDict(first=nn.Linear(6, 5), act=same, norm=nn.BatchNorm1d(5)))
    network = nn.Sequential(
        inner, nn.ReLU(inplace=True), nn.Linear(5, 4, bias=False), same, nn.Softplus(), nn.Linear(4, 3)
    )
    drawn(network)
    return network


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_a_dense_layer_is_its_formula(activation: str) -> None:
    layer = drawn(Dense(4, 3, activation))
    assert isinstance(layer, Dense)
    assert layer.bias is not None
    x = rows(4)
    z = torch.stack([x @ w + b for w, b in zip(layer.weight, layer.bias, strict=True)], 1)
    assert torch.allclose(layer(x), layer.activation.value(z), rtol=1e-12, atol=1e-14)
    assert torch.allclose(layer.to_linear()(x), z, rtol=1e-12, atol=1e-14)


def test_a_dense_layer_may_have_no_shift() -> None:
    layer = Dense(4, 3, bias=False)
    assert [name for name, _ in layer.named_parameters()] == ["weight"]
    assert layer.to_linear().bias is None
    assert "no bias" in repr(layer)


def test_the_layers_of_sizes_are_named_and_drawn_from_the_stream() -> None:
    make = lambda seed: Network.of_sizes((6, 5, 4, 3), tanh(), "softmax", random=RandomStream(seed))  # noqa: E731
    network = make(1)
    assert [layer.name for layer in network.layers] == ["hidden1", "hidden2", "output"]
    assert [layer.activation.name for layer in network.layers] == ["tanh", "tanh", "softmax"]
    assert torch.equal(network.hidden2.weight, make(1).hidden2.weight)  # type: ignore[union-attr]
    assert not torch.equal(network.hidden2.weight, make(2).hidden2.weight)  # type: ignore[union-attr]


def test_no_draw_comes_from_torchs_own_generator() -> None:
    before = torch.random.get_rng_state()
    Network.of_sizes((6, 5, 3), random=RandomStream(0)).to_sequential()
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_users_network_goes_in_and_comes_back_as_it_was() -> None:
    users = users_own()
    network = Network.from_sequential(users)
    back = network.to_sequential()
    assert type(back) is nn.Sequential
    assert repr(back) == repr(users)
    x = rows(6)
    assert torch.equal(network(x), users(x))
    assert torch.equal(back(x), users(x))
    assert list(network.state_dict()) == list(back.state_dict()) == list(users.state_dict())
    assert {id(p) for p in network.parameters()} == {id(p) for p in back.parameters()}
    assert {id(p) for p in network.parameters()} == {id(p) for p in users.parameters()}


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_the_plain_network_computes_and_is_saved_as_the_same(activation: str) -> None:
    network = drawn(Network.of_sizes((6, 5, 3), activation, random=RandomStream(0)))
    assert isinstance(network, Network)
    plain = network.to_sequential()
    assert torch.equal(plain(rows(6)), network(rows(6)))
    assert not any(isinstance(module, Dense) for module in plain.modules())
    assert list(plain.state_dict()) == list(network.state_dict())
    nn.init.zeros_(next(plain.parameters()))
    assert torch.equal(plain(rows(6)), network(rows(6)))


def test_every_value_is_that_of_the_modules() -> None:
    users, x = users_own(), rows(6)
    values = layer_values(users, x)
    assert list(values) == ["0.first", "0.norm", "2", "4", "5"]
    inner = users[0]
    assert isinstance(inner, nn.Sequential)
    z = inner[0](x)
    assert torch.equal(values["0.first"].input, x)
    assert torch.equal(values["0.first"].pre_activation, z)
    assert torch.equal(values["0.first"].output, z.tanh())
    assert torch.equal(values["0.norm"].output, inner[2](z.tanh()).relu())
    assert torch.equal(values["4"].pre_activation, values["2"].output)
    assert torch.equal(values["5"].output, users(x))
    assert not any(value.output.requires_grad for value in values.values())


def test_looking_does_not_move_running_means() -> None:
    users = users_own()
    before = {name: value.clone() for name, value in users.state_dict().items()}
    layer_values(users, rows(6))
    assert all(torch.equal(value, before[name]) for name, value in users.state_dict().items())


def test_a_slice_of_a_network_is_a_network() -> None:
    network = Network.of_sizes((6, 5, 4, 3), random=RandomStream(0))
    assert isinstance(network[:2], Network)
    assert torch.equal(network[:2](rows(6).float()), network.values(rows(6).float())["hidden2"].output)


def test_a_network_is_exported_as_its_plain_twin() -> None:
    network = Network.of_sizes((6, 5, 3), "tanh", "softmax", random=RandomStream(0))
    assert onnx_model(network) == onnx_model(network.to_sequential())


def test_a_network_survives_pickling() -> None:
    network = Network.of_sizes((6, 5, 3), leaky_relu(0.2), random=RandomStream(0))
    again = pickle.loads(pickle.dumps(network))
    assert torch.equal(again(rows(6).float()), network(rows(6).float()))


@pytest.mark.parametrize("link", ["sigmoid", "softmax", ""])
def test_a_loss_with_an_activation_in_itself_reads_the_pre_activations(link: str) -> None:
    network, x = Network.of_sizes((6, 5, 3), "tanh", "sigmoid", random=RandomStream(0)), rows(6).float()
    read = scores(network, x, link)
    assert torch.equal(read.sigmoid() if link == "sigmoid" else read, network(x))
    assert read.requires_grad


@pytest.mark.parametrize("depth", [1, 2, 5])
@pytest.mark.parametrize("bias", [True, False])
def test_a_stack_without_activations_is_one_layer(depth: int, bias: bool) -> None:
    network = drawn(Network(*(Dense(4, 4, bias=bias) for _ in range(depth)), Dense(4, 3, "tanh")))
    assert isinstance(network, Network)
    one = network.collapse()
    assert [layer.activation for layer in one.layers] == [tanh()]
    assert one.layers[0].dense is not None
    # Each entry of either side is a sum of fewer than 5^(depth + 2) products, added up in two orders.
    size = torch.tensor([float(p.detach().abs().max()) for p in network.parameters()]).clamp_min(1).prod().item()
    bound = 2 * 5 ** (depth + 2) * size * EPS * float(rows(4).abs().max())
    assert (one(rows(4)) - network(rows(4))).abs().max() <= bound
    assert len(network.layers) == depth + 1


def test_in_whole_numbers_it_is_one_layer_to_the_bit() -> None:
    network = Network(nn.Linear(6, 5), nn.Linear(5, 4), nn.Identity(), nn.Linear(4, 3))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randint(-5, 6, parameter.shape, generator=generator))
    x = torch.randint(-5, 6, (9, 6), generator=generator).float()
    assert len(network.collapse().layers) == 1
    assert torch.equal(network.collapse()(x), network(x))


def test_only_runs_without_activations_collapse() -> None:
    network = drawn(Network(*users_own(), nn.Linear(3, 8), nn.Dropout(0.5), nn.Linear(8, 2), nn.Linear(2, 2)))
    assert isinstance(network, Network)
    network.eval()
    one = network.collapse()
    assert [layer.name for layer in one.layers] == ["0_first", "0_norm", "2", "4_softplus", "6", "7", "9"]
    assert torch.allclose(one.eval()(rows(6)), network(rows(6)), rtol=1e-10, atol=1e-10)
    nn.init.zeros_(next(one.parameters()))
    assert next(network.parameters()).any()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda: Network(nn.Linear(3, 4), nn.ReLU(), nn.Linear(5, 2)),
            "in_features = 5: layer '2' must take the 4 values",
        ),
        (
            lambda: Network(OrderedDict(a=Dense(3, 4), b=nn.Dropout(), c=Dense(3, 4))),
            "layer 'c' .* that layer 'a' gives",
        ),
        (lambda: Network.from_sequential(nn.Sequential(nn.Sequential(nn.Linear(3, 4)), nn.Linear(3, 4))), "'0.0'"),
        (lambda: Network.of_sizes((3,), random=RandomStream(0)), "sizes"),
        (lambda: Network.of_sizes((3, 0, 2), random=RandomStream(0)), r"sizes = \(3, 0, 2\)"),
        (lambda: Network.of_sizes((3, 2), normalisation="rows", random=RandomStream(0)), "normalisation = 'rows'"),
        (lambda: Network.of_sizes((3, 2), output="softmin", random=RandomStream(0)), "must be one of elu"),
        (lambda: Dense(0, 2), "in_features = 0"),
        (lambda: Dense(2, -1), "out_features = -1"),
    ],
)
def test_layers_that_do_not_fit_are_named(make: Callable[[], object], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        make()


def test_modules_that_change_the_width_are_let_be() -> None:
    modules = (nn.Linear(3, 16), nn.Unflatten(1, (1, 4, 4)), nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 2))
    network = Network(*modules)
    assert network(rows(3).float()).shape == (7, 2)
    assert len(layers_of(network)) == 5


def test_rows_that_do_not_fit_are_named() -> None:
    network = Network.of_sizes((6, 5, 3), random=RandomStream(0))
    for look in (network, network.values):
        with pytest.raises(DataError, match="in_features = 5: layer 'hidden1' takes rows of 6 values"):
            look(rows(5).float())


@pytest.mark.parametrize(("normalisation", "axis"), [("batch", 0), ("layer", 1)])
def test_what_is_normalised_has_mean_0_and_variance_1(normalisation: str, axis: int) -> None:
    plain = Network.of_sizes((6, 40, 30, 3), "tanh", random=RandomStream(0))
    network = Network.of_sizes((6, 40, 30, 3), "tanh", normalisation=normalisation, random=RandomStream(0))
    for name in ("hidden1", "hidden2", "output"):  # the same draws
        assert torch.equal(network.get_parameter(f"{name}.weight"), plain.get_parameter(f"{name}.weight"))
    assert (dict(network.named_parameters()).get("hidden1.bias") is None) == (normalisation == "batch")
    values = network.values(rows(6).float())
    assert [*values] == ["hidden1", "hidden1_norm", "hidden2", "hidden2_norm", "output"]
    for name in ("hidden1_norm", "hidden2_norm"):
        z, y = values[name].pre_activation.double(), values[name].output
        assert torch.equal(y, values[name].pre_activation.tanh())
        # Torch adds 1e-5 to the variance.
        of_input = values[name].input.double().var(axis, correction=0)
        assert torch.allclose(z.mean(axis), torch.zeros(()).double(), atol=1e-5)
        assert torch.allclose(z.var(axis, correction=0), of_input / (of_input + 1e-5), rtol=1e-4)


def test_a_layer_has_a_whole_number_of_units() -> None:
    assert [is_size(value) for value in (1, np.int64(7), 0, -3, 2.0, 2.5, True, "3", None)] == 2 * [True] + 7 * [False]


def test_an_unknown_activation_is_refused_where_no_layer_has_it() -> None:
    with pytest.raises(OptionError, match="activation = 'foo'"):
        Network.of_sizes((8, 3), "foo", random=RandomStream(0))
