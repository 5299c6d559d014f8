"""Estimators that learn together come to what one process comes to, and all of them to the same bits."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch import Tensor, nn

import layerwise
from layerwise import BernoulliRBM, DBNClassifier, MLPClassifier
from layerwise.errors import OptionError, RankError
from layerwise.estimators import strategy as strategy_module
from layerwise.estimators.digest import digest_of
from layerwise.training.distributed import joined

SCRIPT = Path(__file__).with_name("rank_fits.py")
SINGLE = 2.0**-24
ROWS, STEPS, RATE, MOMENTUM = 26, 12, 0.1, 0.5
MOST = 16 * ROWS * SINGLE * STEPS * RATE / (1 - MOMENTUM)
"""Of docs/scaling.md and tests/training/test_ranks.py: two epochs of three minibatches, twice where layers follow."""
ADAM = 1e-3
"""The same of AdamW: a gradient near zero is left to rounding, and goes a step either way."""
BY_ADAM = ("DBNClassifier", "DBNRegressor")

ORDERS = ["2 fits", "1 fits", "2 mistakes", "2 shown", "2 group"]
FITS = [
    "BernoulliRBM",
    "BernoulliRBM, a step more",
    "RBM",
    "RBM, tempered",
    "RBM, a step more",
    "GaussianRBM",
    "ClassRBM",
    "ClassRBM, a step",
    "DBN",
    "DBNClassifier",
    "DBNRegressor",
    "MLPClassifier",
    "MLPClassifier, stopping",
    "MLPClassifier, an epoch",
    "MLPRegressor, stopping",
    "Autoencoder",
    "Autoencoder, a step",
    "StackedAutoencoder",
    "StackedAutoencoderClassifier",
]
X = np.random.default_rng(0).random((40, 5)).astype(np.float32)
Y = (X[:, 0] > 0.5).astype(int)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[int]]]:
    """A folder with what the ranks came to, and their exit codes by what was asked of them."""
    folder = tmp_path_factory.mktemp("ranks")
    alone = dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    subprocess.run([sys.executable, str(SCRIPT), str(folder), *ORDERS], env={**os.environ, **alone}, check=True)
    return folder, dict(zip(ORDERS, json.loads((folder / "codes.json").read_text()), strict=True))


def said(folder: Path, what: str) -> str:
    return "\n".join(path.read_text() for path in sorted(folder.glob(f"{what}*.log")))


def learned(estimator: Any) -> dict[str, Tensor]:
    """The parameters of all modules, by name."""
    found: dict[str, Tensor] = {}
    for name, value in vars(estimator).items():
        modules = value if isinstance(value, list) else [value]
        for number, module in enumerate(modules):
            if isinstance(module, nn.Module):
                found |= {f"{name} {number} {of}": tensor for of, tensor in module.state_dict().items()}
            elif name.endswith("_") and isinstance(module, np.ndarray) and module.dtype.kind == "f":
                found[f"{name} {number}"] = torch.from_numpy(module)
    return found


def drawn(estimator: Any) -> Tensor | None:
    if hasattr(estimator, "h_samples_"):
        return torch.from_numpy(estimator.h_samples_)
    state = vars(estimator).get("_state")
    if state is None:
        return None
    tempering = getattr(state, "tempering", None)
    return state.chains if tempering is None else tempering.chains.v


def test_every_estimator_with_a_strategy_is_tried() -> None:
    kinds = {name: getattr(layerwise, name) for name in layerwise.__all__}
    shared = {name for name, kind in kinds.items() if hasattr(kind, "get_params") and "strategy" in kind().get_params()}
    assert shared == {name.split(",")[0] for name in FITS}


@pytest.mark.parametrize("name", FITS)
def test_two_ranks_come_to_the_same_bits(done: Any, name: str) -> None:
    folder, codes = done
    assert codes["2 fits"] == [0, 0], said(folder, "fits")
    one, other = ((folder / f"{name} {rank} of 2" / "model.safetensors").read_bytes() for rank in (0, 1))
    assert one == other


@pytest.mark.parametrize("name", FITS)
def test_two_ranks_come_to_what_one_process_comes_to(done: Any, name: str) -> None:
    folder, codes = done
    assert codes["1 fits"] == [0], said(folder, "fits")
    shared, alone = (layerwise.load(folder / f"{name} 0 of {size}") for size in (2, 1))
    chains, own = drawn(shared), drawn(alone)
    assert (chains is None) == (own is None)
    assert chains is None or torch.equal(chains, own)
    parameters, others = learned(shared), learned(alone)
    assert parameters.keys() == others.keys() != set()
    most = ADAM if name.split(",")[0] in BY_ADAM else MOST
    for which, tensor in parameters.items():
        assert float((tensor.double() - others[which].double()).abs().max()) <= most, which
    for flow, other in zip(getattr(shared, "gradient_flow_", []), getattr(alone, "gradient_flow_", []), strict=True):
        assert flow.residual_norm == pytest.approx(other.residual_norm, rel=0.01)  # of one rank's rows it is another
    for count in ("n_iter_", "t_"):
        assert getattr(shared, count, None) == getattr(alone, count, None)


@pytest.mark.parametrize("name", ["RBM, a step more", "ClassRBM, a step", "Autoencoder, a step"])
def test_what_ranks_have_learned_goes_on_alone(done: Any, name: str) -> None:
    folder, _ = done
    shared, alone = (layerwise.load(folder / f"{name} 0 of {size}") for size in (2, 1))
    rows = (np.random.default_rng(1).random((9, 12)) < 0.4).astype(np.float32)
    more = (rows, rows[:, 0].astype(int)) if "Class" in name else (rows,)
    assert shared.strategy == "ddp"
    parameters, others = learned(shared.partial_fit(*more)), learned(alone.partial_fit(*more))
    for which, tensor in parameters.items():
        assert float((tensor.double() - others[which].double()).abs().max()) <= MOST, which


def test_a_process_group_that_is_there_is_used_and_left_alone(done: Any) -> None:
    folder, codes = done
    assert codes["2 group"] == [0, 0], said(folder, "group")
    assert [layerwise.load(folder / f"in a group {rank} of 2").n_iter_ for rank in (0, 1)] == [2, 2]


def test_a_mistake_ends_the_fit_on_all_ranks_and_the_next_one_begins(done: Any) -> None:
    folder, codes = done
    assert codes["2 mistakes"] == [0, 0], said(folder, "mistakes")
    first, second = (said(folder, f"mistakes {rank} of 2") for rank in (0, 1))
    for told in (first, second):
        complaint = "rank 1 has another parameter or other rows than rank 0; call fit with the same ones"
        assert f"rows: RankError: {complaint}" in told
        assert f"parameters: RankError: {complaint}" in told
        assert "penalty: OptionError: sparsity_target = 0.1: may mix the rows of a minibatch" in told
        assert "chains: OptionError: n_chains = 1: must be a whole number of at least 2" in told
    assert "seed: OptionError: random_state = None: must be a whole number where several" in first
    assert "seed: RankError: rank 0 could not go on, and said why" in second
    assert "callback: ZeroDivisionError" in first
    assert "callback: RankError: another rank is gone" in second


def test_only_the_first_rank_shows_and_tells_and_all_stop_where_it_asks(done: Any) -> None:
    folder, codes = done
    assert codes["2 shown"] == [1, 1], said(folder, "shown")  # the number of epochs
    told = said(folder, "shown 0 of 2")
    assert told.count("a callback was told") == 1
    assert told.count("Iteration 1, loss") == 1
    assert said(folder, "shown 1 of 2") == ""


def test_alone_nothing_changes() -> None:
    for kind, data in ((BernoulliRBM, (X,)), (partial(DBNClassifier, (4,), epochs=2, fine_tune_epochs=2), (X, Y))):
        one, other = (kind(random_state=0, strategy=strategy).fit(*data) for strategy in (None, "ddp"))
        for which, tensor in learned(one).items():
            assert torch.equal(tensor, learned(other)[which])
    assert clone(BernoulliRBM(strategy="ddp")).strategy == "ddp"
    assert pickle.loads(pickle.dumps(BernoulliRBM(strategy="ddp").fit(X))).strategy == "ddp"  # our own


@pytest.mark.parametrize("strategy", ["fsdp", 2, True])
def test_another_strategy_is_refused(strategy: Any) -> None:
    with pytest.raises(OptionError, match=r"strategy = .*: must be None, or 'ddp'"):
        BernoulliRBM(strategy=strategy).fit(X)


def test_a_solver_without_minibatches_has_none_to_share() -> None:
    with pytest.raises(OptionError, match="strategy = 'ddp': needs minibatches"):
        MLPClassifier(solver="lbfgs", strategy="ddp").fit(X, Y)


def test_a_worker_of_joblib_is_refused_where_there_are_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(strategy_module.current_process(), "name", "LokyProcess-1")
    with pytest.raises(OptionError, match="needs the process that torchrun started"):
        BernoulliRBM(strategy="ddp", random_state=0).fit(X)


def test_a_group_that_sums_nothing_on_the_cpu_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_backend_config", lambda: "cuda:nccl")
    with pytest.raises(RankError, match="does not sum numbers on the CPU"), joined():
        pass


def test_a_digest_knows_what_can_be_given() -> None:
    pandas, sparse = pytest.importorskip("pandas"), pytest.importorskip("scipy.sparse")
    table = {"a": [1.0, None], "b": ["x", "y"]}
    network = nn.Sequential(nn.Linear(2, 1))
    given = [X, X.astype(np.float64), X.T, sparse.csr_array(X), torch.from_numpy(X), X.tolist(), table]
    given += [np.ma.array(X, mask=X > 0.5), np.ma.array(X, mask=X > 0.9), np.array(["2026-01-01"], "M8[D]")]
    given += [pandas.DataFrame(table), network, nn.Sequential(nn.Linear(2, 1)), None, 1, 1.0, "1", torch.nn.ReLU]
    same = {(0, 4)}  # a tensor of the same numbers
    digests = [digest_of(one) for one in given]
    assert digests == [digest_of(one) for one in given]
    for i, one in enumerate(digests):
        for j in range(i):
            assert (digests[j] == one) == ((j, i) in same), (j, i)
    assert digest_of({"b", "a"}) == digest_of({"a", "b"}) != digest_of({"a", "c"})
    assert digest_of([1, 2]) != digest_of([1.0, 2.0])
    assert digest_of([2**70]) == digest_of([2**70]) != digest_of([2**71])
    assert digest_of(pandas.DataFrame(table)) == digest_of(pandas.DataFrame(table))
    columns = np.asfortranarray(np.random.default_rng(0).random((9000, 3)))
    assert digest_of(columns) == digest_of(np.ascontiguousarray(columns)) != digest_of(columns[:, ::-1])
    assert digest_of({"f": test_alone_nothing_changes}) == digest_of({"f": test_alone_nothing_changes})
