"""Penalties of a code: the divergence and the Jacobian that they say they are."""

import pytest
import torch

from layerwise.errors import OptionError
from layerwise.networks import Autoencoder, Network
from layerwise.randomness import RandomStream
from layerwise.training.code_penalties import ContractiveCode, SparseCode

X = torch.rand(9, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def autoencoder(sizes: tuple[int, ...], activation: str = "sigmoid", tied: bool = False) -> Autoencoder:
    return Autoencoder.of_sizes(sizes, activation, tied=tied, random=RandomStream(0)).double()


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "softplus"])
@pytest.mark.parametrize("sizes", [(6, 4), (6, 5, 3), (6, 7, 5, 2)])
def test_contraction_is_the_squared_length_of_autograds_jacobian(activation: str, sizes: tuple[int, ...]) -> None:
    network = autoencoder(sizes, activation)
    jacobian = torch.func.vmap(torch.func.jacrev(network.encoder))(X)
    expected = 0.3 * jacobian.square().sum((1, 2)).mean()
    assert torch.allclose(ContractiveCode(0.3)(network, X), expected)


def test_sparsity_is_zero_at_its_target_and_the_divergence_elsewhere() -> None:
    network = autoencoder((6, 4))
    q = network.encoder(X).detach().mean(0)
    bernoulli = torch.distributions.Bernoulli
    expected = 2 * torch.distributions.kl_divergence(bernoulli(torch.full_like(q, 0.2)), bernoulli(q)).sum()
    assert torch.allclose(SparseCode(0.2, 2.0)(network, X), expected)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    assert float(SparseCode(0.5)(network, X).detach()) == 0


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("penalty", [SparseCode(0.2, 1.0), ContractiveCode(1.0)])
def test_a_gradient_step_lowers_the_penalty(penalty: SparseCode | ContractiveCode, tied: bool) -> None:
    network = autoencoder((6, 4), tied=tied)
    before = penalty(network, X)
    before.backward()
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.grad is not None:
                parameter -= 0.01 * parameter.grad
    assert float(penalty(network, X).detach()) < float(before.detach())


def test_what_has_no_such_penalty_is_refused() -> None:
    with pytest.raises(OptionError, match="a mean activity needs a code of sigmoid units"):
        SparseCode()(autoencoder((6, 4), "tanh"), X)
    with pytest.raises(OptionError, match="units do not depend on each other"):
        ContractiveCode()(autoencoder((6, 4), "softmax"), X)
    with pytest.raises(OptionError, match="must be an Autoencoder to have a code"):
        ContractiveCode()(Network.of_sizes((6, 4), random=RandomStream(0)), X)
    with pytest.raises(OptionError, match="target = 1"):
        SparseCode(1.0)
