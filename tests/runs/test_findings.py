from __future__ import annotations

import math

import pytest

from layerwise.runs.findings import Findings
from layerwise.runs.measured import BASELINE, THIS_NETWORK, WITHOUT_PRETRAINING, LayerFinding, Score
from layerwise.runs.verdict import verdict


def findings(*scores: Score, **changes: object) -> Findings:
    fields: dict[str, object] = {
        "title": "t",
        "data": "d",
        "rows": 1000,
        "columns": 64,
        "labelled": 100 if scores else 0,
        "scored": 200 if scores else 0,
        "visible": "bernoulli",
        "layers": (LayerFinding(500, 3.0, math.nan), LayerFinding(250, 2.0, 0.1)),
        "recipe": "",
        "command": "",
        "scores": scores,
    }
    return Findings(**(fields | changes))  # type: ignore[arg-type]


def test_a_score_of_several_repeats_has_mean_and_deviation() -> None:
    score = Score(THIS_NETWORK, (0.90, 0.92, 0.94))
    assert score.mean == pytest.approx(0.92)
    assert score.std == pytest.approx(0.02)
    assert str(score) == "92.0 ± 2.0 %"


def test_a_single_score_has_no_deviation() -> None:
    assert math.isnan(Score(THIS_NETWORK, [0.5]).std)
    assert str(Score(THIS_NETWORK, [0.5])) == "50.0 %"


def test_the_gain_is_taken_between_equal_seeds() -> None:
    # Each seed is worth another accuracy, but the gain is the same on all of them: it has no deviation.
    found = findings(Score(THIS_NETWORK, (0.9, 0.8, 0.7)), Score(WITHOUT_PRETRAINING, (0.85, 0.75, 0.65)))
    mean, std = found.gain(WITHOUT_PRETRAINING) or (0.0, 0.0)
    assert mean == pytest.approx(0.05)
    assert std == pytest.approx(0.0, abs=1e-12)
    assert found.gain(BASELINE) is None


def test_the_verdict_names_accuracy_and_both_gains() -> None:
    scores = (Score(THIS_NETWORK, [0.94]), Score(WITHOUT_PRETRAINING, [0.90]), Score(BASELINE, [0.95]))
    assert verdict(findings(*scores)) == (
        "With 100 labels, this network classifies 94.0 % of 200 test rows correctly: "
        "4.0 points better than the same network without pretraining (90.0 %) and "
        "1.0 points worse than logistic regression (95.0 %)."
    )


def test_the_verdict_of_repeats_and_of_a_draw() -> None:
    scores = (Score(THIS_NETWORK, [0.9, 0.8]), Score(BASELINE, [0.8, 0.9]))
    text = verdict(findings(*scores, labelled=1000))
    assert text.startswith("With all 1,000 rows labelled, this network classifies 85.0 ± 7.1 % of 200 test rows")
    assert "(mean ± standard deviation of 2 seeds)" in text
    assert "no better and no worse (0.0 ± 14.1 points) than logistic regression" in text


def test_the_verdict_without_comparisons_stands_alone() -> None:
    assert verdict(findings(Score(THIS_NETWORK, [0.9]))).endswith("90.0 % of 200 test rows correctly.")


def test_the_verdict_without_labels_says_what_was_learned() -> None:
    text = verdict(findings())
    assert "learned 2 layers of 500–250 units" in text
    assert "there were no labels" in text
    assert "no rows were kept apart" in verdict(findings(labelled=100))
    assert "there was no fine-tuning" in verdict(findings(labelled=100, scored=50))
