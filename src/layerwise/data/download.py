"""Files from a data set's public home, checked and kept in the user's cache directory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from layerwise.errors import DataError, StorageError

__all__ = ["cache_folder", "fetch"]

_SECONDS_TO_ANSWER = 30
_CHUNK = 1 << 16


def cache_folder() -> Path:
    """The user's cache directory."""
    import pooch

    return Path(pooch.os_cache("layerwise"))


def fetch(
    url: str, checksums: Mapping[str, str], folder: Path, title: str, remedy: str, *, progress: bool = False
) -> list[Path]:
    """Download files that are not yet there, or no longer what they were.

    A file gets its name only after its checksum has been found right: whatever goes wrong leaves no partial file.

    Parameters
    ----------
    url : str
        Address of the folder.
    checksums : mapping of str to str
        File names and their ``"sha256:…"`` or ``"md5:…"``.
    folder : Path
        Where the files are kept.
    title : str
        Name of the data set.
    remedy : str
        What to do where a download fails.
    progress : bool
        Whether to show a progress bar on stderr.

    Returns
    -------
    list of Path
        One a file, in the order of ``checksums``.

    Raises
    ------
    DataError
        Where a file cannot be fetched or is not what it should be.
    StorageError
        Where the folder cannot be written to.
    """
    import pooch
    import requests

    logger: Any = pooch.get_logger()
    logger.setLevel("WARNING")
    source: Any = pooch.create(path=folder, base_url=url.rstrip("/") + "/", registry=dict(checksums))
    paths: list[Path] = []
    for name in checksums:
        address = f"{url.rstrip('/')}/{name}"
        bar: Any = _Bar(f"{title}: {name}") if progress else False
        download: Any = pooch.HTTPDownloader(progressbar=bar, chunk_size=_CHUNK, timeout=_SECONDS_TO_ANSWER)
        try:
            paths.append(Path(source.fetch(name, downloader=download)))
        except requests.RequestException as error:
            reason = _reason(error)
            raise DataError(f"{title}, {name}", address, f"could not be downloaded ({reason})", remedy) from error
        except ValueError as error:
            rule = f"what arrived does not have the checksum {checksums[name]} and was thrown away"
            raise DataError(f"{title}, {name}", address, rule, remedy) from error
        except OSError as error:
            reason = error.strerror or str(error)
            raise StorageError(f"{title} cannot be kept in {folder}: {reason}; give another cache folder") from error
        finally:
            if bar:
                bar.close()
    return paths


def _reason(error: Exception) -> str:
    """Give the innermost words of a chain of wrapped network errors."""
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"the server answers {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.Timeout):
        return f"no answer within {_SECONDS_TO_ANSWER} seconds"
    inner: BaseException = error
    while inner.__cause__ or inner.__context__:
        inner = inner.__cause__ or inner.__context__ or inner
    return (inner.strerror if isinstance(inner, OSError) and inner.strerror else str(inner)) or type(inner).__name__


class _Bar:
    """What pooch expects of a progress bar, shown by rich on stderr."""

    def __init__(self, title: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=Console(stderr=True))
        self._task = self._progress.add_task(title, total=None)
        self._progress.start()

    @property
    def total(self) -> int | float | None:
        return self._progress.tasks[0].total

    @total.setter
    def total(self, total: int) -> None:
        self._progress.update(self._task, total=total)

    def update(self, advance: int) -> None:
        self._progress.update(self._task, advance=advance)

    def reset(self) -> None:
        self._progress.update(self._task, completed=0)

    def close(self) -> None:
        self._progress.stop()
