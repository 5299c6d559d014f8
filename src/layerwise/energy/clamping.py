r"""Clamping: some visible units keep their values, the others are drawn given them.

Block Gibbs sampling with the known units held still leaves :math:`p(v_{unknown}, h \mid v_{known})` invariant: the
hidden units are drawn given all visible ones, the unknown visible units given the hidden. Missing values of a table are
the unknown units of its rows.

References
----------
.. [1] R. J. A. Little, D. B. Rubin (2002). Statistical analysis with missing data, 2nd edition. Wiley.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool
from torch import Tensor

from layerwise.energy.rbm import RBM
from layerwise.errors import DataError, OptionError
from layerwise.randomness import RandomStream
from layerwise.shapes import HiddenBatch, VisibleBatch
from layerwise.units import CategoricalUnits, MixedUnits, UnitKind

__all__ = ["Known", "check_known", "clamped_gibbs", "draw_unknown", "impute"]

Known = Bool[Tensor, "batch visible"]
"""True where a value is given."""


def clamped_gibbs(
    rbm: RBM, v: VisibleBatch, known: Known, steps: int, random: RandomStream, first_row: int = 0
) -> tuple[VisibleBatch, HiddenBatch]:
    """Run block Gibbs chains with some visible units held still.

    Parameters
    ----------
    rbm : RBM
    v : Tensor of shape (batch, visible)
        Where the chains start; no entry may be NaN.
    known : bool Tensor of shape (batch, visible)
        Entries that are held still: all units of a categorical site or none.
    steps : int
        Number of full steps, at least 1.
    random : RandomStream
        The positions of two draws a step are taken.
    first_row : int
        Global number of the first row.

    Returns
    -------
    v : Tensor of shape (batch, visible)
    h : Tensor of shape (batch, hidden)
        The hidden units that the unknown entries of v were drawn from.

    Raises
    ------
    OptionError
        ``steps`` is below 1.
    DataError
        A categorical site is known in part.
    """
    if steps < 1:
        raise OptionError("steps", steps, "must be at least 1")
    check_known(rbm.visible, known)
    h = rbm.sample_h_from_v(v, random, first_row)
    v = torch.where(known, v, rbm.sample_v_from_h(h, random, first_row))
    for _ in range(steps - 1):
        h = rbm.sample_h_from_v(v, random, first_row)
        v = torch.where(known, v, rbm.sample_v_from_h(h, random, first_row))
    return v, h


def draw_unknown(rbm: RBM, v: VisibleBatch, known: Known, random: RandomStream, first_row: int = 0) -> VisibleBatch:
    """Rows whose unknown entries are drawn from the visible units' own biases: where clamped chains can start."""
    field = rbm.visible.bias.expand(len(v), -1).contiguous()
    return torch.where(known, v, rbm.visible.sample(field, random, first_row))


def impute(
    rbm: RBM,
    v: VisibleBatch,
    random: RandomStream,
    *,
    steps: int = 100,
    burn_in: int = 100,
    chains: int = 10,
    first_row: int = 0,
) -> VisibleBatch:
    r"""Fill missing values by their means given the others.

    Averaged is not what chains draw but :math:`E[v_{unknown} \mid h]` [1]_, whose variance is smaller. A categorical
    site gets the probabilities of its states.

    Parameters
    ----------
    rbm : RBM
    v : Tensor of shape (batch, visible)
        NaN where a value is missing. A row may miss all of them.
    random : RandomStream
    steps : int
        Steps of each chain that are averaged over.
    burn_in : int
        Steps before them.
    chains : int
        Independent chains for each row.
    first_row : int
        Global number of the first row.

    Returns
    -------
    Tensor of shape (batch, visible)
        The rows with their missing values filled; the others as they were.

    Raises
    ------
    OptionError
        Fewer than 1 step or chain, or a negative burn-in.
    DataError
        A categorical site is missing in part.

    Examples
    --------
    >>> from layerwise.energy import bernoulli_rbm
    >>> rbm = bernoulli_rbm(2, 1, torch.tensor([[8.0], [8.0]]))
    >>> rbm.visible.bias.fill_(-4.0), rbm.hidden.bias.fill_(-8.0)  # both on or both off
    (...)
    >>> filled = impute(rbm, torch.tensor([[1.0, float("nan")], [0.0, float("nan")]]), RandomStream(0))
    >>> (filled[:, 1] > 0.5).tolist()
    [True, False]

    References
    ----------
    .. [1] D. Blackwell (1947). Conditional expectation and unbiased sequential estimation. Annals of Mathematical
       Statistics 18.
    """
    for name, value, least in (("steps", steps, 1), ("burn_in", burn_in, 0), ("chains", chains, 1)):
        if value < least:
            raise OptionError(name, value, f"must be at least {least}")
    known = ~v.isnan()
    check_known(rbm.visible, known)
    total = torch.zeros(v.shape, dtype=torch.float64, device=v.device)
    for chain in range(chains):
        of_chain = random.child(f"chain {chain} from {random.position}")
        x = draw_unknown(rbm, v, known, of_chain, first_row)
        if burn_in:
            x, _ = clamped_gibbs(rbm, x, known, burn_in, of_chain, first_row)
        for _ in range(steps):
            field = rbm.field_of_visible(rbm.sample_h_from_v(x, of_chain, first_row))
            mean, drawn = rbm.visible.mean_and_sample(field, of_chain, first_row)
            total += mean
            x = torch.where(known, v, drawn)
    random.take()  # another call draws anew
    return torch.where(known, v, (total / (steps * chains)).to(v.dtype))


def check_known(visible: UnitKind, known: Known) -> None:
    """Refuse a site that is known in part.

    Raises
    ------
    DataError
        Some units of a categorical site are known and some are not.
    """
    for first, width in _wide_sites(visible, 0):
        count = known[:, first : first + width].sum(1)
        torn = (count > 0) & (count < width)
        if bool(torn.any()):
            row = int(torn.nonzero()[0])
            what = f"row {row}, columns {first} to {first + width - 1}"
            rule = "the units of one categorical site must be known together or missing together"
            raise DataError(what, f"{int(count[row])} of {width} known", rule)


def _wide_sites(units: UnitKind, first: int) -> list[tuple[int, int]]:
    """First column and number of units of each site that has more than one."""
    found: list[tuple[int, int]] = []
    if isinstance(units, MixedUnits):
        for part in units.parts:
            assert isinstance(part, UnitKind)
            found += _wide_sites(part, first)
            first += part.size
    elif isinstance(units, CategoricalUnits):
        for width in units.categories:
            if width > 1:
                found.append((first, width))
            first += width
    return found
