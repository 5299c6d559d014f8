"""Results survive metrics.jsonl."""

from __future__ import annotations

import json
import math

import pytest

from layerwise.errors import RunError
from layerwise.runs.measured import BASELINE, THIS_NETWORK, WITHOUT_PRETRAINING, LayerFinding
from layerwise.runs.result import Result, scores


def result(seed: int = 0, **accuracies: float) -> Result:
    named = {THIS_NETWORK: 0.9, BASELINE: 0.8} | accuracies
    return Result(seed, "data", 100, 4, 10, 20, (LayerFinding(5, 1.5, math.nan),), named, 3.25)


def test_a_result_is_read_back() -> None:
    line = json.loads(json.dumps(result().to_line()))
    again = Result.from_line(line)
    assert again.accuracies == result().accuracies
    assert again.layers[0].size == 5
    assert math.isnan(again.layers[0].free_energy_gap)
    null = result().to_line() | {"layers": [{"size": 5, "reconstruction_error": 1.5, "free_energy_gap": None}]}
    assert math.isnan(Result.from_line(null).layers[0].free_energy_gap)


@pytest.mark.parametrize("change", [{"layers": 3}, {"layers": [{}]}, {"rows": None}, {"accuracies": []}])
def test_a_damaged_line_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(RunError, match=r"metrics\.jsonl"):
        Result.from_line(result().to_line() | change)


def test_scores_collect_the_repeats_in_a_fixed_order() -> None:
    found = scores([result(0, **{WITHOUT_PRETRAINING: 0.5}), result(1, **{WITHOUT_PRETRAINING: 0.7})])
    assert [score.name for score in found] == [THIS_NETWORK, WITHOUT_PRETRAINING, BASELINE]
    assert found[1].accuracies == [0.5, 0.7]
    assert scores([]) == ()
