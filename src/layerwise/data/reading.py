"""What can go wrong while somebody else's file is read, said in one line that names the file."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from layerwise.errors import DataError, InputError

__all__ = ["reading", "stem"]


@contextmanager
def reading(
    path: Path, form: str, remedy: str = "it is damaged or of another kind: make or copy it again"
) -> Generator[None]:
    """Turn every failure of the block into a :class:`~layerwise.errors.DataError`.

    Keep the block to the call that parses: what it raises is blamed on the file.

    Parameters
    ----------
    path : Path
        The file.
    form : str
        What it should be: ``"an .npz file"``.
    remedy : str
        What to do where it is not.
    """
    try:
        yield
    except InputError:
        raise
    except MemoryError as error:
        raise DataError(path.name, path, "does not fit into memory", "give fewer rows or columns") from error
    except Exception as error:  # numpy, pyarrow, pillow, gzip and zipfile raise dozens of kinds between them
        if isinstance(error, OSError) and error.errno is not None and error.strerror:
            raise DataError(
                path.name, path, f"cannot be read: {error.strerror}", "check path and permissions"
            ) from error
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        raise DataError(path.name, path, f"cannot be read as {form} ({reason})", remedy) from error


def stem(path: Path) -> str:
    """Name of a file without its endings: the name of its data set.

    >>> stem(Path("some/train-images-idx3-ubyte.gz")), stem(Path("v1.2.csv"))
    ('train-images-idx3-ubyte', 'v1.2')
    """
    return Path(path.name.removesuffix(".gz")).stem
