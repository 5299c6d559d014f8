from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from layerwise.runs.findings import (
    BASELINE,
    THIS_NETWORK,
    WITHOUT_PRETRAINING,
    Findings,
    LayerFinding,
    Plane,
    Score,
)
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


@given(arrays(np.float64, st.tuples(st.integers(3, 12), st.integers(2, 6)), elements=st.floats(-5, 5)))
def test_a_plane_keeps_what_two_directions_can(code: np.ndarray) -> None:
    plane = Plane.of(code)
    total = np.square(code - code.mean(0)).sum()
    if total < 1e-9:
        return
    # Principal components: their variance is the sum of the two largest eigenvalues of the scatter matrix.
    eigenvalues = np.linalg.eigvalsh(np.cov(code.T, bias=True) * len(code))
    assert np.square(plane.points).sum() == pytest.approx(eigenvalues[-2:].sum(), rel=1e-6, abs=1e-9 * total)
    assert plane.share == pytest.approx(np.square(plane.points).sum() / total, rel=1e-6)


def test_a_plane_of_a_single_unit_or_of_a_code_that_does_not_vary() -> None:
    line = Plane.of(np.array([[0.0], [1.0], [2.0]], dtype=np.float32))
    np.testing.assert_allclose(line.points, [[-1, 0], [0, 0], [1, 0]])
    assert line.share == 1.0
    flat = Plane.of(np.ones((4, 3)))
    assert math.isnan(flat.share)
    assert not flat.points.any()


def test_a_plane_does_not_flip_with_the_sign_of_its_directions() -> None:
    code = np.random.default_rng(0).random((20, 5))
    plane = Plane.of(code)
    np.testing.assert_allclose(Plane.of(code[::-1]).points[::-1], plane.points, atol=1e-10)
