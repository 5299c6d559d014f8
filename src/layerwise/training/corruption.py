r"""What is done to rows before a denoising autoencoder is shown them: it must give them back as they were [1]_.

All draws come from the run's stream, row by row, so that a resumed run sees the same noise.

References
----------
.. [1] P. Vincent, H. Larochelle, I. Lajoie, Y. Bengio, P.-A. Manzagol (2010). Stacked denoising autoencoders. JMLR 11.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from layerwise import kernels
from layerwise.errors import OptionError
from layerwise.randomness import RandomStream
from layerwise.training.ranges import not_negative

__all__ = ["GaussianNoise", "Masking", "SaltAndPepper", "corruption_named", "corruption_of"]


@dataclass(frozen=True)
class GaussianNoise:
    """Normal noise of mean zero is added to every value.

    Parameters
    ----------
    scale : float
        Its standard deviation, in the rows' own units.
    """

    scale: float = 0.3

    def __post_init__(self) -> None:
        not_negative("scale", self.scale)

    def __call__(self, rows: Tensor, random: RandomStream, first_row: int = 0) -> Tensor:
        """Noisy rows."""
        flat = rows.flatten(1)
        noise = kernels.normal(*_shape(flat), random, first_row, rows.device).to(rows)
        return rows + self.scale * noise.reshape(rows.shape)


@dataclass(frozen=True)
class Masking:
    """A share of the values becomes zero.

    Parameters
    ----------
    share : float
        From 0 to 1.
    """

    share: float = 0.25

    def __post_init__(self) -> None:
        _probability("share", self.share)

    def __call__(self, rows: Tensor, random: RandomStream, first_row: int = 0) -> Tensor:
        """Rows with holes."""
        kept = _uniform(rows, random, first_row) >= self.share
        return rows * kept.to(rows)


@dataclass(frozen=True)
class SaltAndPepper:
    """A share of the values becomes the lowest or the highest value there is, each half of the time.

    Parameters
    ----------
    share : float
        From 0 to 1.
    low, high : float
        The two values.
    """

    share: float = 0.25
    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        _probability("share", self.share)

    def __call__(self, rows: Tensor, random: RandomStream, first_row: int = 0) -> Tensor:
        """Speckled rows."""
        u = _uniform(rows, random, first_row)  # one draw says both whether and which
        speckled = rows.masked_fill(u < self.share, self.high)
        return speckled.masked_fill(u < self.share / 2, self.low)


Corrupting = GaussianNoise | Masking | SaltAndPepper

_NAMED: dict[str, type[GaussianNoise] | type[Masking] | type[SaltAndPepper]] = {
    "gaussian": GaussianNoise,
    "masking": Masking,
    "salt_and_pepper": SaltAndPepper,
}


def corruption_named(name: str, amount: float) -> Corrupting:
    """A corruption by its name, of a share of the values or of a standard deviation.

    Raises
    ------
    OptionError
        There is none of that name, or no such amount.
    """
    if name not in _NAMED:
        raise OptionError("corruption", name, f"must be one of {', '.join(sorted(_NAMED))}")
    return _NAMED[name](amount)


def corruption_of(name: str, amount: float, kind: str, rows: Tensor) -> Corrupting:
    """A corruption by its name that suits rows of units.

    Parameters
    ----------
    name : {"gaussian", "masking", "salt_and_pepper"}
    amount : float
        Share of the values, or a standard deviation.
    kind : str
        Of the units. Salt and pepper are 0 and 1 of Bernoulli units, of others the least and the greatest value there
        is.
    rows : Tensor of shape (batch, units)
        Where these are looked for.

    Raises
    ------
    OptionError
    """
    found = corruption_named(name, amount)
    if isinstance(found, SaltAndPepper) and kind != "bernoulli":
        return replace(found, low=float(rows.min()), high=float(rows.max()))
    return found


def _probability(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise OptionError(name, value, "must be from 0 to 1")


def _shape(flat: Tensor) -> tuple[int, int]:
    rows, columns = flat.shape
    return rows, columns


def _uniform(rows: Tensor, random: RandomStream, first_row: int) -> Tensor:
    return kernels.uniform(*_shape(rows.flatten(1)), random, first_row, rows.device).reshape(rows.shape)
