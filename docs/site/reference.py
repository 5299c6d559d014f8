"""One page of reference for each estimator and for each room, made of what ``__all__`` names: none can be forgotten."""

from __future__ import annotations

import inspect
import pkgutil
import re
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer

import layerwise


def rooms() -> list[ModuleType]:
    """The modules under the root that have public names of their own."""
    names = [found.name for found in pkgutil.iter_modules(layerwise.__path__) if not found.name.startswith("_")]
    modules = [import_module(f"layerwise.{name}") for name in names]
    return [module for module in modules if set(public_names(module)) - set(layerwise.__all__)]


def public_names(module: ModuleType) -> list[str]:
    """What a module says is public, without the version."""
    return [name for name in getattr(module, "__all__", ()) if not name.startswith("__")]


def home_of(module: ModuleType, name: str) -> str:
    """The module that a public name is written in."""
    home = getattr(getattr(module, name), "__module__", None)
    return home if isinstance(home, str) and home.startswith(module.__name__) else module.__name__


def entry(module: ModuleType, name: str) -> str:
    """The directive that documents a name."""
    thing = getattr(module, name)
    if inspect.isclass(thing):
        return f".. autoclass:: {module.__name__}.{name}\n   :members:\n   :inherited-members:\n"
    if inspect.isroutine(thing):
        return f".. autofunction:: {module.__name__}.{name}\n"
    about = ModuleAnalyzer.for_module(module.__name__).find_attr_docs()["", name]
    return "\n".join([f".. py:data:: {module.__name__}.{name}", "", *(f"   {line}" for line in about)])


def room_page(room: ModuleType) -> str:
    """A room: what its docstring says, then each of its files that has public names."""
    names = {name: home_of(room, name) for name in public_names(room)}
    parts = [titled(room.__name__, "="), f".. automodule:: {room.__name__}\n   :no-members:\n"]
    for home in sorted(set(names.values())):
        if home != room.__name__:
            title = home.removeprefix(f"{room.__name__}.").replace("_", " ")
            parts += [titled(title, "-"), f".. automodule:: {home}\n   :no-members:\n   :no-index:\n"]
        parts += [entry(room, name) for name, where in names.items() if where == home]
    return "\n".join(parts)


def titled(title: str, line: str) -> str:
    """A heading."""
    return f"{title}\n{line * len(title)}\n"


def pages() -> dict[str, str]:
    """The reference's pages by name, in reStructuredText as the docstrings are."""
    estimators = {
        f"layerwise.{name}": titled(name, "=") + f"\n.. currentmodule:: layerwise\n\n{entry(layerwise, name)}"
        for name in public_names(layerwise)
    }
    return estimators | {room.__name__: room_page(room) for room in rooms()}


def write_pages(app: Sphinx) -> None:
    """Write the pages that changed, and take away those whose name is gone."""
    folder = Path(app.srcdir, "docs", "reference")
    folder.mkdir(exist_ok=True)
    made = {folder / f"{name}.rst": text for name, text in pages().items()}
    for path in set(folder.iterdir()) - set(made):
        path.unlink()
    for path, text in made.items():
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


def skip_strangers(app: Sphinx, what: str, name: str, member: Any, skip: bool, options: Any) -> bool | None:
    """Leave out what comes from torch and scikit-learn: their own reference tells it."""
    module = getattr(getattr(member, "fget", member), "__module__", None)
    return True if what == "class" and module is not None and not module.startswith("layerwise") else None


def escape_initials(app: Sphinx, what: str, name: str, member: Any, options: Any, lines: list[str]) -> None:
    """Keep a reference's "H. Author" from being read as the eighth point of a list."""
    lines[:] = [re.sub(r"^(\.\. \[[^\]]+\] [A-Z])\. ", r"\1\\. ", line) for line in lines]


def setup(app: Sphinx) -> dict[str, bool]:
    """Make the pages before Sphinx looks for them."""
    app.connect("config-inited", lambda app, config: write_pages(app))
    app.connect("autodoc-skip-member", skip_strangers)
    app.connect("autodoc-process-docstring", escape_initials)
    return {"parallel_read_safe": True}
