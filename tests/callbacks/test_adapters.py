"""Adapters against doubles that record what they are asked, and against the real library where it is installed."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from layerwise import RBM
from layerwise.callbacks import Callback, Epoch, MLflow, Progress, TensorBoard, WandB
from layerwise.callbacks.figures import figures_of
from layerwise.errors import OptionError
from layerwise.networks import GradientFlowInfo
from layerwise.training.network_epochs import EpochInfo

X = np.eye(4).repeat(5, 0)


class Recorder(ModuleType):
    """A module whose functions, and what they give, record their calls."""

    def __init__(self, name: str, **answers: Any) -> None:
        super().__init__(name)
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self.answers = answers

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)

        def call(*args: Any, **named: Any) -> Any:
            self.calls.append((name, args, named))
            return self.answers.get(name, self)

        return call

    @property
    def names(self) -> list[str]:
        return [name for name, _, _ in self.calls]


class Breaking(Callback):
    def epoch_done(self, epoch: Epoch) -> None:
        raise RuntimeError("full")


def fit(*callbacks: Callback) -> RBM:
    return RBM(2, n_iter=2, random_state=0).set_callbacks(*callbacks).fit(X)


def broken_off(*callbacks: Callback) -> None:
    with pytest.raises(RuntimeError, match="full"):
        fit(*callbacks, Breaking())


def test_figures_are_finite_numbers_by_name() -> None:
    flow = GradientFlowInfo(("a", "b"), (1.0, 2.0), (3.0, 4.0), (0.0, 0.5), (float("nan"), 1e-3))
    assert figures_of(EpochInfo(0.25, flow=flow)) == {
        "loss": 0.25,
        "gradient_norm/a": 1.0,
        "gradient_norm/b": 2.0,
        "residual_norm/a": 3.0,
        "residual_norm/b": 4.0,
        "saturated/a": 0.0,
        "saturated/b": 0.5,
        "update_ratio/b": 1e-3,
    }
    assert figures_of(None) == {}


def test_mlflow_has_a_run_of_its_own_or_the_one_that_is_active(monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = Recorder("mlflow", active_run=None)
    monkeypatch.setitem(sys.modules, "mlflow", mlflow)
    machine = fit(MLflow(run_name="first"))
    assert mlflow.names == ["active_run", "start_run", "log_params", "log_metrics", "log_metrics", "end_run"]
    assert mlflow.calls[1][2] == {"run_name": "first"}
    parameters = mlflow.calls[2][1][0]
    assert parameters["estimator"] == "RBM"
    assert parameters["n_components"] == "2"
    for number, (_, (figures,), named) in enumerate(mlflow.calls[3:5], 1):
        assert named == {"step": number}
        assert figures["training/reconstruction_error"] == machine.learning_curve_[number - 1].reconstruction_error
    assert mlflow.calls[5][1] == ("FINISHED",)
    mlflow.calls.clear()
    broken_off(MLflow())
    assert mlflow.calls[-1][1] == ("FAILED",)
    mlflow.calls.clear()
    mlflow.answers["active_run"] = "somebody's"
    fit(MLflow())
    assert not {"start_run", "end_run"} & set(mlflow.names)


def test_weights_and_biases_has_a_run_for_each_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    wandb = Recorder("wandb")
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    machine = fit(WandB(project="rbm", config={"data": "eye"}))
    assert wandb.names == ["init", "log", "log", "finish"]
    options = wandb.calls[0][2]
    assert options["project"] == "rbm"
    assert options["config"]["n_components"] == 2
    assert options["config"]["optimiser"] == "None"
    assert options["config"]["data"] == "eye"
    logged = wandb.calls[2][1][0]
    assert logged["training/epoch"] == 2
    assert logged["training/reconstruction_error"] == machine.learning_curve_[1].reconstruction_error
    assert wandb.calls[3][2] == {"exit_code": 0}
    broken_off(WandB())
    assert wandb.calls[-1][2] == {"exit_code": 1}


def test_tensorboard_is_written_a_scalar_for_each_figure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    board = Recorder("torch.utils.tensorboard")
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", board)
    machine = fit(TensorBoard(tmp_path))
    assert board.calls[0] == ("SummaryWriter", (str(tmp_path),), {})
    error = [args for name, args, _ in board.calls if name == "add_scalar" and args[0].endswith("reconstruction_error")]
    curve = machine.learning_curve_
    assert error == [("training/reconstruction_error", of.reconstruction_error, n) for n, of in enumerate(curve, 1)]
    assert board.names[-1] == "close"


def test_the_real_tensorboard_reads_what_was_written(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    machine = fit(TensorBoard(tmp_path))
    events = EventAccumulator(str(tmp_path)).Reload()
    found = [event.value for event in events.Scalars("training/reconstruction_error")]
    assert found == pytest.approx([of.reconstruction_error for of in machine.learning_curve_])


@pytest.mark.parametrize(
    ("callback", "module", "extra"),
    [
        (TensorBoard("folder"), "torch.utils.tensorboard", "tensorboard"),
        (MLflow(), "mlflow", "mlflow"),
        (WandB(), "wandb", "wandb"),
    ],
)
def test_a_package_that_is_missing_is_named_with_its_extra(
    callback: Callback, module: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(OptionError, match=rf"{extra}.*pip install 'layerwise\[{extra}\]'"):
        fit(callback)


def test_progress_shows_a_bar_for_each_stage() -> None:
    text = io.StringIO()
    machine = fit(Progress(Console(file=text, width=120)))
    last = text.getvalue().splitlines()[-1]
    assert "RBM, training" in last
    assert "2/2" in last
    assert f"reconstruction_error {machine.learning_curve_[-1].reconstruction_error:.4g}" in last
