"""Autoencoders: shapes, tied weights that are one, and the same numbers as plain torch."""

import copy

import pytest
import torch
from torch import nn

from layerwise.errors import OptionError
from layerwise.networks import Autoencoder, BinaryCrossEntropy, Dense, backpropagate
from layerwise.randomness import RandomStream

X = torch.rand(7, 6, generator=torch.Generator().manual_seed(0))


def autoencoder(tied: bool, sizes=(6, 5, 3)) -> Autoencoder:
    return Autoencoder.of_sizes(sizes, "tanh", "sigmoid", tied=tied, random=RandomStream(0))


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("sizes", [(6, 3), (6, 5, 3), (6, 8, 5, 2)])
def test_rows_come_back_through_the_code(tied: bool, sizes: tuple[int, ...]) -> None:
    network = autoencoder(tied, sizes)
    assert network.encoder(X).shape == (7, sizes[-1])
    assert torch.equal(network(X), network.decoder(network.encoder(X)))
    assert network(X).shape == X.shape
    assert network.tied is tied


def test_a_tied_decoder_has_biases_and_no_weights_of_its_own() -> None:
    free, tied = autoencoder(False), autoencoder(True)
    count = [sum(p.numel() for p in network.parameters()) for network in (free, tied)]
    weights = 6 * 5 + 5 * 3
    assert count == [2 * weights + 5 + 3 + 5 + 6, weights + 5 + 3 + 5 + 6]
    assert not any("weight" in name for name, _ in tied.decoder.named_parameters())


def test_a_tied_decoder_is_the_encoders_transpose_also_after_a_step_and_in_a_copy() -> None:
    network = copy.deepcopy(autoencoder(True))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1)
    first, second = network.encoder[0], network.encoder[1]
    assert isinstance(first, Dense)
    assert isinstance(second, Dense)
    code = network.encoder(X)
    hidden = torch.tanh(code @ second.weight + network.decoder[0].bias)  # type: ignore[operator]
    assert torch.allclose(network(X), torch.sigmoid(hidden @ first.weight + network.decoder[2].bias), atol=1e-6)  # type: ignore[operator]


@pytest.mark.parametrize("tied", [False, True])
def test_backpropagation_written_out_is_autograds(tied: bool) -> None:
    network = autoencoder(tied).double()
    x = X.double()
    sweep = backpropagate(network, x, BinaryCrossEntropy(), x)
    loss = nn.functional.binary_cross_entropy(network(x), x, reduction="none").sum(1).mean()
    loss.backward()
    assert torch.allclose(sweep.loss, loss.detach())
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None
        assert torch.allclose(sweep.gradients[name], parameter.grad, atol=1e-12), name


def test_a_state_dict_goes_from_one_to_another() -> None:
    one, other = autoencoder(True), autoencoder(True)
    with torch.no_grad():
        one.encoder[0].weight.mul_(2)  # type: ignore[operator, union-attr]
    other.load_state_dict(one.state_dict())
    assert torch.equal(one(X), other(X))


def test_a_users_own_pair_of_networks_is_one() -> None:
    own = nn.Sequential(nn.Sequential(nn.Linear(6, 2), nn.Tanh()), nn.Sequential(nn.Linear(2, 6)))
    network = Autoencoder.from_sequential(own)
    assert torch.equal(network(X), own(X))
    assert torch.equal(network.encoder(X), own[0](X))
    with pytest.raises(OptionError, match="must hold two"):
        Autoencoder.from_sequential(nn.Sequential(nn.Linear(6, 2), nn.Linear(2, 6)))


def test_hidden_layers_are_normalised_on_both_sides_and_the_code_is_not() -> None:
    network = Autoencoder.of_sizes((6, 5, 3), "tanh", normalisation="layer", random=RandomStream(0))
    names = [layer.name for layer in network.layers]
    assert names == [
        f"{side}.{layer}" for side in ("encoder", "decoder") for layer in ("hidden1", "hidden1_norm", "output")
    ]
    with pytest.raises(OptionError, match="normalisation = 'batch': is for a decoder of its own"):
        Autoencoder.of_sizes((6, 5, 3), tied=True, normalisation="batch", random=RandomStream(0))
