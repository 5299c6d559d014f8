"""The sweep equals autograd and finite differences, for every activation under every loss."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.utils.parametrizations import weight_norm

from layerwise.networks import (
    CrossEntropy,
    Dense,
    KindLoss,
    Loss,
    Network,
    Squared,
    Sweep,
    backpropagate,
    gradient_flow,
    initialise,
    loss_named,
    scores,
)
from layerwise.networks.losses import LOSSES
from layerwise.randomness import RandomStream
from layerwise.units import (
    BernoulliUnits,
    CategoricalUnits,
    GaussianUnits,
    MixedUnits,
    NoisyRectifiedUnits,
    RectifiedUnits,
    SpinUnits,
    UnitKind,
)
from layerwise.units.activations import ACTIVATIONS

ROWS, IN, OUT = 5, 3, 4


def numbers(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


X, WEIGHTS = numbers(ROWS, IN), numbers(ROWS, seed=1).abs()
REAL, BITS, LABELS = (
    numbers(ROWS, OUT, seed=2),
    (numbers(ROWS, OUT, seed=2) > 0).double(),
    torch.tensor([0, 3, 1, 2, 3]),
)
TARGETS = {
    "binary_cross_entropy": BITS,
    "cross_entropy": LABELS,
    "hinge": 2 * BITS - 1,
    "poisson": (3 * REAL.abs()).round(),
}
LOSS: dict[str, tuple[Loss, Tensor]] = {name: (loss_named(name), TARGETS.get(name, REAL)) for name in LOSSES} | {
    "bernoulli": (KindLoss(BernoulliUnits(OUT)), BITS),
    "spin": (KindLoss(SpinUnits(OUT)), 2 * BITS - 1),
    "gaussian": (KindLoss(GaussianUnits(OUT).double()), REAL),
    "categorical": (KindLoss(CategoricalUnits((OUT,))), nn.functional.one_hot(LABELS, OUT).double()),
    "rectified": (KindLoss(RectifiedUnits(OUT).double()), REAL.relu()),
    "noisy_rectified": (KindLoss(NoisyRectifiedUnits(OUT)), REAL.relu()),
    "mixed": (KindLoss(MixedUnits([BernoulliUnits(2), GaussianUnits(2)]).double()), torch.cat([BITS, REAL], 1)[:, 2:6]),
}


def random_parameters(network: nn.Module) -> None:
    # Small enough that no pre-activation passes 20, where torch's softplus drops exp(-20) of its derivative.
    network.double()
    for number, parameter in enumerate(network.parameters()):
        parameter.data.copy_(numbers(*parameter.shape, seed=100 + number) / 2)


def network_of(activation: str, output: str = "identity") -> Network:
    network = Network.of_sizes((IN, 4, 3, OUT), activation, output, random=RandomStream(0))
    random_parameters(network)
    return network


def by_autograd(network: nn.Sequential, sweep: Sweep, loss: Loss, targets: Tensor) -> dict[str, Tensor | None]:
    """The derivative by every parameter, and by the input under an empty name."""
    x = X.clone().requires_grad_()
    named = {"": x} | dict(network.named_parameters())
    value = loss.value(scores(network, x, loss.link), targets, WEIGHTS)
    assert torch.allclose(sweep.loss, value, rtol=1e-12, atol=0)
    if not value.requires_grad:
        return dict.fromkeys(named)
    return dict(zip(named, torch.autograd.grad(value, list(named.values()), allow_unused=True), strict=True))


def assert_equal_to_autograd(network: nn.Sequential, loss: Loss, targets: Tensor) -> Sweep:
    sweep = backpropagate(network, X, loss, targets, WEIGHTS)
    expected = by_autograd(network, sweep, loss, targets)
    assert set(sweep.gradients) == set(expected) - {""}
    for name, gradient in {"": sweep.input_residual, **sweep.gradients}.items():
        wanted = expected[name]
        # Autograd says nothing of what a step keeps from the loss.
        assert torch.allclose(gradient, torch.zeros_like(gradient) if wanted is None else wanted, rtol=1e-9, atol=1e-12)
    return sweep


def test_no_loss_escapes() -> None:
    assert {type(loss) for loss, _ in LOSS.values()} == set(Loss.__subclasses__())
    assert {loss.kind.name for loss, _ in LOSS.values() if isinstance(loss, KindLoss)} == set(UnitKind.kinds)


every_activation = pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
every_loss = pytest.mark.parametrize("name", LOSS)


@every_activation
@every_loss
def test_every_gradient_is_autograds_and_that_of_finite_differences(
    activation: str, name: str, derivative_along: Callable[..., tuple[float, float]]
) -> None:
    network, (loss, targets) = network_of(activation), LOSS[name]
    sweep = assert_equal_to_autograd(network, loss, targets)
    parameters = {name: value.detach() for name, value in network.named_parameters()}
    way = {name: numbers(*value.shape, seed=200 + i) for i, (name, value) in enumerate(parameters.items())}

    def value(h: float) -> Tensor:
        moved = {name: parameters[name] + h * way[name] for name in way}
        return loss.value(functional_call(network, moved, (X,)), targets, WEIGHTS)

    # A sum of as many products as there are weights stands behind each row's loss.
    along, tolerance = derivative_along(value, ROWS * sum(p.numel() for p in parameters.values()))
    assert abs(sum(float((sweep.gradients[name] * way[name]).sum()) for name in way) - along) <= tolerance


@pytest.mark.parametrize("output", ["identity", "sigmoid", "softmax", "tanh", "relu"])
@every_loss
def test_so_it_is_under_an_activation_of_the_output(output: str, name: str) -> None:
    sweep = assert_equal_to_autograd(network_of("tanh", output), *LOSS[name])
    if output == LOSS[name][0].link:
        # The residual of a matching pair is what the network says minus what it should.
        values = sweep.values["output"]
        assert torch.equal(
            sweep.residuals["output"], LOSS[name][0].derivative(values.pre_activation, LOSS[name][1], WEIGHTS)
        )


@every_activation
@pytest.mark.parametrize("name", ["squared", "cross_entropy"])
def test_every_residual_is_autograds(activation: str, name: str) -> None:
    network, (loss, targets) = network_of(activation), LOSS[name]
    sweep = backpropagate(network, X, loss, targets, WEIGHTS)
    for place, at in enumerate(network.layers):
        z = sweep.values[at.name].pre_activation.clone().requires_grad_()
        a = at.activation.value(z)
        for above in network.layers[place + 1 :]:
            a = above(a)
        value = loss.value(a, targets, WEIGHTS)
        expected = torch.autograd.grad(value, z, allow_unused=True, materialize_grads=True)[0]
        assert torch.allclose(sweep.residuals[at.name], expected, rtol=1e-9, atol=1e-12)


class Doubled(nn.Linear):
    def forward(self, input: Tensor) -> Tensor:
        return 2 * super().forward(input)


class Transposed(nn.Module):
    def __init__(self, other: nn.Linear) -> None:
        super().__init__()
        self.other = (other,)
        self.bias = nn.Parameter(torch.zeros(other.in_features))

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.linear(x, self.other[0].weight.T, self.bias)


def tied_network() -> nn.Sequential:
    encoder = nn.Linear(IN, 2)
    return nn.Sequential(encoder, nn.Tanh(), Transposed(encoder), nn.Sigmoid(), nn.Linear(IN, OUT))


same = nn.Linear(IN, IN)
STACKS: dict[str, Callable[[], nn.Sequential]] = {
    "plain": lambda: nn.Sequential(nn.Linear(IN, 4), nn.ReLU(inplace=True), nn.Linear(4, OUT)),
    "nested": lambda: nn.Sequential(nn.Sequential(nn.Linear(IN, 4), nn.ELU(0.5)), nn.Sequential(nn.Linear(4, OUT))),
    "no activations": lambda: nn.Sequential(nn.Linear(IN, 4), nn.Linear(4, OUT, bias=False)),
    "activation first, and two in a row": lambda: nn.Sequential(nn.Tanh(), nn.Linear(IN, OUT), nn.SiLU(), nn.Sigmoid()),
    "one layer in two places": lambda: nn.Sequential(same, nn.Tanh(), same, nn.Tanh(), nn.Linear(IN, OUT)),
    "batch norm": lambda: nn.Sequential(nn.Linear(IN, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, OUT)),
    "layer norm": lambda: nn.Sequential(nn.Linear(IN, 4), nn.LayerNorm(4), nn.GELU(), nn.Linear(4, OUT)),
    "unknown activations": lambda: nn.Sequential(Dense(IN, 4, "tanh"), nn.PReLU(), nn.Hardtanh(), nn.Linear(4, OUT)),
    "convolution": lambda: nn.Sequential(
        nn.Linear(IN, 16), nn.Unflatten(1, (1, 4, 4)), nn.Conv2d(1, 2, 3), nn.Tanh(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(2, OUT),
    ),
    "one map for each of two parts": lambda: nn.Sequential(
        nn.Linear(IN, 6), nn.Unflatten(1, (2, 3)), nn.Linear(3, 2), nn.Tanh(), nn.Flatten(), nn.Linear(4, OUT)
    ),
    "weight norm": lambda: nn.Sequential(weight_norm(nn.Linear(IN, 4)), nn.Tanh(), nn.Linear(4, OUT)),
    "a decoder with the encoder's weights": lambda: tied_network(),
    "a linear map that is more": lambda: nn.Sequential(Doubled(IN, 4), nn.Tanh(), nn.Linear(4, OUT)),
    "softmax by site": lambda: nn.Sequential(
        nn.Linear(IN, 6), nn.Unflatten(1, (2, 3)), nn.Softmax(dim=2), nn.Flatten(), nn.Linear(6, OUT)
    ),
}  # fmt: skip


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("name", ["squared", "cross_entropy"])
def test_a_users_own_network_is_swept_and_left_as_it_was(stack: str, name: str) -> None:
    network = STACKS[stack]()
    random_parameters(network)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    backpropagate(network, X, *LOSS[name], WEIGHTS)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())
    assert_equal_to_autograd(network, *LOSS[name])


def test_the_sweep_goes_down_hill() -> None:
    network, (loss, targets) = network_of("tanh"), LOSS["cross_entropy"]
    losses = []
    for _ in range(20):
        sweep = backpropagate(network, X, loss, targets)
        losses.append(float(sweep.loss))
        for name, parameter in network.named_parameters():
            parameter.data -= 0.05 * sweep.gradients[name]
    assert all(after < before for before, after in pairwise(losses))


def test_the_profile_is_what_it_is_called() -> None:
    network, (loss, targets) = network_of("tanh"), LOSS["squared"]
    before = {name: value.detach().clone() for name, value in network.named_parameters()}
    sweep = backpropagate(network, X, loss, targets)
    for name, parameter in network.named_parameters():
        parameter.data -= 0.1 * sweep.gradients[name]
    flow = gradient_flow(network, sweep, before, share=0.3)
    assert flow.names == ("hidden1", "hidden2", "output")
    for place, name in enumerate(flow.names):
        gradient, weight = sweep.gradients[f"{name}.weight"], before[f"{name}.weight"]
        assert flow.gradient_norm[place] == pytest.approx(float(gradient.norm()), rel=1e-12)
        assert flow.update_ratio[place] == pytest.approx(float(0.1 * gradient.norm() / weight.norm()), rel=1e-9)
        alone = [backprop_of_row(before, network, row)[name].norm().square() for row in range(ROWS)]
        assert flow.residual_norm[place] == pytest.approx(math.sqrt(sum(map(float, alone)) / ROWS), rel=1e-9)
        y = sweep.values[name].output
        saturated = (1 - y.square() <= 0.3).double().mean() if name != "output" else torch.zeros(())
        assert flow.saturated[place] == float(saturated)


def backprop_of_row(parameters: dict[str, Tensor], network: Network, row: int) -> dict[str, Tensor]:
    network.load_state_dict(parameters)
    return backpropagate(network, X[row : row + 1], Squared(), REAL[row : row + 1]).residuals


def test_without_a_step_there_is_no_ratio_and_from_zero_it_is_infinite() -> None:
    network = nn.Sequential(nn.Linear(IN, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Dropout(0.0), nn.Linear(4, OUT)).double()
    sweep = backpropagate(network, X, CrossEntropy(), LABELS)
    assert all(math.isnan(ratio) for ratio in gradient_flow(network, sweep).update_ratio)
    zero = {name: torch.zeros_like(value) for name, value in network.named_parameters()}
    assert gradient_flow(network, sweep, zero).update_ratio == (math.inf,) * 3
    assert gradient_flow(network, sweep).names == ("0", "1", "4")


def test_a_layer_with_the_weights_of_another_has_residuals_and_no_weights_in_the_profile() -> None:
    network = tied_network().double()
    flow = gradient_flow(network, backpropagate(network, X, Squared(), REAL), dict(network.named_parameters()))
    assert flow.names == ("0", "2", "4")
    assert [math.isnan(norm) for norm in flow.gradient_norm] == [False, True, False]
    assert [math.isnan(ratio) for ratio in flow.update_ratio] == [False, True, False]
    assert all(norm > 0 for norm in flow.residual_norm)


def test_gradients_vanish_in_deep_sigmoid_stacks_and_not_in_rectified_ones() -> None:
    x = numbers(20, 30)
    ratios = {}
    for activation, initialisation in (("sigmoid", "glorot_uniform"), ("relu", "he_normal")):
        network = Network.of_sizes((30,) * 9, activation, random=RandomStream(0)).double()
        initialise(network, initialisation, RandomStream(0))
        flow = gradient_flow(network, backpropagate(network, x, Squared(), numbers(20, 30, seed=1)))
        ratios[activation] = flow.residual_norm[0] / flow.residual_norm[-1]
    # Each sigmoid layer passes back no more than a quarter of what a matrix of norm 2, about Glorot's, passes on.
    assert ratios["sigmoid"] < 0.5**7
    assert ratios["relu"] > 0.5**7
