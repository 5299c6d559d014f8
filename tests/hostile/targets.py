"""Every reader of files, with good files to begin from: what the property tests and the fuzzer damage.

A target writes content where its reader looks for it, and reads. It may answer, or raise a LayerwiseError: everything
else is a crash.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

ROWS = (np.arange(24, dtype=np.uint8).reshape(6, 4) * 7) % 11
CSV = b"a,b,kind,target\n1,0.5,x,yes\n2,0.25,y,no\n3,-1,x,yes\n,4.5,,no\n"
FASTA = b">one\nAC-DE\n>two\nACXDE\n>three\nGC.DE\n"
RECIPE = b"""version = 1
[data]
source = "digits"
labels = 40
[training]
model = "dbn"
hidden = [12, 8]
epochs = 2
[run]
seed = 3
repeats = 1
"""
METRICS = (
    b'{"repeat": 0, "stage": "layer 1", "epoch": 1, "reconstruction_error": 3.5, "flow": null, "seconds": 0.1}\n'
    b'{"repeat": 0, "stage": "layer 1", "epoch": 2, "reconstruction_error": 3.25, "flow": null, "seconds": 0.2}\n'
    b'{"repeat": 0, "stage": "net", "epoch": 1, "of_neurons": [1, 2], "flow": {"names": ["a"], "gradient": [1.0]}}\n'
    b'{"repeat": 0, "result": {"seed": 0, "data": "x", "rows": 5, "columns": 4, "labelled": 2, "scored": 1, "layers": '
    b'[{"size": 3, "reconstruction_error": 1.0, "free_energy_gap": null}], "accuracies": {"network": 0.5}, '
    b'"seconds": 0.3}}\n'
)


@dataclass(frozen=True)
class Target:
    """A reader.

    Parameters
    ----------
    name : str
        Of the file that it reads.
    seeds : callable
        Good files of its kind.
    read : callable
        Given the path of the file.
    sign : callable
        Makes content of damaged content whose checksums are right: what is behind them is looked at, too.
    """

    name: str
    seeds: Callable[[], list[bytes]]
    read: Callable[[Path], object]
    sign: Callable[[bytes], bytes] = lambda content: content


def targets() -> dict[str, Target]:
    """All of them by name."""
    from layerwise.data import sources

    files = {
        "idx": ("rows-idx2-ubyte", [idx()]),
        "idx.gz": ("rows-idx2-ubyte.gz", [gzip.compress(idx(), mtime=0)]),
        "npy": ("rows.npy", [saved(np.save, ROWS), saved(np.save, ROWS.astype(">f4").T)]),
        "npz": ("rows.npz", [npz(np.savez), npz(np.savez_compressed), sparse("csr"), sparse("coo")]),
        "csv": ("rows.csv", [CSV, b"a,b\n1,2\n3,4\n"]),
        "parquet": ("rows.parquet", [parquet("snappy"), parquet("none")]),
        "fasta": ("rows.fasta", [FASTA]),
        "fasta.gz": ("rows.fasta.gz", [gzip.compress(FASTA, mtime=0)]),
    }
    found = {kind: Target(name, lambda seeds=seeds: seeds, sources.load) for kind, (name, seeds) in files.items()}
    for kind in ("png", "gif", "bmp", "ppm", "tiff", "jpeg", "webp"):
        found[kind] = Target(
            f"pictures/one.{kind}", lambda kind=kind: [picture(kind)], lambda path: sources.load(path.parent)
        )
    found["arrow, streamed"] = Target(
        "rows.arrow", lambda: [arrow("uncompressed"), arrow("zstd"), arrow_stream()], streamed
    )
    found["parquet, streamed"] = Target("rows.parquet", lambda: [numbers("snappy"), numbers("none")], streamed)
    found["csv, streamed"] = Target(
        "rows.csv", lambda: [b"a,b,target\n1,0.5,x\n3,4,y\n", b"a,target\n2,0\n,1\n"], streamed
    )
    found["npy, streamed"] = Target("rows.npy", lambda: [saved(np.save, ROWS), saved(np.save, ROWS * 0.5)], streamed)
    found["folder, streamed"] = Target(
        "rows/year=2024/0.parquet", lambda: [numbers("snappy")], lambda path: streamed(path.parents[1])
    )
    for kind in ("csv", "parquet"):
        found[f"{kind} by columns"] = Target(files[kind][0], lambda kind=kind: files[kind][1], by_columns)
    found["recipe.toml"] = Target("recipe.toml", lambda: [RECIPE], recipe)
    found["metrics.jsonl"] = Target("metrics.jsonl", lambda: [METRICS], metrics)
    found["model"] = Target("run/model.safetensors", lambda: models(), model)
    found["model, signed"] = Target("run/model.safetensors", lambda: [told(one) for one in models()], model, signed)
    found["estimator.toml"] = Target("saved/estimator.toml", lambda: [estimators()[0][0]], estimator_by_manifest)
    found["estimator"] = Target("saved/model.safetensors", lambda: [two for _, two in estimators()], estimator)
    found["estimator, signed"] = Target(
        "saved/model.safetensors", lambda: [told(two) for _, two in estimators()], estimator, signed
    )
    return found


def idx() -> bytes:
    return b"\0\0\x08\x02" + struct.pack(">2I", *ROWS.shape) + ROWS.tobytes()


def saved(save: Any, *arrays: Any, **named: Any) -> bytes:
    file = io.BytesIO()
    save(file, *arrays, **named)
    return file.getvalue()


def npz(save: Any) -> bytes:
    return saved(save, X=ROWS, y=np.array(["a", "b", "a", "", "b", "a"]), X_test=ROWS[:2])


def sparse(form: str) -> bytes:
    from scipy import sparse as scipy_sparse

    module: Any = scipy_sparse
    return saved(module.save_npz, module.csr_matrix(ROWS).asformat(form))


def parquet(compression: str) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {"a": [1, 2, 3], "b": [0.5, 1.5, 2.5], "kind": ["x", "y", "x"], "target": ["yes", "no", "yes"]}
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file, compression=compression, write_page_checksum=True)
    return file.getvalue()


def numbers(compression: str) -> bytes:
    """A Parquet file that a stream takes: two row groups of numbers and a target."""
    import pyarrow.parquet as pq

    file = io.BytesIO()
    pq.write_table(numeric_table(), file, compression=compression, write_page_checksum=True, row_group_size=2)
    return file.getvalue()


def arrow(compression: str) -> bytes:
    """The same as an Arrow file of two batches."""
    import pyarrow.feather as feather

    file = io.BytesIO()
    feather.write_feather(numeric_table(), file, compression=compression, chunksize=2)
    return file.getvalue()


def arrow_stream() -> bytes:
    """The same in the streaming format, packed."""
    import pyarrow as pa

    table, file = numeric_table(), io.BytesIO()
    with pa.ipc.new_stream(file, table.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
        writer.write_table(table, max_chunksize=2)
    return file.getvalue()


def numeric_table() -> Any:
    import pyarrow as pa

    return pa.table({"a": [1, 2, 3], "b": [0.5, 1.5, 2.5], "target": ["yes", "no", "yes"]})


def picture(kind: str) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(np.tile(ROWS * 20, (2, 2))).save(file, format=kind)
    return file.getvalue()


def streamed(path: Path) -> None:
    """An epoch over rows that stay on disk, of which a window holds 64 bytes: some of these rows, not all."""
    from layerwise.data import Minibatches, Preparation, sources
    from layerwise.randomness import RandomStream

    target = None if path.suffix == ".npy" else "target"
    rows = sources.load(path, stream=True, target=target, missing=True, window=64, cache=path.parent).train
    for batch in Minibatches(rows, Preparation.fit(rows, "gaussian"), 2, RandomStream(0)).epoch(0):
        assert batch.values.shape[1] == rows.n_columns


def by_columns(path: Path) -> None:
    from layerwise.data.column_tables import load_columns

    load_columns(path, "target")


def recipe(path: Path) -> None:
    from layerwise.runs.draft import Draft

    Draft.from_file(path).complete()


def metrics(path: Path) -> None:
    from layerwise.runs.metrics import Metrics
    from layerwise.runs.result import Result, error_scores, scores

    for count in (None, 2):
        read = Metrics.read(path, count)
        results = [Result.from_line(line) for line in read.results()]
        assert read.curves() is not None
        assert read.flows() is not None
        assert (scores(results), error_scores(results), read.mistakes(0), read.diverged) is not None


def model(path: Path) -> None:
    from layerwise.runs.model import Model

    Model.load(path)


def estimator(path: Path) -> None:
    """By a manifest that names the model as it is: what an attacker would write."""
    import layerwise
    from layerwise.estimators.manifest import Manifest
    from layerwise.training.checkpoint import checksum_of

    path.with_name("estimator.toml").write_text(Manifest("RBM", {}, str(checksum_of(path))).to_text())
    layerwise.load(path.parent)


def estimator_by_manifest(path: Path) -> None:
    import layerwise

    path.with_name("model.safetensors").write_bytes(estimators()[0][1])
    layerwise.load(path.parent)


@cache
def models() -> list[bytes]:
    """Models of runs: a belief network, a machine of a table's columns, a network."""
    import tempfile

    import torch

    from layerwise.data.preparation import Preparation
    from layerwise.energy import RBM, BeliefNet
    from layerwise.networks import sigmoid_stack
    from layerwise.randomness import RandomStream
    from layerwise.runs.energy_model import EnergyModel
    from layerwise.runs.network_model import NetworkModel
    from layerwise.training.plans import PLANS
    from layerwise.units import BernoulliUnits

    common: dict[str, Any] = {
        "classes": ("no", "yes"),
        "columns": ("a", "b", "c", "d"),
        "picture": (2, 2),
        "full_scale": 1.0,
    }
    common |= {"preparation": Preparation("bernoulli", torch.zeros(4), torch.ones(4)), "provenance": {"seed": 1}}
    rbm = RBM(BernoulliUnits(4), BernoulliUnits(3))
    plan: Any = PLANS["mlp"](hidden=(3,))
    network = plan.network({"kind": "bernoulli", "size": 4}, 2, RandomStream(0))
    found = [
        EnergyModel(net=BeliefNet([rbm]), network=sigmoid_stack([4, 3], 2), mean=None, **common),
        EnergyModel(net=BeliefNet([rbm]), network=None, mean=torch.zeros(4), kind="rbm", **common),
        NetworkModel(network=network, plan=plan, kind="mlp", **common),
    ]
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "model.safetensors"
        return [(one.save(path), path.read_bytes())[1] for one in found]


