"""The random stream: Philox's published answers, numbers that hang on their place alone, two integers of state."""

from __future__ import annotations

import math
from itertools import permutations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2
from torch import Tensor

from layerwise.errors import OptionError
from layerwise.randomness import RandomStream, philox, random_words

SIGMAS = 5.0
"""So many of its own standard errors may a statistic lie from what it must be: by chance once in 2 million."""
SIGNIFICANCE = 1e-6

SEEDS = st.one_of(st.integers(0, 3), st.integers(2**63, 2**64 - 1), st.integers(0, 2**64 - 1))
POSITIONS = st.one_of(st.integers(0, 3), st.integers(2**32 - 2, 2**32 + 2), st.integers(0, 2**48 - 1))
ROWS = st.one_of(st.integers(0, 3), st.integers(2**32 - 2, 2**32 + 2), st.integers(0, 2**47))


def words(stream: RandomStream, rows: int = 64, columns: int = 512, first_row: int = 0) -> Tensor:
    return random_words(stream, rows, columns, first_row)


@pytest.mark.parametrize(
    ("counter", "key", "answer"),
    [
        ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
    ],
    ids=["zeros", "ones", "digits of pi"],
)
def test_philox_gives_the_answers_published_with_it(counter: str, key: str, answer: str) -> None:
    c0, c1, c2, c3 = (torch.tensor([int(word, 16)]) for word in counter.split())
    low, high = (int(word, 16) for word in key.split())
    assert " ".join(f"{int(word):08x}" for word in philox((c0, c1, c2, c3), low | high << 32)) == answer


@given(SEEDS, POSITIONS, ROWS, st.integers(0, 700))
def test_the_counter_is_laid_out_as_documented(seed: int, position: int, row: int, column: int) -> None:
    group, place = divmod(column, 64)
    word, block = place // 16, 16 * group + place % 16
    high = (row >> 32) + (position >> 32 << 16)
    counter = [torch.tensor([c & 0xFFFFFFFF]) for c in (block, row, position, high)]
    expected = philox((counter[0], counter[1], counter[2], counter[3]), seed)[word]
    assert random_words(RandomStream(seed, position), 1, column + 1, row)[0, column] == expected


@given(SEEDS, POSITIONS, ROWS, st.integers(1, 6), st.integers(1, 130), st.data())
def test_a_word_does_not_depend_on_how_many_are_asked_for(
    seed: int, position: int, row: int, rows: int, columns: int, data: st.DataObject
) -> None:
    whole = random_words(RandomStream(seed, position), rows, columns, row)
    first = data.draw(st.integers(0, rows - 1))
    fewer = data.draw(st.integers(1, rows - first)), data.draw(st.integers(1, columns))
    part = random_words(RandomStream(seed, position), *fewer, row + first)
    assert torch.equal(part, whole[first : first + fewer[0], : fewer[1]])
    assert whole.min() >= 0
    assert whole.max() < 2**32


def test_every_bit_is_as_often_one_as_zero() -> None:
    drawn = words(RandomStream(11))
    for bit in range(32):
        ones = ((drawn >> bit) & 1).double().mean()
        assert abs(ones - 0.5) < SIGMAS * 0.5 / math.sqrt(drawn.numel()), bit


@pytest.mark.parametrize("shift", [1, 15, 16, 17, 63, 64, 65, 128])
def test_neighbouring_columns_do_not_agree_more_than_by_chance(shift: int) -> None:
    drawn = words(RandomStream(12))
    assert_unrelated(drawn[:, shift:], drawn[:, :-shift])


@pytest.mark.parametrize("shift", [1, 2, 31])
def test_neighbouring_rows_do_not_agree_more_than_by_chance(shift: int) -> None:
    drawn = words(RandomStream(13))
    assert_unrelated(drawn[shift:], drawn[:-shift])


@pytest.mark.parametrize(
    "other",
    [
        RandomStream(7, 1),
        RandomStream(7, 2**32),
        RandomStream(7, 2**47),
        RandomStream(8),
        RandomStream(7 + 2**32),
        RandomStream(7 + 2**63),
        RandomStream(7).child("layer 1"),
        RandomStream(7).child(0),
    ],
    ids=repr,
)
def test_neighbouring_positions_seeds_and_children_do_not_agree_more_than_by_chance(other: RandomStream) -> None:
    assert_unrelated(words(RandomStream(7)), words(RandomStream(other.seed, other.position)))


def test_rows_far_apart_do_not_agree_more_than_by_chance() -> None:
    for first_row in (64, 2**32, 2**47):
        assert_unrelated(words(RandomStream(7)), words(RandomStream(7), first_row=first_row))


