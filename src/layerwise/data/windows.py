r"""The order of an epoch where rows lie in groups and a window of them fits into memory.

The groups are brought into a random order, cut into windows of nearly equal size, and the rows of each window are
shuffled. Rows in memory are one group and one window: then this is a full shuffle. Where :math:`w` rows make a window
and :math:`g` a group, two rows of one minibatch are of the same group with probability

.. math:: \frac{g - 1}{w - 1} \quad \text{instead of} \quad \frac{g - 1}{n - 1},

so that of rows whose neighbours are alike, with the correlation :math:`\rho` inside a group, the mean over a minibatch
of :math:`b` rows varies by :math:`1 + (b - 1)\,\rho\,(g - 1) / (w - 1)` times as much as that of independent rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from layerwise import kernels
from layerwise.randomness import RandomStream

__all__ = ["Window", "windows_of"]


@dataclass(frozen=True, eq=False)
class Window:
    """Rows that are in memory together.

    Parameters
    ----------
    first : int
        Place in the epoch of its first row.
    spans : ndarray of shape (groups, 2), int64
        First row and end of each of its groups, ascending.
    random : RandomStream or None
        Whose seed decides the order of its rows; None leaves them in theirs.
    """

    first: int
    spans: npt.NDArray[np.int64]
    random: RandomStream | None

    def __len__(self) -> int:
        return int(np.diff(self.spans).sum())

    @property
    def end(self) -> int:
        """Place in the epoch behind its last row."""
        return self.first + len(self)

    def numbers(self) -> npt.NDArray[np.int64]:
        """Its rows, ascending."""
        return np.concatenate([np.arange(first, end, dtype=np.int64) for first, end in self.spans])

    def order(self) -> Tensor:
        """The places among :meth:`numbers` in the order of the epoch, of shape (rows,), int64."""
        if self.random is None:
            return torch.arange(len(self))
        return kernels.permutation(len(self), RandomStream(self.random.seed))


def windows_of(groups: npt.NDArray[np.int64], most_rows: int, random: RandomStream | None) -> Sequence[Window]:
    """The windows of an epoch, in their order: each row is in one of them.

    Parameters
    ----------
    groups : ndarray of shape (groups + 1,), int64
        Where each begins, and the end of the last.
    most_rows : int
        Of a window, but for a part of a group.
    random : RandomStream or None
        Of the epoch; only its seed is used. None leaves all rows in their order.

    Examples
    --------
    >>> groups = np.array([0, 2, 4, 6, 8])
    >>> [window.numbers().tolist() for window in windows_of(groups, 4, RandomStream(1))]
    [[2, 3, 6, 7], [0, 1, 4, 5]]
    """
    n_rows, n_groups = int(groups[-1]), len(groups) - 1
    count = min(-(-n_rows // most_rows), n_groups)
    order = np.arange(n_groups)
    if count > 1 and random is not None:
        order = random.child("groups").permutation(n_groups).numpy()
    ends = np.cumsum(np.diff(groups)[order])
    cuts = np.searchsorted(ends, np.arange(1, count) * n_rows / count, side="right")
    windows: list[Window] = []
    for number, places in enumerate(np.split(order, cuts)):
        if len(places):
            spans = np.stack([groups[:-1], groups[1:]], axis=1)[np.sort(places)]
            # The first window's stream is the epoch's own: it is that of rows in memory, which have no other window.
            own = None if random is None else random if number == 0 else random.child(f"window {number}")
            windows.append(Window(windows[-1].end if windows else 0, spans, own))
    return windows
