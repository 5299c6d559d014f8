"""The reference has an entry for each public name of each room: one that is added cannot be left out."""

from __future__ import annotations

import pkgutil
import sys
from importlib import import_module
from pathlib import Path

import pytest

import layerwise

SITE = Path(__file__).resolve().parents[1] / "docs" / "site"
ROOMS = [room.name for room in pkgutil.iter_modules(layerwise.__path__) if not room.name.startswith("_")]


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(SITE), *sys.path])
        return import_module("reference").pages()


@pytest.mark.parametrize("name", [name for name in layerwise.__all__ if not name.startswith("_")])
def test_every_public_name_of_the_root_has_a_page(name: str, pages: dict[str, str]) -> None:
    assert f":: layerwise.{name}\n" in pages[f"layerwise.{name}"]


@pytest.mark.parametrize("room", ROOMS)
def test_every_public_name_of_a_room_has_one_entry(room: str, pages: dict[str, str]) -> None:
    module = import_module(f"layerwise.{room}")
    for name in getattr(module, "__all__", ()):
        where = "layerwise" if getattr(module, name) is getattr(layerwise, name, None) else module.__name__
        assert sum(f":: {where}.{name}\n" in page for page in pages.values()) == 1, name
