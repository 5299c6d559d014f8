"""Help is there for every command, and quick."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

COMMANDS = ("train", "resume", "show", "evaluate", "transform", "sample", "likelihood", "impute")
Command = Any


def test_the_root_lists_every_command(layerwise: Command) -> None:
    for arguments in ((), ("--help",), ("-h",)):
        shown = layerwise(*arguments)
        assert shown.code == 0
        assert all(f" {command} " in shown.out for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself_with_an_example(layerwise: Command, command: str) -> None:
    shown = layerwise(command, "--help")
    assert shown.code == 0
    assert "For example:" in shown.out
    assert f"layerwise {command} " in shown.out.split("For example:")[1]


def test_the_version_is_said(layerwise: Command) -> None:
    assert layerwise("--version").out.startswith("layerwise 0.")


def test_help_imports_nothing_heavy() -> None:
    code = "import sys; from layerwise.cli import main; main(['train', '--help']); "
    code += "print(*({'torch', 'numba', 'sklearn', 'matplotlib', 'numpy'} & set(sys.modules)), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.split() == []


def test_the_module_is_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "layerwise", "shw"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "layerwise: No such command 'shw'. Did you mean 'show'?; see `layerwise --help`\n"
