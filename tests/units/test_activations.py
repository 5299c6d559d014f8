"""Every activation: its derivative held against finite differences, autograd and torch; its interval against itself."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from layerwise.errors import OptionError
from layerwise.units.activation import Activation
from layerwise.units.activation_modules import ActivationModule, activation_of, module_of
from layerwise.units.activations import (
    ACTIVATIONS,
    activation_named,
    elu,
    gelu,
    leaky_relu,
    selu,
    sigmoid,
    sign,
    silu,
    softmax,
    softplus,
    step,
    tanh,
)

MADE: dict[str, Activation] = {name: make() for name, make in ACTIVATIONS.items()} | {
    "leaky_relu(0.3)": leaky_relu(0.3),
    "elu(0.5)": elu(0.5),
    "elu(2)": elu(2.0),
    "softplus(3)": softplus(3.0),
    "softmax(0)": softmax(0),
}
TORCH: dict[str, Callable[[Tensor], Tensor]] = {
    "step": lambda z: torch.heaviside(z, torch.ones_like(z)),
    "sign": torch.sign,
    "identity": nn.Identity(),
    "sigmoid": nn.Sigmoid(),
    "tanh": nn.Tanh(),
    "relu": nn.ReLU(),
    "leaky_relu": nn.LeakyReLU(),
    "leaky_relu(0.3)": nn.LeakyReLU(0.3),
    "elu": nn.ELU(),
    "elu(0.5)": nn.ELU(0.5),
    "elu(2)": nn.ELU(2.0),
    "selu": nn.SELU(),
    "gelu": nn.GELU(),
    "silu": nn.SiLU(),
    "softplus": nn.Softplus(),
    "softplus(3)": nn.Softplus(3.0),
    "softmax": nn.Softmax(1),
    "softmax(0)": nn.Softmax(0),
}
SHARES = (0.01, 0.1, 0.5, 0.9, 0.999)
every = pytest.mark.parametrize("name", MADE)
every_elementwise = pytest.mark.parametrize("name", [name for name in MADE if "softmax" not in name])
HAS_KINK = ("step", "sign", "relu", "leaky_relu", "elu", "selu")


def rows(units: int = 5) -> Tensor:
    return 3 * torch.randn(40, units, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def differences(function: Callable[[Tensor], Tensor], z: Tensor) -> tuple[Tensor, Tensor]:
    """Central differences of an elementwise function, and how far they may lie from its derivative.

    Their error falls with the square of the step: halving it shows three quarters of it. Rounding is divided by the
    step, too.
    """
    step_size = torch.finfo(z.dtype).eps ** (1 / 3)
    whole, half = ((function(z + h) - function(z - h)) / (2 * h) for h in (step_size, step_size / 2))
    rounding = torch.finfo(z.dtype).eps * (1 + function(z).abs() + z.abs()) / step_size
    return half, 5 * ((whole - half).abs() / 3 + rounding)


def test_no_activation_escapes() -> None:
    assert {activation.name for activation in MADE.values()} == set(ACTIVATIONS)
    assert set(MADE) == set(TORCH)
    expected = "step sign sigmoid tanh relu leaky_relu elu selu gelu silu softplus softmax identity"
    assert set(ACTIVATIONS) == set(expected.split())


@every
def test_the_value_is_torchs(name: str) -> None:
    z = rows()
    assert torch.equal(MADE[name].value(z), TORCH[name](z))
    assert MADE[name].value(z.float()).dtype == torch.float32


@every_elementwise
def test_the_derivative_is_that_of_finite_differences(name: str) -> None:
    z = rows()
    expected, tolerance = differences(MADE[name].value, z)
    assert ((MADE[name].derivative(z) - expected).abs() <= tolerance).all()
    assert MADE[name].derivative(z.float()).dtype == torch.float32


@every
def test_what_is_passed_back_is_autograds(name: str) -> None:
    # Zero is among them: at a kink the convention is torch's.
    z = torch.cat([rows(), torch.zeros(1, 5, dtype=torch.float64)]).requires_grad_()
    gradient = torch.randn(z.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    value = MADE[name].value(z)
    if not value.requires_grad:
        assert name in ("step", "sign")
        assert not MADE[name].pull_back(z.detach(), gradient).any()
        return
    (expected,) = torch.autograd.grad(value, z, gradient)
    # Torch takes a softplus for z itself from 20 on, where its derivative still lacks exp(-20) of 1.
    lacking = math.exp(-20) * float(gradient.abs().max()) if name.startswith("softplus") else 0.0
    assert torch.allclose(MADE[name].pull_back(z.detach(), gradient), expected, rtol=1e-12, atol=1e-14 + lacking)


@pytest.mark.parametrize("axis", [0, 1])
def test_a_softmax_units_own_derivative_is_the_diagonal_of_the_jacobian(axis: int) -> None:
    z = rows()[:4]
    jacobian = torch.autograd.functional.jacobian(lambda z: torch.softmax(z, axis), z)
    assert isinstance(jacobian, Tensor)
    diagonal = jacobian.reshape(z.numel(), z.numel()).diagonal().reshape(z.shape)
    assert torch.allclose(softmax(axis).derivative(z), diagonal, rtol=1e-12, atol=1e-15)


@every_elementwise
def test_no_derivative_is_steeper_than_the_steepest_which_is_reached(name: str) -> None:
    z = torch.linspace(-60, 60, 240_001, dtype=torch.float64)
    slopes = MADE[name].derivative(z)
    # A grid of steps h misses a smooth maximum by h² |f'''| / 8, and no third derivative here exceeds 10.
    near = 10 * 0.0005**2 / 8 if not name.startswith(HAS_KINK) else 0.001
    assert slopes.max() <= MADE[name].steepest * (1 + 1e-12)
    assert slopes.max() >= MADE[name].steepest * (1 - near)


@every_elementwise
@pytest.mark.parametrize("share", SHARES)
def test_between_the_ends_of_its_interval_and_only_there_a_unit_learns(name: str, share: float) -> None:
    activation = MADE[name]
    low, high = activation.saturation(share)
    z = torch.linspace(-30, 30, 60_001, dtype=torch.float64)
    at_an_end = torch.minimum((z - low).abs(), (z - high).abs()) < 1e-9
    learns = activation.derivative(z) > share * activation.steepest
    assert torch.equal(learns[~at_an_end], ((z > low) & (z < high))[~at_an_end])
    assert torch.equal(activation.saturated(z, share), ~learns)


@pytest.mark.parametrize("share", SHARES)
def test_a_softmax_unit_learns_in_that_interval_of_its_log_odds(share: float) -> None:
    z = rows(4)
    others = torch.stack([torch.cat([z[:, :k], z[:, k + 1 :]], 1).logsumexp(1) for k in range(4)], 1)
    low, high = softmax().saturation(share)
    assert torch.equal(softmax().saturated(z, share), ~((z - others > low) & (z - others < high)))


def test_intervals_known_from_the_formulas() -> None:
    # y (1 - y) = 0.09 = 0.36 / 4 at y = 0.1 and 0.9; 1 - y² = 0.36 at y = ±0.8.
    assert sigmoid().saturation(0.36)[1] == pytest.approx(math.log(9), rel=1e-12)
    assert tanh().saturation(0.36)[1] == pytest.approx(math.atanh(0.8), rel=1e-12)
    assert elu().saturation(0.1) == (math.log(0.1), math.inf)
    assert selu().saturation(0.9)[1] == 0
    assert step().saturation() == sign().saturation() == (0, 0)


@pytest.mark.parametrize("activation", [gelu(), silu()], ids=str)
def test_the_steepest_place_is_where_the_second_derivative_vanishes(activation: Activation) -> None:
    z = torch.linspace(0, 4, 4001, dtype=torch.float64)
    assert float(activation.derivative(z).max()) == pytest.approx(activation.steepest, rel=1e-6)


@every
def test_it_goes_into_a_torch_stack_and_is_found_there_again(name: str) -> None:
    module, z = module_of(MADE[name]), rows()
    assert torch.equal(module(z), MADE[name].value(z))
    assert activation_of(module) == MADE[name]
    assert isinstance(module, ActivationModule) == (name in ("step", "sign"))
    assert MADE[name].name in repr(module).lower().replace("leakyrelu", "leaky_relu")


@pytest.mark.parametrize(
    "module",
    [nn.Linear(2, 2), nn.GELU("tanh"), nn.Softplus(1, 5), nn.LeakyReLU(1.5), nn.Softmax(None), nn.Hardtanh()],
    ids=str,
)
def test_a_module_that_is_none_of_them_is_not_taken_for_one(module: nn.Module) -> None:
    assert activation_of(module) is None


@every
def test_it_survives_pickling_and_is_equal_to_its_like(name: str) -> None:
    again = pickle.loads(pickle.dumps(MADE[name]))
    assert again == MADE[name]
    assert hash(again) == hash(MADE[name])
    assert sum(other == again for other in MADE.values()) == 1


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(OptionError, match=r"'rellu': must be one of elu, gelu, identity, .*, tanh"):
        activation_named("rellu")


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0, math.nan])
def test_a_share_is_between_none_and_all(share: float) -> None:
    with pytest.raises(OptionError, match="share"):
        sigmoid().saturation(share)
    with pytest.raises(OptionError, match="share"):
        sigmoid().saturated(rows(), share)


@pytest.mark.parametrize("make", [lambda: leaky_relu(1.0), lambda: elu(0.0), lambda: softplus(math.nan)])
def test_options_without_sense_are_refused(make: Callable[[], Activation]) -> None:
    with pytest.raises(OptionError):
        make()