@cache
def estimators() -> list[tuple[bytes, bytes]]:
    """Manifest and model of saved estimators."""
    import tempfile
    import warnings

    import layerwise

    found: list[tuple[bytes, bytes]] = []
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        X = (ROWS > 5).astype(np.float32)
        made = [layerwise.RBM(2, n_iter=1, random_state=0), layerwise.MLPClassifier((3,), max_iter=1, random_state=0)]
        for place, one in enumerate(made):
            folder = one.fit(X, np.array([0, 1, 0, 1, 0, 1])).save(Path(name) / str(place))
            found.append(((folder / "estimator.toml").read_bytes(), (folder / "model.safetensors").read_bytes()))
    return found


def told(content: bytes) -> bytes:
    """The tree of a safe file as text, with its tensors' names and shapes: what :func:`signed` makes a file of."""
    from safetensors.torch import load

    length = int.from_bytes(content[:8], "little")
    about = json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["layerwise"])
    tensors = {name: [str(t.dtype).removeprefix("torch."), list(t.shape)] for name, t in sorted(load(content).items())}
    return json.dumps({"kind": about["kind"], "tensors": tensors, "tree": json.loads(about["tree"])}).encode()


def signed(content: bytes) -> bytes:
    """A safe file with a right checksum; foreign bytes where the content tells of none."""
    import torch
    from safetensors.torch import save

    from layerwise.training.checkpoint import _checksum  # pyright: ignore[reportPrivateUsage]

    try:
        parts = json.loads(content)
        tensors = {
            str(name): torch.ones([min(int(size), 50) for size in shape[:4]], dtype=getattr(torch, kind))
            for name, (kind, shape) in parts["tensors"].items()
        }
        tree, kind = json.dumps(parts["tree"]), str(parts["kind"])
        about = {"format": "layerwise-tree-1", "kind": kind, "checksum": _checksum(tree, tensors), "tree": tree}
        return save(tensors, {"layerwise": json.dumps(about)})
    except Exception:
        return hashlib.blake2b(content).digest()
