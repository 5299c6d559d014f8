"""Corruption: as much as was asked for, drawn row by row, and nothing else changed."""

import math

import pytest
import torch

from layerwise.errors import OptionError
from layerwise.randomness import RandomStream
from layerwise.training.corruption import GaussianNoise, Masking, SaltAndPepper, corruption_named

ROWS = torch.full((400, 50), 0.5)
N = ROWS.numel()


def test_noise_has_the_mean_and_the_scale_that_it_says() -> None:
    noise = GaussianNoise(0.3)(ROWS, RandomStream(0)) - ROWS
    assert abs(float(noise.mean())) <= 5 * 0.3 / math.sqrt(N)
    assert abs(float(noise.var()) - 0.09) <= 5 * 0.09 * math.sqrt(2 / N)


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_masking_erases_its_share_and_leaves_the_rest(share: float) -> None:
    shown = Masking(share)(ROWS, RandomStream(0))
    erased = (shown == 0).double().mean()
    assert abs(float(erased) - share) <= 5 * math.sqrt(share * (1 - share) / N)
    assert bool(((shown == 0) | (shown == 0.5)).all())


def test_salt_and_pepper_come_in_equal_parts() -> None:
    shown = SaltAndPepper(0.4, low=-1.0, high=2.0)(ROWS, RandomStream(0))
    for value in (-1.0, 2.0):
        share = float((shown == value).double().mean())
        assert abs(share - 0.2) <= 5 * math.sqrt(0.2 * 0.8 / N)
    assert bool(((shown == -1) | (shown == 2) | (shown == 0.5)).all())


@pytest.mark.parametrize("corrupt", [GaussianNoise(), Masking(), SaltAndPepper()])
def test_parts_of_a_minibatch_see_what_the_whole_sees(corrupt: GaussianNoise | Masking | SaltAndPepper) -> None:
    whole = corrupt(ROWS, RandomStream(3))
    parts = [corrupt(ROWS[:150], RandomStream(3)), corrupt(ROWS[150:], RandomStream(3), 150)]
    assert torch.equal(whole, torch.cat(parts))
    pictures = corrupt(ROWS.reshape(400, 1, 5, 10), RandomStream(3))
    assert torch.equal(pictures.flatten(1), whole)


def test_a_name_and_an_amount_make_one() -> None:
    assert corruption_named("masking", 0.1) == Masking(0.1)
    assert corruption_named("gaussian", 2.0) == GaussianNoise(2.0)
    with pytest.raises(OptionError, match=r"corruption = 'rain': must be one of gaussian, masking, salt_and_pepper"):
        corruption_named("rain", 0.1)


@pytest.mark.parametrize("make", [lambda: Masking(1.1), lambda: SaltAndPepper(-0.1), lambda: GaussianNoise(math.nan)])
def test_an_amount_out_of_its_range_is_refused(make: object) -> None:
    with pytest.raises(OptionError, match="must be"):
        make()  # type: ignore[operator]
