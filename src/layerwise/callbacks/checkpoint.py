"""Parameters on disk while a fit goes on."""

from __future__ import annotations

import os
import re
from pathlib import Path

from layerwise.callbacks.callback import Callback, Epoch
from layerwise.errors import OptionError
from layerwise.training.checkpoint import write_atomically

__all__ = ["Checkpoint"]


class Checkpoint(Callback):
    """Writes the parameters after every so many epochs, and keeps the last few files.

    A file is whole or not there: it is written beside its name, flushed and renamed. It holds
    :meth:`Epoch.parameters`, for ``safetensors.torch.load_file`` and the ``load_state_dict`` of the estimator's machine
    or network. To go on to the same bits after an interruption, take a run of the command line instead.

    Parameters
    ----------
    folder : str or path-like
        Made if it is not there. Each stage has a folder in it, such as ``layer-1``, with files such as
        ``epoch-00010.safetensors``.
    every : int, default=1
        Epochs from one file to the next.
    keep : int, default=3
        Files of a stage that stay.

    Raises
    ------
    OptionError
        ``every`` or ``keep`` is less than 1.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> from safetensors.torch import load_file
    >>> from layerwise import RBM
    >>> from layerwise.callbacks import Checkpoint
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     checkpoint = Checkpoint(folder, every=5)
    ...     machine = RBM(2, n_iter=10, random_state=0).set_callbacks(checkpoint).fit(np.eye(3))
    ...     sorted(load_file(checkpoint.last))
    ['hidden.bias', 'visible.bias', 'weights']
    """

    last: Path | None
    """The file written last; None before there was one."""

    def __init__(self, folder: str | os.PathLike[str], *, every: int = 1, keep: int = 3) -> None:
        for name, value in (("every", every), ("keep", keep)):
            if value < 1:
                raise OptionError(name, value, "must be a whole number of at least 1", "leave it out")
        self.folder, self.every, self.keep = Path(folder), every, keep
        self.last = None

    def epoch_done(self, epoch: Epoch) -> None:
        """Write, and remove what is older than the last few.

        Raises
        ------
        StorageError
            The folder cannot be written or the disk is full.
        """
        if epoch.number % self.every:
            return
        from safetensors.torch import save

        folder = self.folder / re.sub(r"\W+", "-", epoch.stage)
        path = folder / f"epoch-{epoch.number:05}.safetensors"
        write_atomically(path, save(epoch.parameters()))
        self.last = path
        for older in sorted(folder.glob("epoch-*.safetensors"))[: -self.keep]:
            older.unlink(missing_ok=True)
