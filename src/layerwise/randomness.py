r"""One random stream: every draw is a pure function of (seed, position, row, column).

A :class:`RandomStream` is a seed and a position and nothing else. Each draw of a whole array uses one position; inside
it the number at (row, column) is read off the counter-based generator Philox4x32-10 [1]_ at

.. math:: \text{counter} = (\text{block}, \text{row}_{lo}, \text{position}_{lo},
          \text{row}_{hi} + 2^{16}\,\text{position}_{hi}), \qquad \text{key} = \text{seed}.

So the numbers do not depend on how many threads, devices or ranks share the rows, and two integers restore the stream.

One counter gives four words. Columns are laid out in groups of 64: word ``w`` of block ``16 g + i`` belongs to column
``64 g + 16 w + i``, so that sixteen neighbouring columns need sixteen neighbouring counters: one vector register.

References
----------
.. [1] J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw (2011). Parallel random numbers: as easy as 1, 2, 3. SC '11.
"""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

from layerwise.errors import OptionError

__all__ = ["RandomStream", "philox", "random_words"]

ROUNDS = 10
MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
GROUP = 64
"""Columns that share a run of sixteen counters."""
_LOW = 0xFFFFFFFF


class RandomStream:
    """A reproducible source of randomness whose whole state is two integers.

    Parameters
    ----------
    seed : int
        Any integer; its low 64 bits are the generator's key.
    position : int
        How many arrays were drawn already; the counter has room for 2⁴⁸, and for as many rows.

    Raises
    ------
    OptionError
        The position lies outside that room.

    Examples
    --------
    >>> stream = RandomStream(0)
    >>> stream.permutation(5).tolist() == RandomStream(0).permutation(5).tolist()
    True
    >>> stream.position
    1
    """

    __slots__ = ("position", "seed")

    def __init__(self, seed: int, position: int = 0) -> None:
        self.seed = int(seed) & 0xFFFFFFFFFFFFFFFF
        self.position = int(position)
        if not 0 <= self.position < 1 << 48:
            raise OptionError("position", position, "must be at least 0 and below 2⁴⁸")

    def __repr__(self) -> str:
        return f"RandomStream(seed={self.seed}, position={self.position})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RandomStream) and (self.seed, self.position) == (other.seed, other.position)

    __hash__ = None  # type: ignore[assignment]  # it moves: not a key

    def take(self) -> int:
        """Reserve the next position and return it."""
        position = self.position
        self.position = position + 1
        return position

    def child(self, name: str | int) -> RandomStream:
        """An independent stream that depends on this one's seed and ``name`` only, not on its position."""
        digest = hashlib.blake2b(f"{self.seed}/{name}".encode(), digest_size=8).digest()
        return RandomStream(int.from_bytes(digest, "little"))

    def permutation(self, count: int) -> Tensor:
        """A uniformly random order of ``count`` things.

        Returns
        -------
        Tensor of shape (count,), int64
            Sorting 62 random bits a thing: two things tie with probability below ``count² / 2⁶³``.
        """
        words = random_words(self, rows=1, columns=2 * count)[0]
        return torch.argsort((words[:count] << 30) ^ words[count:], stable=True)


def philox(counter: tuple[Tensor, Tensor, Tensor, Tensor], key: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Philox4x32-10: four int64 tensors of 32-bit words in, four out. This is the definition; the kernels repeat it."""
    c0, c1, c2, c3 = counter
    factored, kept = torch.stack([c2, c0]), torch.stack([c1, c3])  # both halves of a round at once
    k0, k1 = key & _LOW, key >> 32
    shape = (ROUNDS, 2, *[1] * c0.ndim)
    keys = [[(k0 + turn * KEY_STEPS[0]) & _LOW, (k1 + turn * KEY_STEPS[1]) & _LOW] for turn in range(ROUNDS)]
    by_turn = torch.tensor(keys, device=c0.device).view(shape)
    factors = torch.tensor(MULTIPLIERS[::-1], device=c0.device).view(shape[1:])
    for keys_now in by_turn:
        product = factored * factors  # of 64 bits: past the sign it wraps round, and no bit is lost
        factored = (kept ^ keys_now).bitwise_xor_((product >> 32).bitwise_and_(_LOW)).flip(0)
        kept = product.bitwise_and_(_LOW)
    return factored[1], kept[0], factored[0], kept[1]


def random_words(
    random: RandomStream, rows: int, columns: int, first_row: int = 0, device: torch.device | str = "cpu"
) -> Tensor:
    """Take one position and return its 32-bit words.

    Returns
    -------
    Tensor of shape (rows, columns), int64
        Values in ``[0, 2³²)``; the word at (row, column) does not depend on ``rows`` or ``columns``.
    """
    position = random.take()
    groups = -(-columns // GROUP)
    blocks = torch.arange(groups * 16, dtype=torch.int64, device=device).expand(rows, -1)
    row = torch.arange(first_row, first_row + rows, dtype=torch.int64, device=device)[:, None].expand_as(blocks)
    counter = (
        blocks,
        row & _LOW,
        torch.full_like(blocks, position & _LOW),
        (row >> 32) + ((position >> 32) << 16),
    )
    words = torch.stack(philox(counter, random.seed), dim=-1)
    return words.reshape(rows, groups, 16, 4).transpose(2, 3).reshape(rows, groups * GROUP)[:, :columns]
