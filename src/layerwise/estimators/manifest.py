"""``estimator.toml``: which class was saved, by which layerwise, with which parameters, and to which model it belongs.

Parameters that are numbers, texts, truth values or tuples of these stand here; ``unset`` names those that are None. Any
other is kept with what was learned, in the model's file.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

from layerwise.data.limits import LONGEST_KEY, text_of, toml_of
from layerwise.errors import RunError

__all__ = ["FORMAT", "Manifest", "can_be_said"]

FORMAT = 1
"""Of the whole folder. It grows when an older layerwise could misread what a newer one writes."""
_HEADER = """\
# An estimator of layerwise: layerwise.load(FOLDER) opens it. To change a parameter load it, call set_params and save it
# again; a file that was changed by hand is refused.
"""


@dataclass(frozen=True)
class Manifest:
    """What the file says.

    Parameters
    ----------
    estimator : str
        Name of the class.
    parameters : mapping
        Those that :func:`can_be_said`.
    model : str
        Checksum of the model's file.
    layerwise : str
        The version that wrote it.
    """

    estimator: str
    parameters: Mapping[str, Any]
    model: str
    layerwise: str = version("layerwise")

    def to_text(self) -> str:
        """The file's content."""
        import tomli_w

        unset = [name for name, value in self.parameters.items() if value is None]
        tables: dict[str, Any] = {"format": FORMAT, "layerwise": self.layerwise, "estimator": self.estimator}
        tables |= {"model": self.model, "unset": unset}
        tables["parameters"] = {name: value for name, value in self.parameters.items() if value is not None}
        body = tomli_w.dumps(tables)
        return f'{_HEADER}checksum = "{_checksum(body)}"\n{body}'

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """Read the file.

        Raises
        ------
        RunError
            It is missing, damaged, changed by hand, a link, or of a newer format.
        """
        remedy = "use a copy of it"
        try:
            if path.is_symlink() or not path.is_file():
                rule = "is no file of its own, so this is no estimator's folder"
                raise RunError(path.name, path.parent, rule, "name a folder that an estimator's save() made")
            text = text_of(path)
            tables = toml_of(text)
            number = tables["format"]
            if isinstance(number, int) and number > FORMAT:
                rule = f"is of format {number}, by layerwise {tables.get('layerwise')}; this layerwise reads {FORMAT}"
                raise RunError(path.name, path.parent, rule, "update it: pip install --upgrade layerwise")
            if number != FORMAT or tables.pop("checksum") != _checksum(_without_checksum(text)):
                rule = "is damaged or was changed by hand: its checksum does not fit"
                raise RunError(path.name, path.parent, rule, remedy)
            parameters = {name: _tuples(value) for name, value in tables["parameters"].items()}
            parameters |= dict.fromkeys(tables["unset"])
            return cls(str(tables["estimator"]), parameters, str(tables["model"]), str(tables["layerwise"]))
        except (OSError, LookupError, TypeError, ValueError, AttributeError) as problem:
            if isinstance(problem, RunError):
                raise
            rule = f"is damaged and cannot be read ({' '.join(str(problem).split())})"
            raise RunError(path.name, path.parent, rule, remedy) from problem


def can_be_said(value: object) -> bool:
    """Whether a parameter can stand in the file and come back as it was, to its type."""
    if type(value) is tuple:
        return all(item is not None and can_be_said(item) for item in cast("tuple[object, ...]", value))
    return (
        value is None
        or type(value) in (bool, int, float)
        or (type(value) is str and value.isprintable() and len(value) <= LONGEST_KEY)
    )


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in cast("list[Any]", value)) if isinstance(value, list) else value


def _without_checksum(text: str) -> str:
    """What the checksum is of: all that follows it."""
    return re.split(r'^checksum = ".*"\n', text, maxsplit=1, flags=re.MULTILINE)[1]


def _checksum(body: str) -> str:
    return hashlib.blake2b(body.encode(), digest_size=16).hexdigest()
