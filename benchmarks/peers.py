"""The other libraries that layerwise is measured against, each in a virtual environment of its own.

    python benchmarks/peers.py                               make those that are missing
    python benchmarks/peers.py --rbms-python python3.12      the same, with this Python for rbms

They lie in ``benchmarks/.peers``, or in the folder that ``--folder`` or ``LAYERWISE_PEERS`` names, and take the torch
that constraints.txt pins, so that all of them run on the same one.

rbms asks for Python 3.12. On an older one it is installed all the same, with the one line changed that needs 3.12
(:data:`PEERS`); every results file says so. Where only Python 3.11 has a CPU build of torch at hand, that spares
gigabytes of CUDA libraries which a run on the CPU does not use.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / "constraints.txt"
DEFAULT_FOLDER = Path(__file__).resolve().parent / ".peers"


@dataclass(frozen=True)
class Edit:
    """One line of an installed file, replaced so that a Python older than the library asks for can read it."""

    file: str
    old: str
    new: str
    why: str


@dataclass(frozen=True)
class Peer:
    """A library, what it needs beside torch, and what an older Python than it asks for takes."""

    name: str
    requirement: str
    needs: tuple[str, ...]
    python: tuple[int, int]
    edits: tuple[Edit, ...] = ()


PEERS = {
    peer.name: peer
    for peer in (
        Peer(
            name="rbms",
            requirement="rbms==0.6.0",
            needs=("h5py>=3.14", "matplotlib>=3.8", "numpy>=2", "tqdm>=4.65"),
            python=(3, 12),
            edits=(
                Edit(
                    file="rbms/potts_bernoulli/classes.py",
                    old="from typing import override",
                    new="from typing_extensions import override",
                    why="typing.override is new in Python 3.12; it marks a method and does nothing when that runs",
                ),
            ),
        ),
        Peer(
            name="learnergy",
            requirement="learnergy==2.0.2",
            needs=("matplotlib>=3.10.9", "numpy>=2", "pillow>=8.1.2", "scikit-image>=0.26"),
            python=(3, 11),
        ),
    )
}


@dataclass(frozen=True)
class Installed:
    """A peer that is ready to run: its interpreter, and the edits that were made."""

    python: Path
    edits: tuple[str, ...]


def install(peer: Peer, folder: Path, python: str = sys.executable) -> Installed:
    """Make the peer's environment, or take the one that is there already and complete.

    Raises
    ------
    subprocess.CalledProcessError
        Where pip fails; the environment is then made anew next time.
    ValueError
        Where the line that is to be edited is not what it was in the pinned version.
    """
    place = folder / peer.name
    record = place / "installed.json"
    interpreter = place / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    wanted = {"peer": json.loads(json.dumps(asdict(peer))), "torch": _pinned_torch()}
    if record.exists():
        found = json.loads(record.read_text(encoding="utf-8"))
        if all(found[key] == wanted[key] for key in wanted):
            return Installed(interpreter, tuple(found["edits"]))
    if place.exists():
        shutil.rmtree(place)
    print(f"Installing {peer.requirement} in an environment of its own ...", flush=True)
    subprocess.run([python, "-m", "venv", str(place)], check=True)
    pip = [str(interpreter), "-m", "pip", "install", "-qq", "--constraint", str(CONSTRAINTS)]
    # torch first and by its exact pin: asked for as a range, it would bring the newest build.
    subprocess.run([*pip, wanted["torch"]], check=True)
    subprocess.run([*pip, *peer.needs], check=True)
    subprocess.run([*pip, "--no-deps", "--ignore-requires-python", peer.requirement], check=True)
    edits = _edit(peer, interpreter)
    record.write_text(json.dumps({**wanted, "edits": edits}, indent=1) + "\n", encoding="utf-8")
    return Installed(interpreter, tuple(edits))


def _edit(peer: Peer, interpreter: Path) -> list[str]:
    asked = "import sys, sysconfig; print(*sys.version_info[:2], sysconfig.get_path('purelib'), sep='\\n')"
    answer = subprocess.run([str(interpreter), "-c", asked], capture_output=True, text=True, check=True).stdout
    major, minor, packages = answer.splitlines()
    if (int(major), int(minor)) >= peer.python:
        return []
    for edit in peer.edits:
        path = Path(packages) / edit.file
        source = path.read_text(encoding="utf-8")
        if source.count(edit.old + "\n") != 1:
            raise ValueError(
                f"{edit.file} of {peer.requirement} has not the one line {edit.old!r} that was to be edited"
            )
        path.write_text(source.replace(edit.old + "\n", edit.new + "\n"), encoding="utf-8")
    return [f"{edit.file}: {edit.old!r} became {edit.new!r} ({edit.why})" for edit in peer.edits]


def _pinned_torch() -> str:
    return next(line for line in CONSTRAINTS.read_text(encoding="utf-8").splitlines() if line.startswith("torch=="))


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of every command that runs peers."""
    folder = os.environ.get("LAYERWISE_PEERS", str(DEFAULT_FOLDER))
    parser.add_argument("--folder", type=Path, default=Path(folder), help="where the peers' environments lie or go")
    parser.add_argument("--rbms-python", default=sys.executable, help="the Python that makes rbms's environment")


def install_all(options: argparse.Namespace) -> dict[str, Installed]:
    """Every peer, made where it is missing."""
    pythons = {"rbms": options.rbms_python}
    return {
        name: install(peer, options.folder.resolve(), pythons.get(name, sys.executable)) for name, peer in PEERS.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    for name, installed in install_all(parser.parse_args()).items():
        print(f"{name}: {installed.python}", *installed.edits, sep="\n    ")


if __name__ == "__main__":
    main()
