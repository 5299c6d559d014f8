"""The card of a saved estimator, ``README.md``: what it learned from, by which recipe, how well, and its limits."""

from __future__ import annotations

import inspect
import math
from pathlib import Path
from typing import Any, cast

from sklearn import base, utils
from sklearn.base import BaseEstimator

from layerwise.estimators.curves import Curve

__all__ = ["card_of", "is_own_card"]

MARK = "<!-- Written by layerwise. Take this line out, and later saves leave the page as it is. -->"
OF_CURVES = """
What a curve calls unseen, gap or validation is of rows held out in training, all else of rows learned.
`learning_curves.jsonl` holds every epoch.
"""
LISTED = 20
_NOT_FIGURES = ("n_features_in_", "n_layers_", "n_outputs_", "t_")


def card_of(estimator: BaseEstimator, curves: dict[str, Curve], name: str, data: str, limits: str) -> str:
    """The page of an estimator.

    Parameters
    ----------
    estimator : estimator
        Fitted.
    curves : dict of str to list
        As :func:`~layerwise.estimators.curves.curves_of` gives them.
    name : str
        Of the folder.
    data, limits : str
        What the caller says of the rows and of what the estimator is not for.
    """
    kind, of_sklearn = type(estimator), cast(Any, base)
    task = "classification" if of_sklearn.is_classifier(estimator) else ""
    task = "regression" if of_sklearn.is_regressor(estimator) else task
    about = (inspect.getdoc(kind) or "").split("\n\n")[0].replace("\n", " ")
    parts = [
        "---",
        "library_name: layerwise",
        *([f"pipeline_tag: tabular-{task}"] if task else []),
        f"tags:\n- layerwise\n- {kind.__name__}",
        "---",
        MARK,
        f"\n# {name or kind.__name__}\n\n{about}\n",
        f'```python\nimport layerwise\n\nmodel = layerwise.load("{name}")\n```\n',
        "## Data\n",
        f"{data.strip() or 'Where the rows come from was not told when this was saved.'}\n",
        *_columns(estimator),
        "\n## Recipe\n",
        f"```python\nlayerwise.{estimator!r}\n```\n",
        "Every other parameter has its default; `estimator.toml` lists them all.\n",
        "## Figures\n",
        *_figures(estimator, curves),
        *([OF_CURVES] if curves else [""]),
        "## Limits\n",
        *([f"{limits.strip()}\n"] if limits.strip() else []),
        *_limits(estimator),
    ]
    return "\n".join(parts) + "\n"


def is_own_card(path: Path) -> bool:
    """Whether there is no such page yet, or one that nobody claimed for himself."""
    if path.is_symlink() or not path.exists():
        return not path.is_symlink()
    try:
        return path.is_file() and MARK in path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False


def _columns(estimator: Any) -> list[str]:
    lines = [f"- {estimator.n_features_in_} columns{_named(estimator, 'feature_names_in_')}"]
    if hasattr(estimator, "preparation_"):
        spec: dict[str, Any] = estimator.preparation_.spec()
        kinds = [f"{part.get('size') or sum(part['categories'])} {part['kind']}" for part in spec.get("parts", [spec])]
        lines.append(f"- read as units: {', '.join(kinds)}")
    if hasattr(estimator, "classes_"):
        lines.append(f"- {len(estimator.classes_)} classes{_named(estimator, 'classes_')}")
    return lines


def _named(estimator: Any, attribute: str) -> str:
    if not hasattr(estimator, attribute):
        return ""
    names = [str(name) for name in getattr(estimator, attribute)]
    return f": {', '.join(names[:LISTED])}" + (", …" if len(names) > LISTED else "")


def _figures(estimator: object, curves: dict[str, Curve]) -> list[str]:
    rows = [
        f"| {title} | {len(curve)} | {measure.replace('_', ' ')} | {_said(curve[0][measure])} | {_said(value)} |"
        for title, curve in curves.items()
        for measure, value in curve[-1].items()
        if not math.isnan(value)
    ]
    kept = vars(estimator).items()
    public = {name: value for name, value in kept if name.endswith("_") and not name.startswith("_")}
    numbers = [
        f"- `{name}` = {_said(value)}"
        for name, value in public.items()
        if name not in _NOT_FIGURES and isinstance(value, int | float) and not isinstance(value, bool)
    ]
    head = ["| curve | epochs | measure | first | last |", "| --- | ---: | --- | ---: | ---: |"] if rows else []
    return [*head, *rows, *([""] if rows and numbers else []), *numbers]


def _said(value: float | int) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _limits(estimator: Any) -> list[str]:
    tags = cast(Any, utils).get_tags(estimator)
    lines = ["- Its figures are of its own rows. Measure it on rows of your own before anything depends on it."]
    lines.append(f"- It knows rows of the {estimator.n_features_in_} columns above and refuses others.")
    gaps = "Missing cells are filled by the model itself" if tags.input_tags.allow_nan else "No cell may be missing"
    lines.append(f"- {gaps}.")
    if hasattr(estimator, "classes_"):
        lines.append("- It knows the classes above and no others, whatever row it is shown.")
    return lines
