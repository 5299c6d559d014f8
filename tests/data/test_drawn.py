"""Grey levels drawn as bits: the right probabilities, the same on every machine, other ones in every epoch."""

import math

import numpy as np
import pytest
import torch

from layerwise.data import DrawnBits, Minibatches, MinibatchStream, Preparation, Rows, bits_of
from layerwise.errors import DataError
from layerwise.randomness import RandomStream

ROWS = Rows.from_arrays(np.tile(np.array([[0.0, 0.25, 0.5, 1.0]], np.float32), (40, 1)))


def drawn(batch_size: int, **options) -> DrawnBits:
    stream = Minibatches(ROWS, Preparation.fit(ROWS, "bernoulli"), batch_size, RandomStream(1), **options)
    return DrawnBits(stream, RandomStream(2))


def test_a_one_comes_as_often_as_the_grey_level_says():
    grey = torch.tensor([0.0, 0.1, 0.5, 0.9, 1.0]).expand(20_000, -1)
    share = bits_of(grey, RandomStream(3)).mean(0)
    error = (grey[0] * (1 - grey[0]) / len(grey)).sqrt()
    assert ((share - grey[0]).abs() <= 5 * error).all()


def test_what_is_missing_stays_missing():
    bits = bits_of(torch.tensor([[math.nan, 1.0]]), RandomStream(0))
    assert math.isnan(bits[0, 0])
    assert bits[0, 1] == 1


@pytest.mark.parametrize("value", [-0.1, 1.5, math.inf])
def test_what_is_no_probability_is_refused(value):
    with pytest.raises(DataError, match="probability of a one"):
        bits_of(torch.tensor([[0.5, value]]), RandomStream(0))


def test_an_epoch_begun_in_its_middle_is_the_same_and_the_next_one_another():
    stream = drawn(7)
    assert isinstance(stream, MinibatchStream)
    whole = [batch.values for batch in stream.epoch(0)]
    rest = [batch.values for batch in stream.epoch(0, 3)]
    assert len(whole) == stream.n_batches == 6
    assert all(torch.equal(a, b) for a, b in zip(whole[3:], rest, strict=True))
    again = torch.cat([batch.values for batch in stream.epoch(1)])
    assert not torch.equal(torch.cat(whole), again)


def test_two_ranks_see_the_bits_that_one_sees():
    one = [batch.values for batch in drawn(10).epoch(0)]
    halves = [list(drawn(10, rank=rank, world_size=2).epoch(0)) for rank in (0, 1)]
    for whole, first, second in zip(one, *halves, strict=True):
        assert torch.equal(whole, torch.cat([first.values, second.values]))


def test_bits_are_carried_through_a_function():
    stream = drawn(10).map(lambda v: v[:, :2] * 3)
    assert stream.n_columns == 2
    assert stream.n_rows == 40
    assert {float(value) for value in next(stream.epoch(0)).values.flatten()} <= {0.0, 3.0}
