"""Label smoothing and dropout of inputs, in all that is fine-tuned with labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from layerwise import kernels
from layerwise.data.batches import Batch
from layerwise.errors import OptionError
from layerwise.estimators import DBNClassifier, DBNRegressor, StackedAutoencoderClassifier
from layerwise.randomness import RandomStream
from layerwise.training.plan import Plan

SHARE, INPUTS, CLASSES = 0.3, 0.4, 3
SMALL: dict[str, Any] = {"hidden": (6,), "epochs": 1, "batch_size": 10, "random_state": 0}
CLASSIFIERS = {
    "dbn": lambda **options: DBNClassifier(**(SMALL | options)),
    "stack": lambda **options: StackedAutoencoderClassifier(**(SMALL | options)),
}
X = np.random.default_rng(0).random((30, 4))
Y = np.arange(30) % CLASSES


def test_the_gradient_of_a_step_is_that_of_smoothed_labels_on_rows_with_units_dropped() -> None:
    plan = Plan([5], dropout=0.0, input_dropout=INPUTS, label_smoothing=SHARE)
    network = nn.Sequential(nn.Linear(4, CLASSES))
    weight, bias = network[0].weight.detach().clone(), network[0].bias.detach().clone()
    x, labels = torch.from_numpy(X).float(), torch.from_numpy(Y)
    trainer = plan.fine_tuning(steps=10)
    trainer.step(trainer.init(network, RandomStream(7)), Batch(x, labels, 0, 30))
    # The trainer's own stream decides which units are silent; what is left is so much more.
    kept = (kernels.uniform(30, 4, RandomStream(7), 0) >= INPUTS).float() / (1 - INPUTS)
    seen = x * kept
    wanted = (1 - SHARE) * nn.functional.one_hot(labels, CLASSES) + SHARE / CLASSES
    residual = ((seen @ weight.T + bias).softmax(1) - wanted) / 30
    assert network[0].weight.grad is not None
    assert network[0].bias.grad is not None
    assert network[0].weight.grad.numpy() == pytest.approx((residual.T @ seen).numpy(), abs=1e-6)
    assert network[0].bias.grad.numpy() == pytest.approx(residual.sum(0).numpy(), abs=1e-6)


@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_where_the_network_can_say_what_it_likes_it_says_the_smoothed_label(kind: str) -> None:
    rows = np.eye(CLASSES)[Y]
    options = {"fine_tune_epochs": 60, "fine_tune_learning_rate": 0.1, "dropout": 0.0}
    model = CLASSIFIERS[kind](label_smoothing=SHARE, **options).fit(rows, Y)
    told = model.predict_proba(rows)
    assert told.max(1) == pytest.approx(1 - SHARE + SHARE / CLASSES, abs=0.02)
    assert (told.argmax(1) == Y).all()


@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_inputs_are_dropped_in_fine_tuning_alone(kind: str) -> None:
    options = {"fine_tune_epochs": 2, "dropout": 0.0}
    plain, dropped, again = (CLASSIFIERS[kind](input_dropout=share, **options).fit(X, Y) for share in (0.0, 0.5, 0.5))
    assert np.array_equal(dropped.predict_proba(X), again.predict_proba(X))
    assert not np.array_equal(dropped.predict_proba(X), plain.predict_proba(X))
    first = [curves["layer 1"][-1] for curves in (plain.learning_curves_, dropped.learning_curves_)]
    assert repr(first[0]) == repr(first[1])


def test_options_reach_the_trainers_and_break_no_rule() -> None:
    layers, tuning = StackedAutoencoderClassifier(input_dropout=INPUTS, label_smoothing=SHARE)._options()
    assert (layers.trainer.input_dropout, tuning.trainer.input_dropout) == (0.0, INPUTS)
    assert tuning.trainer.loss.smoothing == SHARE
    for name in ("label_smoothing", "input_dropout"):
        for make in CLASSIFIERS.values():
            with pytest.raises(OptionError, match=f"{name} = 1.0"):
                make(**{name: 1.0}).fit(X, Y)
        with pytest.raises(OptionError, match=f"{name} = -0.1"):
            Plan([5], **{name: -0.1})
    with pytest.raises(OptionError, match=r"input_dropout = 1\.0"):
        DBNRegressor(input_dropout=1.0).fit(X, Y)
