"""Networks made of belief networks: they compute what the belief network does, and hold nothing of layerwise."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from layerwise.energy import RBM, BeliefNet
from layerwise.energy.class_rbm import class_rbm
from layerwise.energy.directed_stack import DirectedStack
from layerwise.energy.wake_sleep_net import WakeSleepNet
from layerwise.errors import OptionError
from layerwise.training.unrolling import unroll, unroll_autoencoder, unroll_regressor, upward_pass
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

MakeUnits = Callable[[int], UnitKind]
EXACT: dict[str, MakeUnits] = {
    "bernoulli": BernoulliUnits,
    "categorical": lambda size: CategoricalUnits((size // 2, size // 2)),
    "categorical, one site": lambda size: CategoricalUnits((size,)),
    "gaussian": GaussianUnits,
    "spin": SpinUnits,
}
every_exact_kind = pytest.mark.parametrize("kind", EXACT)


def net_of(visible: MakeUnits, hidden: MakeUnits, labels: bool = False) -> BeliefNet:
    """With parameters of chance, in float64."""
    top = class_rbm(hidden(4), 3, 3) if labels else RBM(hidden(4), BernoulliUnits(3))
    net = BeliefNet([RBM(visible(6), hidden(4)), top]).double()
    generator = torch.Generator().manual_seed(0)
    for parameter in net.parameters():
        parameter.copy_(0.7 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return net


def rows() -> Tensor:
    return torch.rand(9, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def untied(net: BeliefNet) -> WakeSleepNet:
    """With other couplings down than up."""
    apart = WakeSleepNet.untied(net)
    for layer in apart.generation:
        layer.weights.mul_(-0.5)
    return apart


def modules_of(network: nn.Module) -> set[str]:
    return {type(module).__module__.split(".")[0] for module in network.modules()}


@every_exact_kind
@pytest.mark.parametrize("apart", [False, True])
def test_the_upward_pass_is_the_belief_nets(kind: str, apart: bool) -> None:
    tied = net_of(BernoulliUnits, EXACT[kind])
    net: DirectedStack = untied(tied) if apart else tied
    network = upward_pass(net)
    assert torch.allclose(network(rows()), net.up(rows()), rtol=1e-9)
    assert modules_of(network) == {"torch"}


@every_exact_kind
@pytest.mark.parametrize("apart", [False, True])
def test_the_autoencoder_is_the_belief_nets_reconstruction(kind: str, apart: bool) -> None:
    for net in (net_of(EXACT[kind], BernoulliUnits), net_of(BernoulliUnits, EXACT[kind])):
        model: DirectedStack = untied(net) if apart else net
        network = unroll_autoencoder(model)
        assert torch.allclose(network(rows()), model.reconstruct(rows()), rtol=1e-9)
        assert torch.equal(network.get_submodule("encoder")(rows()), upward_pass(model)(rows()))
        assert modules_of(network) == {"torch"}


def test_encoder_and_decoder_have_couplings_of_their_own() -> None:
    net = net_of(BernoulliUnits, BernoulliUnits)
    before = [p.clone() for p in net.parameters()]
    network = unroll_autoencoder(net)
    loss = (network(rows()) - rows()).square().mean()
    loss.backward()
    assert all(p.requires_grad and p.grad is not None for p in network.parameters())
    optimiser = torch.optim.SGD(network.parameters(), 0.5)
    for _ in range(20):
        optimiser.zero_grad()
        again = (network(rows()) - rows()).square().mean()
        again.backward()
        optimiser.step()
    assert again.item() < loss.item()
    assert all(torch.equal(p, q) for p, q in zip(net.parameters(), before, strict=True))


@pytest.mark.parametrize(
    ("hidden", "activation"),
    [(RectifiedUnits, torch.relu), (NoisyRectifiedUnits, nn.functional.softplus)],
)
def test_rectified_units_become_what_the_documentation_says(
    hidden: type[UnitKind], activation: Callable[[Tensor], Tensor]
) -> None:
    net = net_of(BernoulliUnits, hidden)
    first = net.layers[0]
    field = first.field_of_hidden(rows())
    if hidden is RectifiedUnits:
        field = field / first.hidden.get_parameter("log_precision").exp()
        assert torch.allclose(activation(field), first.hidden.mode(first.field_of_hidden(rows())))
    else:
        # Summing over half-integers is the midpoint rule for the integral that softplus is: off by at most the total
        # variation of the sigmoid's slope, twice a quarter, over 24.
        assert float((activation(field) - first.hidden.mean(field)).abs().max()) < 1 / 48
    assert torch.allclose(upward_pass(net)[:2](rows()), activation(field), rtol=1e-9)


def test_labels_at_rest_shift_the_hidden_biases() -> None:
    net = net_of(BernoulliUnits, BernoulliUnits, labels=True)
    top = net.top
    h = net.up(rows(), 1)
    at_rest = torch.softmax(top.visible.bias[4:], 0).expand(9, -1)
    expected = top.mean_h_from_v(torch.cat([h, at_rest], dim=1))
    assert torch.allclose(upward_pass(net)(rows()), expected, rtol=1e-9)
    code = upward_pass(net)(rows())
    assert torch.allclose(unroll_autoencoder(net)(rows()), net.down(code), rtol=1e-9)
    top.weights[4:] = 0  # the label says nothing: then the network is exact
    assert torch.allclose(upward_pass(net)(rows()), net.up(rows()), rtol=1e-9)


def test_a_regressor_starts_where_it_is_told_to() -> None:
    start = torch.tensor([1.5, -2.0], dtype=torch.float64)
    network = unroll_regressor(net_of(BernoulliUnits, SpinUnits), start)
    assert torch.equal(network(rows()), start.expand(9, -1))
    assert all(p.requires_grad for p in network.parameters())


def test_a_classifier_keeps_the_nets_precision() -> None:
    network = unroll(net_of(GaussianUnits, BernoulliUnits), 3)
    assert {p.dtype for p in network.parameters()} == {torch.float64}
    assert not network(rows()).any()


def test_kinds_without_an_activation_are_refused() -> None:
    def mixed(size: int) -> UnitKind:
        return MixedUnits([BernoulliUnits(size - 1), GaussianUnits(1)])

    with pytest.raises(OptionError, match="unit kind = 'mixed': has no activation in torch; layers may be bernoulli"):
        upward_pass(net_of(BernoulliUnits, mixed))
    with pytest.raises(OptionError, match="unit kind = 'mixed'"):
        unroll_autoencoder(net_of(mixed, BernoulliUnits))
    assert upward_pass(net_of(mixed, BernoulliUnits))(rows()).shape == (9, 3)  # only what comes out needs one
    with pytest.raises(OptionError, match=r"unit kind = 'categorical'.*carry rows through the belief network itself"):
        upward_pass(net_of(BernoulliUnits, lambda size: CategoricalUnits((1, size - 1))))
