"""Several ranks come to what one comes to: the same draws, and parameters up to the order of summation.

The draws are functions of parameters that differ in their last bits, so that one of them may fall on the other side: of
some 10,000 here with a probability of about 10⁻⁷ each, and then all that follows is another. Chains are compared first.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from layerwise.data import Batch
from layerwise.errors import OptionError, RankError
from layerwise.networks import Network
from layerwise.randomness import RandomStream
from layerwise.training.checkpoint import read_tree
from layerwise.training.contrastive import ContrastiveLearning
from layerwise.training.distributed import joined
from layerwise.training.gradient_descent import GradientDescent
from layerwise.training.ranks import Ranks

SCRIPT = Path(__file__).with_name("rank_work.py")
SINGLE = 2.0**-24
"""The most that rounding to float32 changes a number by, as a share of it."""
STEPS, ROWS, RATE, MOMENTUM = 6, 26, 0.1, 0.5
MOST = 16 * ROWS * SINGLE * STEPS * RATE / (1 - MOMENTUM)
"""How far parameters may come apart. A mean of n numbers, none of which is above 4 here (a weight is below 2, and so is
what it multiplies), is summed to within 4 n u in either order; a gradient is a difference of two such means, and its
errors are added up over the steps with what momentum makes of them. A second of it is left for what the errors of one
step do to the next."""
ADAM = 1e-3
"""The same of AdamW at its rate of 0.001: it divides a gradient by its size, so that one near zero is left to rounding
and goes a step either way."""

ORDERS = ["1 all", "2 all", "4 all", "2 part 2", "1 part 5", "4 part 1000", "2 killed", "1 command resume"]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[int]]]:
    """A folder with what the ranks came to, and their exit codes by what was asked of them."""
    folder = tmp_path_factory.mktemp("ranks")
    alone = dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    command = [sys.executable, str(SCRIPT), str(folder), *ORDERS]
    subprocess.run(command, env={**os.environ, **alone}, check=True)
    return folder, dict(zip(ORDERS, json.loads((folder / "codes.json").read_text()), strict=True))


def said(folder: Path, what: str) -> str:
    return "\n".join(path.read_text() for path in sorted(folder.glob(f"{what}*.log")))


def tensors(tree: Any, path: str = "") -> dict[str, Tensor]:
    if isinstance(tree, Tensor):
        return {path: tree}
    pairs = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return {name: found for key, value in pairs for name, found in tensors(value, f"{path}/{key}").items()}


def same(some: Any, others: Any, most: float) -> None:
    """Draws to the bit, sums up to their order."""
    for (name, one), (again, other) in zip(tensors(some).items(), tensors(others).items(), strict=True):
        assert name == again
        if name.endswith(("/chains", "/tempering/v")):
            assert torch.equal(one, other), name
    for name, one in tensors(some).items():
        assert float((one.double() - tensors(others)[name].double()).abs().max()) <= most, name


@pytest.mark.parametrize("size", [2, 4])
@pytest.mark.parametrize(
    "what",
    [
        "cd",
        "cd with weights",
        "pcd",
        "pcd with weights",
        "pcd with missing values",
        "centred, sparse, clipped, averaged",
        "gaussian",
        "pt",
        "class-rbm",
        "class-rbm by cd",
        "mlp",
        "mlp with weights",
        "mlp with a minibatch without weight",
        "mlp with a class without weight",
        "mlp with weights of classes",
        "mlp by autograd",
        "autoencoder",
    ],
)
def test_ranks_come_to_what_one_comes_to(done: Any, what: str, size: int) -> None:
    folder, codes = done
    assert codes[f"{size} all"] == [0] * size, said(folder, "all")
    alone, shared = (read_tree(folder / f"all {n}", "tree")[what] for n in (1, size))
    assert alone["random"] == shared["random"]
    same(alone, shared, MOST)


@pytest.mark.parametrize("size", [2, 4])
def test_ranks_learn_a_deep_belief_network_as_one_does(done: Any, size: int) -> None:
    folder, _ = done
    alone, shared = (read_tree(folder / f"all {n}", "tree")["course"] for n in (1, size))
    same(alone["learned"]["layer 1"], shared["learned"]["layer 1"], MOST)
    same(alone["learned"]["layer 2"], shared["learned"]["layer 2"], MOST)
    same(alone["learned"]["fine-tuning"], shared["learned"]["fine-tuning"], ADAM)


def test_a_run_goes_on_with_another_number_of_ranks(done: Any) -> None:
    """Two ranks stop in the middle of an epoch where the last of them asks for it, one goes on, four bring it home."""
    folder, codes = done
    assert codes["2 part 2"] + codes["1 part 5"] + codes["4 part 1000"] == [0] * 7, said(folder, "part")
    whole, resumed = read_tree(folder / "all 1", "tree")["course"], read_tree(folder / "part", "tree")
    assert whole["stage"] == resumed["stage"] == 3
    for layer in ("layer 1", "layer 2"):
        same(whole["learned"][layer], resumed["learned"][layer], MOST)


def test_where_one_is_killed_the_others_end_and_the_run_goes_on(done: Any) -> None:
    folder, codes = done
    assert codes["2 killed"] == [2, -signal.SIGKILL]
    (complaint,) = (line for line in said(folder, "killed").splitlines() if line.startswith("layerwise: "))
    assert "another rank is gone" in complaint
    assert f"layerwise resume {folder / 'run'}" in complaint
    assert codes["1 command resume"] == [0], said(folder, "command")
    assert (folder / "run" / "report.html").is_file()


def test_only_the_first_rank_shows_progress(done: Any) -> None:
    folder, _ = done
    assert "run folder" in said(folder, "killed 0 of 2")
    assert said(folder, "killed 1 of 2") == ""


def test_more_chains_than_ranks_are_needed() -> None:
    with pytest.raises(OptionError, match="chains = 3: must be at least 4, one for each rank"):
        ContrastiveLearning(chains=3, ranks=Ranks(0, 4))
    assert ContrastiveLearning("cd", chains=3, ranks=Ranks(0, 4)).ranks.size == 4


def test_what_mixes_the_rows_of_a_minibatch_is_refused() -> None:
    normed = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    with pytest.raises(OptionError, match="network = 'a batch norm': may mix the rows"):
        GradientDescent(ranks=Ranks(0, 2)).init(normed, RandomStream(0))
    network = Network.of_sizes((3, 2), "relu", random=RandomStream(0))
    with pytest.raises(OptionError, match="penalty = 'of a minibatch': may mix the rows"):
        GradientDescent(penalty=lambda network, rows: rows.sum(), ranks=Ranks(0, 2)).init(network, RandomStream(0))


def test_a_rank_without_rows_gets_one_that_counts_nothing() -> None:
    batch = Batch(torch.ones(0, 5), torch.ones(0, dtype=torch.int64), 0, 1, weights=torch.ones(0))
    own, part = Ranks(0, 2).own(batch)
    assert part == 0.0
    assert own.values.tolist() == [[0.0] * 5]
    assert own.labels is not None
    assert own.labels.tolist() == [0]
    assert own.weights is not None
    assert own.weights.tolist() == [0.0]


@given(total=st.integers(0, 100), size=st.integers(1, 9))
def test_parts_are_all_rows_in_their_order(total: int, size: int) -> None:
    parts = [Ranks(rank, size).part(total) for rank in range(size)]
    assert [row for first, end in parts for row in range(first, end)] == list(range(total))
    assert max(end - first for first, end in parts) - min(end - first for first, end in parts) <= 1


def test_an_error_of_one_process_is_its_own() -> None:
    with pytest.raises(OptionError, match="mine"), Ranks().together():
        raise OptionError("mine", 0, "is wrong")


def test_others_that_cannot_be_reached_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "nowhere"}
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(RankError, match="rank 1 cannot meet the others at"), joined():
        pass