def assert_unrelated(one: Tensor, other: Tensor) -> None:
    """Each of the 32 bits agrees in half the places, and so do all of them together."""
    different = one ^ other
    counts = torch.stack([((different >> bit) & 1).double().mean() for bit in range(32)])
    assert (counts - 0.5).abs().max() < SIGMAS * 0.5 / math.sqrt(one.numel())
    assert abs(counts.mean() - 0.5) < SIGMAS * 0.5 / math.sqrt(32 * one.numel())


def test_no_counter_is_used_twice() -> None:
    # Places that shared a counter would share its words; two that do not agree in 62 bits once in 10¹².
    drawn = torch.cat(
        [
            words(stream, 8, 256, first_row)
            for stream, first_row in ((RandomStream(1), 0), (RandomStream(1, 1), 0), (RandomStream(1), 2**32))
        ]
    )
    pairs = (drawn[:, 0::2] >> 1 << 31) ^ (drawn[:, 1::2] >> 1)
    assert len(torch.unique(pairs)) == pairs.numel()


def test_a_position_is_taken_by_every_draw() -> None:
    stream = RandomStream(3)
    assert [stream.take(), stream.take()] == [0, 1]
    first = random_words(stream, 1, 8)
    assert stream.position == 3
    assert not torch.equal(first, random_words(stream, 1, 8))
    stream.permutation(5)
    assert stream.position == 5


@given(SEEDS, POSITIONS, st.integers(0, 5))
def test_two_integers_are_the_whole_state(seed: int, position: int, draws: int) -> None:
    stream = RandomStream(seed, position)
    for _ in range(draws):
        random_words(stream, 1, 3)
    restored = RandomStream(stream.seed, stream.position)
    assert restored == stream
    assert torch.equal(random_words(restored, 2, 70), random_words(stream, 2, 70))


def test_a_seed_is_taken_modulo_two_to_the_64() -> None:
    assert RandomStream(-1).seed == RandomStream(2**64 - 1).seed == 2**64 - 1
    assert RandomStream(2**64 + 5) == RandomStream(5)


def test_a_stream_moves_and_so_is_no_key() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(RandomStream(0))
    assert RandomStream(0) != RandomStream(0, 1)
    assert RandomStream(0) != (0, 0)
    assert repr(RandomStream(5, 2)) == "RandomStream(seed=5, position=2)"


@given(SEEDS, POSITIONS, st.one_of(st.text(max_size=8), st.integers()))
def test_a_child_depends_on_the_seed_and_its_name_only(seed: int, position: int, name: str | int) -> None:
    parent = RandomStream(seed, position)
    child = parent.child(name)
    assert child == RandomStream(seed).child(name)
    assert child.position == 0
    assert parent.position == position
    assert child != RandomStream(seed).child(f"{name}'")
    assert child != RandomStream(seed ^ 1).child(name)


@given(SEEDS, POSITIONS, st.integers(0, 300))
def test_a_permutation_holds_everything_once(seed: int, position: int, count: int) -> None:
    order = RandomStream(seed, position).permutation(count)
    assert order.dtype == torch.int64
    assert order.sort().values.tolist() == list(range(count))


@pytest.mark.parametrize("count", [2, 3, 4])
def test_every_permutation_is_as_likely(count: int) -> None:
    kinds = list(permutations(range(count)))
    stream, draws = RandomStream(2026), 60 * len(kinds)
    seen = [tuple(stream.permutation(count).tolist()) for _ in range(draws)]
    expected = draws / len(kinds)
    statistic = sum((seen.count(kind) - expected) ** 2 / expected for kind in kinds)
    assert statistic < chi2.isf(SIGNIFICANCE, len(kinds) - 1)


def test_every_place_of_a_long_permutation_is_as_likely() -> None:
    count, draws = 40, 800
    where = torch.stack([RandomStream(position).permutation(count) for position in range(draws)])
    seen = torch.zeros(count, count).scatter_add_(1, where.T, torch.ones(count, draws))
    expected = draws / count
    # Row and column sums are fixed: (count - 1)² degrees of freedom.
    statistic = float(((seen - expected) ** 2 / expected).sum())
    assert statistic < chi2.isf(SIGNIFICANCE, (count - 1) ** 2)


@pytest.mark.parametrize("position", [-1, 2**48])
def test_a_position_that_the_counter_has_no_room_for_is_refused(position: int) -> None:
    with pytest.raises(OptionError, match=r"position = .*must be at least 0 and below"):
        RandomStream(0, position)
