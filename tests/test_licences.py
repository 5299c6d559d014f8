"""What layerwise needs, and what that needs in turn, says a licence under which it may be passed on with BSD code."""

from __future__ import annotations

import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution, requires

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

FREE = re.compile(
    r"\b(BSD|MIT|MIT-CMU|Apache|ISC|PSF|Python Software Foundation|HPND|MPL|Mozilla|Zlib|Unlicense|0BSD|CC0)", re.I
)
STRONG = re.compile(r"(?<!L)(?<!Lesser )\b(A?GPL|GNU (Affero )?General)", re.I)


def needed() -> dict[str, Distribution]:
    """The installed packages that an installation of layerwise with its extras for users brings."""
    found: dict[str, Distribution] = {}
    waiting = [("layerwise", frozenset({"data", "onnx"}))]
    while waiting:
        name, extras = waiting.pop()
        for text in requires(name) or ():
            requirement = Requirement(text)
            asked = [{"extra": extra} for extra in ("", *extras)]
            if requirement.marker is not None and not any(requirement.marker.evaluate(extra) for extra in asked):
                continue
            key = canonicalize_name(requirement.name)
            if key in found:
                continue
            try:
                found[key] = distribution(requirement.name)
            except PackageNotFoundError:
                continue  # of another platform, or of a GPU
            waiting.append((requirement.name, frozenset(requirement.extras)))
    return found


def said(package: Distribution) -> str:
    about = package.metadata
    classifiers = [text for text in about.get_all("Classifier") or () if text.startswith("License ::")]
    return " / ".join(filter(None, [about.get("License-Expression"), (about.get("License") or "")[:200], *classifiers]))


NEEDED = needed()


def test_the_walk_finds_them_all() -> None:
    assert {"torch", "numpy", "safetensors", "pyarrow", "pydantic-core", "pillow"} <= set(NEEDED)


@pytest.mark.parametrize("name", sorted(NEEDED))
def test_a_licence_may_be_passed_on(name: str) -> None:
    licence = said(NEEDED[name])
    assert FREE.search(licence), f"{name} says {licence!r}"
    assert not STRONG.search(licence), f"{name} says {licence!r}"
