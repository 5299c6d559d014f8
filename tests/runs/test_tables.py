"""What a run came to, as tables."""

from __future__ import annotations

import io
import math

from rich.console import Console

from layerwise.runs.measured import BASELINE, THIS_NETWORK, Curve, LayerFinding
from layerwise.runs.result import Result
from layerwise.runs.tables import curve_table, result_tables, table_of


def shown(*tables: object, width: int = 80) -> str:
    screen = Console(file=io.StringIO(), width=width)
    screen.print(*tables)
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue()


def result(accuracy: float, error: float, gap: float = 0.25) -> Result:
    scores = {THIS_NETWORK: accuracy, BASELINE: 0.5}
    return Result(0, "", 9, 4, 3, 3, (LayerFinding(500, error, gap),), scores, 1.0)


def test_one_repeat_has_plain_figures() -> None:
    text = shown(*result_tables([result(0.875, 3.5)]))
    assert "layer 1     500                   3.50             +0.25" in text
    assert "this network          87.50" in text
    assert "±" not in text


def test_several_repeats_have_mean_and_deviation() -> None:
    text = shown(*result_tables([result(0.8, 3.0), result(0.9, 5.0)]))
    assert "4.00 ± 1.41" in text
    assert "85.00 ± 7.07" in text
    assert "50.00 ± 0.00" in text


def test_what_was_not_measured_is_a_dash_and_no_scores_are_no_table() -> None:
    tables = result_tables([Result(0, "", 9, 4, 0, 0, (LayerFinding(5, 1.0, math.nan),), {}, 1.0)])
    assert len(tables) == 1
    assert "–" in shown(*tables)


def test_narrow_terminals_lose_nothing() -> None:
    text = shown(*result_tables([result(0.8, 3.0)]), width=30)
    assert all(len(line) <= 30 for line in text.splitlines())
    assert "80.00" in text


def test_curves_show_where_they_end() -> None:
    text = shown(curve_table([Curve("layer 1", [1, 2], {"loss": [2.0, 1.25], "free_energy_gap": [0.0, math.nan]})]))
    assert "layer 1   2        loss 1.25, free energy gap –" in text


def test_a_path_with_brackets_is_shown_as_it_is() -> None:
    assert "/data/[red]x" in shown(table_of(("a", "b"), [("data", "/data/[red]x")], figures=False))
