"""The data sets that are known by name.

``digits`` comes with scikit-learn. The others are read from the folder that the environment variable ``LAYERWISE_DATA``
names, or else downloaded once from their public home. ``LAYERWISE_MIRROR`` names another home: it is asked for
``<mirror>/mnist/<file>`` and ``<mirror>/fashion-mnist/<file>``, and the same checksums must come out.

References
----------
.. [1] Y. LeCun, L. Bottou, Y. Bengio, P. Haffner (1998). Gradient-based learning applied to document recognition.
.. [2] H. Xiao, K. Rasul, R. Vollgraf (2017). Fashion-MNIST: a novel image dataset for benchmarking machine learning
   algorithms. arXiv:1708.07747.
.. [3] E. Alpaydin, C. Kaynak (1998). Optical recognition of handwritten digits. UCI machine learning repository.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from layerwise.data.download import cache_folder, fetch
from layerwise.data.idx import parts_to_dataset
from layerwise.data.rows import Dataset, Rows
from layerwise.errors import DataError

__all__ = ["BUILT_IN", "load_built_in"]

_FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)


@dataclass(frozen=True)
class _Release:
    """Where a release may lie under LAYERWISE_DATA, and what to say of it."""

    folder: str
    prefix: str = ""
    note: str = ""


@dataclass(frozen=True)
class _Published:
    """A data set of four idx files."""

    title: str
    home: str
    checksums: Mapping[str, str]
    releases: tuple[_Release, ...]
    classes: tuple[str, ...]


_PUBLISHED = {
    "mnist": _Published(
        title="MNIST",
        # The files as first published; their original home no longer answers.
        home="https://ossci-datasets.s3.amazonaws.com/mnist/",
        checksums={
            _FILES[0]: "sha256:440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            _FILES[1]: "sha256:3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            _FILES[2]: "sha256:8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            _FILES[3]: "sha256:f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        },
        releases=(_Release("mnist"),),
        classes=tuple(str(digit) for digit in range(10)),
    ),
    "fashion-mnist": _Published(
        title="Fashion-MNIST",
        home="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        checksums={
            _FILES[0]: "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            _FILES[1]: "md5:25c81989df183df01b3e8a0aad5dffbe",
            _FILES[2]: "md5:bef4ecab320f06d8554ea6380940ec79",
            _FILES[3]: "md5:bb300cfdad3c16e7a12a480ee83cd310",
        },
        releases=(
            _Release("fashion-mnist"),
            _Release("fashion_mnist"),
            _Release(
                "fashion_mnist_v1",
                prefix="fashion-v1-",
                note="first release of August 2017, since replaced: 10 of its test pictures are in train",
            ),
        ),
        classes=(
            *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
            *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        ),
    ),
}

BUILT_IN = ("digits", *_PUBLISHED)
"""Names that :func:`layerwise.data.load` knows."""


def load_built_in(name: str, *, cache: Path | None = None, progress: bool = False) -> Dataset:
    """Load one of :data:`BUILT_IN`.

    Parameters
    ----------
    name : str
    cache : Path, optional
        Where downloads are kept; the user's cache directory by default.
    progress : bool
        Whether downloads show a progress bar on stderr.

    Raises
    ------
    DataError
        Where the files are not in LAYERWISE_DATA, cannot be downloaded or are damaged.
    StorageError
        Where the cache cannot be written to.
    """
    if name == "digits":
        return _digits()
    published = _PUBLISHED[name]
    if folder := os.environ.get("LAYERWISE_DATA"):
        return _from_folder(name, published, Path(folder).expanduser())
    mirror = os.environ.get("LAYERWISE_MIRROR")
    url = f"{mirror.rstrip('/')}/{name}/" if mirror else published.home
    cache = cache or cache_folder()
    remedy = (
        f"check the connection and try again, or put the four files into a folder {name} and name the folder above it "
        "in LAYERWISE_DATA"
    )
    paths = fetch(url, published.checksums, cache / name, published.title, remedy, progress=progress)
    return _dataset(name, published, paths, f"{published.title}, from {url}, checksums verified")


def _digits() -> Dataset:
    from sklearn import datasets

    load: Any = datasets.load_digits
    bunch = load()
    # Whole numbers from 0 to 16, though scikit-learn gives them as float64.
    values, labels = bunch.data.astype(np.uint8), bunch.target
    rows = Rows.from_arrays(values, labels, picture=(8, 8), full_scale=16.0, name="digits")
    return Dataset(
        "digits", rows, None, "digits, 1797 pictures of 8 × 8 pixels that come with scikit-learn (UCI, 1998)"
    )


def _from_folder(name: str, published: _Published, folder: Path) -> Dataset:
    for release in published.releases:
        place = folder / release.folder
        paths = [_present(place / f"{release.prefix}{file}") for file in _FILES]
        found = [path for path in paths if path is not None]
        if len(found) == len(_FILES):
            note = f" ({release.note})" if release.note else ""
            return _dataset(name, published, found, f"{published.title}{note}, from {place}")
        if found:
            missing = _FILES[paths.index(None)]
            rule = f"{published.title} needs {release.prefix}{missing} beside {found[0].name}"
            raise DataError("LAYERWISE_DATA", place, rule, "complete the folder, or unset LAYERWISE_DATA to download")
    places = " or ".join(f"{release.folder}/{release.prefix}{_FILES[0]}" for release in published.releases)
    rule = f"must hold {published.title} as {places} and the three files that belong to it"
    raise DataError("LAYERWISE_DATA", folder, rule, "put the files there, or unset LAYERWISE_DATA to download them")


def _present(path: Path) -> Path | None:
    unpacked = path.with_suffix("")
    return path if path.is_file() else unpacked if unpacked.is_file() else None


def _dataset(name: str, published: _Published, paths: list[Path], source: str) -> Dataset:
    images, labels, test_images, test_labels = paths
    return parts_to_dataset(name, source, (images, labels), (test_images, test_labels), published.classes)
