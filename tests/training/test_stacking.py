"""Greedy stacking: a layer of a stack is an autoencoder trained alone on the code below."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from layerwise.data import Minibatches, Preparation, Rows
from layerwise.networks import Autoencoder
from layerwise.networks.reconstruction import Reconstruction
from layerwise.randomness import RandomStream
from layerwise.training.corruption import Masking
from layerwise.training.gradient_descent import GradientDescent
from layerwise.training.loop import run
from layerwise.training.stacking import Stacking, code_kind, stacked, under_classes, upwards
from layerwise.units import BernoulliUnits, activation_named

SIGMOID, TANH, RELU = (activation_named(name) for name in ("sigmoid", "tanh", "relu"))
CPU = torch.device("cpu")


def stream_of(values: Tensor) -> Minibatches:
    return Minibatches(Rows(values.numpy()), Preparation.unchanged(values.shape[1]), 16, RandomStream(7))


def train(network: Autoencoder, back: Reconstruction, stream: object, random: RandomStream) -> Autoencoder:
    trainer = GradientDescent(back.loss, aim="values", learning_rate=0.01, corruption=Masking(0.2))
    run(trainer, trainer.init(network, random), stream, 3)  # type: ignore[arg-type]
    return network


@pytest.mark.parametrize("activation", [SIGMOID, TANH, RELU], ids=str)
@pytest.mark.parametrize("tied", [False, True])
def test_a_layer_is_an_autoencoder_trained_alone_on_the_code_below(activation: object, tied: bool) -> None:
    v = torch.rand(50, 9, generator=torch.Generator().manual_seed(0))
    stacking = Stacking((6, 4, 3), activation, tied=tied)  # type: ignore[arg-type]
    streams: list[RandomStream] = []

    def learn(fresh: Autoencoder, back: Reconstruction, below: Sequence[Autoencoder], own: RandomStream) -> Autoencoder:
        streams.append(RandomStream(own.seed, own.position))
        up = upwards(below, CPU)
        stream = stream_of(v)
        return train(fresh, back, stream if up is None else stream.map(up), own)

    layers = stacking.layer_by_layer(BernoulliUnits(9), learn, RandomStream(0))
    assert [layer.encoder[0].out_features for layer in layers] == [6, 4, 3]  # type: ignore[union-attr]

    for number in (1, 2):
        up = upwards(layers[:number], CPU)
        assert up is not None
        code = up(v)
        kind, size = code_kind(activation, code.shape[1]), (6, 4, 3)[number]  # type: ignore[arg-type]
        alone = Stacking((size,), activation, tied=tied).whole(kind, streams[number].child("weights"))  # type: ignore[arg-type]
        train(alone, Reconstruction.of(kind), stream_of(code), streams[number])
        # The code of a minibatch and that of all rows at once may differ in their last digit.
        for one, other in zip(alone.parameters(), layers[number].parameters(), strict=True):
            assert torch.allclose(one, other, atol=1e-4)


@pytest.mark.parametrize("tied", [False, True])
def test_a_stack_shares_the_modules_of_its_layers(tied: bool) -> None:
    layers = Stacking((6, 4), SIGMOID, RELU, tied).layer_by_layer(
        BernoulliUnits(9), lambda fresh, back, below, own: fresh, RandomStream(0)
    )
    deep, v = stacked(layers), torch.rand(5, 9)
    assert torch.equal(deep.encoder(v), layers[1].encoder(layers[0].encoder(v)))
    assert torch.equal(deep(v), layers[0].decoder(layers[1].decoder(deep.encoder(v))))
    assert {id(p) for p in deep.parameters()} == {id(p) for layer in layers for p in layer.parameters()}
    assert deep.tied is tied
    # A stack has the shapes of the deep autoencoder that is made as one.
    whole = Stacking((6, 4), SIGMOID, RELU, tied).whole(BernoulliUnits(9), RandomStream(0))
    assert [p.shape for p in deep.parameters()] == [p.shape for p in whole.parameters()]


def test_under_classes_the_code_is_read_by_scores_that_start_at_zero() -> None:
    layers = Stacking((6, 4), TANH).layer_by_layer(
        BernoulliUnits(9), lambda fresh, back, below, own: fresh, RandomStream(0)
    )
    network, v = under_classes([layer.encoder for layer in layers], 4, 3), torch.rand(5, 9)
    assert not network(v).any()
    assert torch.equal(network[:-1](v), layers[1].encoder(layers[0].encoder(v)))


def test_rows_are_carried_up_without_a_gradient_and_by_layers_as_they_were() -> None:
    layers = Stacking((6,), SIGMOID).layer_by_layer(
        BernoulliUnits(9), lambda fresh, back, below, own: fresh, RandomStream(0)
    )
    up, v = upwards(layers, CPU), torch.rand(5, 9)
    assert up is not None
    assert upwards([], CPU) is None
    before = up(v)
    with torch.no_grad():
        for parameter in layers[0].parameters():
            parameter.add_(1.0)
    assert not before.requires_grad
    assert torch.equal(up(v), before)
