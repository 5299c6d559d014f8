"""Every package the project names is pinned, so that a fresh environment is the one the tests passed in."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
TRACKERS = ("mlflow", "tensorboard", "wandb")
"""Extras that no test needs: doubles stand in their place, and their users have versions of their own."""
LINES = (ROOT / "constraints.txt").read_text().splitlines()


def canonical(requirement: str) -> str:
    name = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert name is not None
    return re.sub(r"[-_.]+", "-", name[0]).lower()


def test_every_constraint_is_one_public_version() -> None:
    assert [line for line in LINES if not re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][0-9a-z.]*", line)] == []


def test_every_requirement_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    named = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    for extra, requirements in project["project"]["optional-dependencies"].items():
        if extra not in TRACKERS:
            named += requirements
    assert {canonical(name) for name in named} - {canonical(line) for line in LINES} == {"layerwise"}
