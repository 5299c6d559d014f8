from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser

import numpy as np
import pytest

from layerwise.plots.mosaic import signed_scale
from layerwise.plots.plane import Plane
from layerwise.runs import report_figures
from layerwise.runs.findings import Findings, Mistake
from layerwise.runs.machine_findings import Chains, ColumnMarginal, FilledCell, Filling, Forgetting
from layerwise.runs.measured import (
    BASELINE,
    COMPONENTS,
    MEAN_ROW,
    THIS_NETWORK,
    WITHOUT_PRETRAINING,
    Curve,
    ErrorScore,
    FlowCurve,
    LayerFinding,
    LikelihoodFinding,
    NeuronFinding,
    Score,
)
from layerwise.runs.report import number, percent, render, signed

HOSTILE = "<script>alert('x')</script>\"&$\\frac{1}$"


def example(shape: tuple[int, int] | None, hidden: tuple[int, ...] = (20, 10), classes: int = 3) -> Findings:
    """Findings of a run that never was: every part of a report is there."""
    random = np.random.default_rng(0)
    columns = 6 if shape is None else shape[0] * shape[1]
    strokes = (random.random((400, columns)) < 0.3) * random.random((400, columns))
    if shape is not None:
        strokes = strokes.reshape(-1, *shape)
        strokes[:, [0, -1]] = 0
        strokes = strokes.reshape(400, -1)
    names = (HOSTILE, *(f"class {code}" for code in range(1, classes)))
    epochs = list(range(1, 11))
    falling = [1 / epoch for epoch in epochs]
    layer = {"reconstruction_error": falling, "free_energy_gap": falling, "hidden_activity": falling}
    tuning = {"loss": falling, "accuracy": [1 - value for value in falling]}
    confusion = random.integers(0, 9, (classes, classes)) + 50 * np.eye(classes, dtype=np.int64)
    return Findings(
        title=f"rows {HOSTILE}",
        hidden=hidden,
        data=HOSTILE,
        rows=1000,
        columns=columns,
        labelled=100,
        scored=int(confusion.sum()),
        visible="bernoulli" if shape else "gaussian",
        layers=tuple(LayerFinding(size, 3.0, 0.25) for size in hidden),
        recipe=f'name = "{HOSTILE}"\n',
        command=f"layerwise train '{HOSTILE}/recipe.toml'",
        picture=shape,
        column_names=None if shape else (HOSTILE, "b", "c", "d", "e", "f"),
        curves=(
            *(Curve(f"layer {depth}", epochs, layer) for depth, _ in enumerate(hidden, 1)),
            Curve("fine-tuning", epochs, tuning),
            Curve("without pretraining", epochs, tuning),
        ),
        scores=(Score(THIS_NETWORK, [0.94]), Score(WITHOUT_PRETRAINING, [0.9]), Score(BASELINE, [0.95])),
        filters=random.normal(size=(100, columns)),
        inputs=strokes[:10],
        reconstructions={depth: strokes[10 * depth : 10 * depth + 10] for depth, _ in enumerate(hidden, 1)},
        samples=strokes[100:160] if shape else None,
        codes=tuple(Plane.of(random.normal(size=(200, size))) for size in hidden),
        code_labels=random.integers(-1, classes, 200),
        classes=names,
        confusion=confusion,
        mistakes=tuple(Mistake(strokes[-place], place, names[0], names[1], 0.9) for place in range(1, 25)),
        facts={"seed": "0", HOSTILE: HOSTILE},
    )


def unlabelled(findings: Findings) -> Findings:
    return replace(
        findings, labelled=0, scored=0, scores=(), classes=(), code_labels=None, confusion=None, mistakes=(),
        curves=findings.curves[:-2],
    )  # fmt: skip


def a_likelihood(**other: float | str | bool) -> LikelihoodFinding:
    given: dict[str, float | str | bool] = {
        "mean": -24.757, "standard_error": 0.174, "log_partition": 100.124, "log_partition_error": 0.002,
        "lower": -24.791, "upper": -24.757, "method": "ais", "rows": 359, "left_out": 0, "independent": -27.082,
        "bits": False,
    }  # fmt: skip
    return LikelihoodFinding(**(given | other))  # pyright: ignore[reportArgumentType]


def machine(shape: tuple[int, int] | None, model: str = "rbm") -> Findings:
    """Findings of a single machine: of one layer, without a network beside it."""
    found = example(shape, hidden=(20,))
    kept = replace(
        found, model=model, curves=found.curves[:1], samples=None, visible=found.visible if shape else "mixed",
        scores=(Score(THIS_NETWORK, [0.94]), Score(BASELINE, [0.95])),
    )  # fmt: skip
    random = np.random.default_rng(1)
    forgetting = Forgetting(4.25, 0.5, 2350.0, 10, 1000, [0.8**lag for lag in range(100)])
    kept = replace(kept, forgetting=forgetting)
    if shape is not None:
        rows = random.random((12, shape[0] * shape[1]))
        kept = replace(kept, chains=Chains("noise", {1: rows, 10: rows, 1000: rows}))
        filling = Filling(0.5, 0.25, 0.75, (), rows, np.where(rows < 0.5, np.nan, rows), rows)
    else:
        marginals = (
            ColumnMarginal(HOSTILE, "gaussian", (0.0, 1.0, 2.0), [0.25, 0.75], [0.5, 0.5]),
            ColumnMarginal("colour", "categorical", (HOSTILE, "blue"), [0.3, 0.7], [0.3, 0.7]),
        )
        kept = replace(kept, marginals=marginals)
        filling = Filling(0.2, 0.25, 0.75, (FilledCell(3, HOSTILE, HOSTILE, "blue"),))
    if model == "class-rbm":
        return kept
    kept = replace(kept, filling=filling)
    return replace(unlabelled(replace(kept, curves=found.curves[:3])), likelihoods=(a_likelihood(),))


def network(shape: tuple[int, int] | None, model: str) -> Findings:
    """Findings of a network without energies."""
    found = example(shape, hidden=(20, 10))
    epochs = list(range(1, 11))
    falling = [1 / epoch for epoch in epochs]
    names = ("hidden1", "hidden2", "output")
    kept = replace(
        found, model=model, samples=None, layers=(), visible=found.visible if shape else "mixed",
        scores=(Score(THIS_NETWORK, [0.94]), Score(BASELINE, [0.95])), reconstructions={},
    )  # fmt: skip
    if model == "perceptron":
        neurons = (
            NeuronFinding(HOSTILE, 12, 0, True, 0.5, 144.0),
            NeuronFinding("class 1", 99, 3, False, 0.0, math.inf, True),
            NeuronFinding("class 2", 5, 2),
        )
        curve = Curve("neurons", epochs, {"mistakes": falling, "accuracy": falling, "held_out_accuracy": falling})
        return replace(kept, neurons=neurons, hidden=(), codes=found.codes[:1], curves=(curve,))
    measures = {"gradient_norm": [[v, v / 10, 0.0] for v in falling], "saturated": [[0.0, v, v] for v in falling]}
    measures["update_ratio"] = [[math.nan, v, v] for v in falling]
    if model == "mlp":
        curve = Curve("network", epochs, {"loss": falling, "accuracy": falling, "held_out_loss": falling})
        return replace(kept, curves=(curve,), flows=(FlowCurve("network", epochs, names, measures),))
    curve = Curve("fine-tuning", epochs, {"reconstruction_error": falling, "held_out_error": falling, "loss": falling})
    errors = (
        ErrorScore(THIS_NETWORK, [1.0, 3.0]),
        ErrorScore(COMPONENTS, [4.0, 4.0]),
        ErrorScore(MEAN_ROW, [8.0, 8.0]),
    )
    flow = FlowCurve(
        "fine-tuning",
        epochs,
        ("encoder.output", "decoder.output"),
        {k: [v[:2] for v in values] for k, values in measures.items()},
    )
    return replace(
        unlabelled(kept), curves=(curve,), flows=(flow,), errors=errors, linear=found.inputs,
        reconstructions={2: found.reconstructions[2]},
    )  # fmt: skip


CASES = {
    "pictures": lambda: example((8, 8)),
    "table": lambda: example(None),
    "unlabelled pictures": lambda: unlabelled(example((8, 8))),
    "unlabelled table": lambda: unlabelled(example(None)),
    "machine of pictures": lambda: machine((8, 8)),
    "machine of a table": lambda: machine(None),
    "machine of classes": lambda: machine((8, 8), "class-rbm"),
    "mlp of pictures": lambda: network((8, 8), "mlp"),
    "mlp of a table": lambda: network(None, "mlp"),
    "perceptron of pictures": lambda: network((8, 8), "perceptron"),
    "perceptron of a table": lambda: network(None, "perceptron"),
    "autoencoder of pictures": lambda: network((8, 8), "autoencoder"),
    "autoencoder of a table": lambda: network(None, "stacked-autoencoder"),
    "bare": lambda: Findings(
        "bare", "nothing", 10, 4, 0, 0, "bernoulli", (LayerFinding(3, 1.0, math.nan),), "[run]\n", "layerwise train x"
    ),
}


@cache
def rendered(case: str) -> str:
    return render(CASES[case]())


@pytest.fixture(params=CASES)
def text(request: pytest.FixtureRequest) -> str:
    return rendered(request.param)


class Page(HTMLParser):
    """Reads a page and checks that every element is closed where it should be."""

    VOID = frozenset({"meta", "link", "img", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def all(self, tag: str) -> Iterator[dict[str, str | None]]:
        return (attributes for name, attributes in self.elements if name == tag)


def test_the_page_is_well_formed_and_every_name_is_its_own(text: str) -> None:
    page = Page(text)
    assert not page.open
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for link in page.all("a"):
        assert (link["href"] or "").removeprefix("#") in ids


def test_it_asks_nothing_of_any_network_and_runs_nothing(text: str) -> None:
    page = Page(text)
    assert not re.search(r"https?:|url\((?!#)|@import|//[a-z]", re.sub(r"base64,[^\"]*", "", text))
    assert not list(page.all("script"))
    for tag, attributes in page.elements:
        assert tag not in ("iframe", "object", "embed", "form", "base")
        assert not any(name.startswith("on") for name in attributes)
        for name in ("src", "href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:")), attributes
    policy = next(a for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in (policy["content"] or "")


def test_whatever_the_names_are_they_are_text(text: str) -> None:
    assert "<script" not in text
    assert "alert('x')</script" not in text
    if "<title>bare" not in text:
        assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;" in text


@pytest.mark.parametrize("case", ["pictures", "table"])
def test_the_same_findings_are_the_same_page(case: str) -> None:
    assert render(CASES[case]()) == rendered(case)


def test_pictures_have_words_and_tables_have_headers(text: str) -> None:
    page = Page(text)
    assert all(attributes.get("alt") for attributes in page.all("img"))
    for drawing in page.all("svg"):
        assert drawing.get("aria-label") or drawing.get("aria-hidden") == "true"
    assert all(attributes.get("scope") in ("row", "col") for attributes in page.all("th"))
    assert next(page.all("html"))["lang"] == "en"
    assert any(attributes.get("name") == "viewport" for attributes in page.all("meta"))


def sections(text: str) -> list[str]:
    return re.findall(r'<section id="([^"]+)"', text)


def test_pictures_have_every_section() -> None:
    assert sections(rendered("pictures")) == [
        "layers", "scores", "curves", "filters", "reconstructions", "samples", "codes", "confusion", "mistakes",
        "facts", "recipe",
    ]  # fmt: skip


def test_a_table_has_heat_maps_with_its_names_and_no_pictures() -> None:
    text = rendered("table")
    assert sections(text) == [
        "layers", "scores", "curves", "filters", "reconstructions", "codes", "confusion", "mistakes", "facts", "recipe",
    ]  # fmt: skip
    assert 'class="pixels' not in text
    assert "standard deviations from the mean of the column" in text


def test_without_labels_it_says_what_is_not_there() -> None:
    text = rendered("unlabelled pictures")
    assert "The rows have no labels, so nothing was classified" in text
    assert not {"confusion", "mistakes"} & set(sections(text))
    assert "look for clumps" in text


def test_labels_but_no_test_rows() -> None:
    found = replace(example((8, 8)), scored=0, scores=(), confusion=None, mistakes=())
    assert "No labelled rows were kept apart for a test" in render(found)


def test_labels_and_test_rows_but_no_fine_tuning() -> None:
    found = replace(example((8, 8)), scores=(), confusion=None, mistakes=(), classes=())
    text = render(found)
    assert "not fine-tuned with labels" in text
    assert "look for clumps" in text


def test_a_gap_that_was_not_measured_is_a_dash_and_a_sentence() -> None:
    found = example((8, 8))
    layers = tuple(replace(layer, free_energy_gap=math.nan) for layer in found.layers)
    curves = tuple(replace(c, measures=c.measures | {"free_energy_gap": [math.nan] * 10}) for c in found.curves)
    text = render(replace(found, layers=layers, curves=curves))
    assert text.count("<td>–</td>") == 2
    assert "so it was not measured" in text
    assert "free-energy gap, nats over" not in text
    assert "so it was not measured" not in rendered("pictures")


def test_no_mistakes_at_all() -> None:
    assert "None of the test rows was classified wrongly" in render(replace(example((8, 8)), mistakes=()))


def test_repeats_show_deviation_and_range() -> None:
    scores = (Score(THIS_NETWORK, (0.94, 0.96)), Score(WITHOUT_PRETRAINING, (0.9, 0.91)))
    text = render(replace(example((8, 8)), scores=scores))
    assert "95.0 ± 1.4 %" in text
    assert "94.0 to 96.0 %" in text
    assert "+4.5 ± 0.7" in text


def test_a_table_with_many_columns_shows_those_that_weigh_most() -> None:
    columns = 500
    found = example(None)
    weights = np.zeros((5, columns))
    weights[:, 100:140] = 1.0
    found = replace(
        found, columns=columns, column_names=tuple(f"column{place}" for place in range(columns)), filters=weights,
        inputs=np.zeros((4, columns)), reconstructions={1: np.ones((4, columns))},
    )  # fmt: skip
    text = render(found)
    assert "the 40 of 500 that weigh most" in text
    assert ">column100<" in text
    assert ">column139<" in text
    assert ">column99<" not in text


def test_many_classes_show_the_most_confused() -> None:
    text = render(example((8, 8), classes=60))
    assert f"The {report_figures.MOST_CLASSES} of 60 classes with the most mistakes" in text


def test_mix_ups_are_in_order_and_leave_out_right_answers() -> None:
    confusion = np.array([[90, 3, 0], [8, 50, 0], [0, 1, 70]])
    found = replace(example((8, 8)), confusion=confusion, classes=("a", "b", "c"))
    assert [(m.true, m.predicted, m.count, m.of) for m in report_figures.mix_ups(found)] == [
        ("b", "a", 8, 58),
        ("a", "b", 3, 93),
        ("c", "b", 1, 71),
    ]


def test_a_run_like_mnist_stays_below_a_megabyte_and_a_half() -> None:
    found = example((28, 28), hidden=(500, 500, 2000), classes=10)
    random = np.random.default_rng(1)
    planes = tuple(Plane.of(random.normal(size=(1000, 5))) for _ in range(3))
    text = render(replace(found, codes=planes, code_labels=random.integers(0, 10, 1000)))
    assert len(text.encode()) < 1_500_000


def test_numbers_have_three_digits_that_mean_something() -> None:
    assert [number(value) for value in (1234.5, 12.34, 1.234, 0.1234, -0.5, -0.0001, math.nan)] == [
        "1,234", "12.3", "1.23", "0.123", "−0.500", "0.000", "–",
    ]  # fmt: skip
    assert [signed(share) for share in (0.0123, -0.0123, 0.00001, -0.00001)] == ["+1.2", "−1.2", "0.0", "0.0"]
    assert percent(math.nan) == "–"


NOT_OF_A_MACHINE = ("retraining", "layer by layer", "each layer", "First-layer", "network", "fine-tun", "Fine-tun")


@pytest.mark.parametrize("case", ["machine of pictures", "machine of a table", "machine of classes"])
def test_a_machine_is_no_network_and_was_not_pretrained(case: str) -> None:
    text = rendered(case)
    assert not [words for words in NOT_OF_A_MACHINE if words in text]
    assert "What the machine learned" in text
    assert "layer" not in re.sub("layerwise", "", text)


def test_a_network_is_no_machine() -> None:
    text = rendered("pictures")
    assert "What pretraining was worth" in text
    assert all(
        word in text for word in ("What each layer learned", "First-layer filters", "Pretraining, layer by layer")
    )
    assert not {"machine", "likelihood", "chains", "columns", "filling"} & set(sections(text))


def test_a_machine_of_classes_is_compared_with_logistic_regression() -> None:
    text = rendered("machine of classes")
    assert "How well it classifies" in text
    assert "This machine" in text
    assert "Logistic regression" in text
    assert "likelihood" not in sections(text)


def test_an_annealed_likelihood_has_both_sides_and_independent_columns_beside_it() -> None:
    text = rendered("machine of pictures")
    assert "−24.76 ± 0.17" in text
    for figure in ("between −24.79 and −24.76", "−27.08", "+2.32", "100.12 ± 0.00"):
        assert figure in text
    assert "not to be relied on" not in text


def test_sides_that_lie_apart_are_said_to() -> None:
    found = replace(machine((8, 8)), likelihoods=(a_likelihood(lower=-34.757),))
    assert "lie 10.00 nats apart, so the figure is not to be relied on" in render(found)


def test_an_exact_likelihood_has_no_sides() -> None:
    found = replace(machine(None), likelihoods=(a_likelihood(method="exact", left_out=12),))
    text = render(found)
    assert "This is exact" in text
    assert "log Z, exact" in text
    assert "Annealed" not in text
    assert "12 test rows were left out because a value is missing" in text


def test_repeats_have_a_likelihood_each() -> None:
    found = replace(machine((8, 8)), likelihoods=(a_likelihood(), a_likelihood(mean=-25.757)))
    text = render(found)
    assert "−25.26\u00a0±\u00a00.71" in text
    assert "Repeat 2, nats a row" in text


def test_a_likelihood_that_was_not_measured_is_a_sentence() -> None:
    assert "every test row misses a value" in render(replace(machine((8, 8)), likelihoods=()))


def test_chains_are_looked_at_several_times_and_their_memory_is_told() -> None:
    text = rendered("machine of pictures")
    alts = [attributes["alt"] for attributes in Page(text).all("img")]
    assert [alt for alt in alts if "chains" in (alt or "")] == [
        "12 chains after 1 step", "12 chains after 10 steps", "12 chains after 1,000 steps",
    ]  # fmt: skip
    assert "autocorrelation time is 4.25\u00a0±\u00a00.50 steps" in text
    assert "all 10,000 states together are worth 2,350" in text
    assert "Autocorrelation of the free energy" in text


def test_chains_that_never_moved_have_no_curve() -> None:
    stuck = Forgetting(math.inf, math.nan, 0.0, 10, 1000, [math.nan] * 100)
    text = render(replace(machine((8, 8)), forgetting=stuck))
    assert "it did not move" in text
    assert "Autocorrelation of the free energy" not in text


def test_pictures_are_filled_in_and_columns_are_drawn_beside_the_data() -> None:
    common = ["machine", "likelihood", "curves", "filters", "reconstructions", "chains"]
    assert sections(rendered("machine of pictures")) == [*common, "filling", "codes", "facts", "recipe"]
    assert sections(rendered("machine of a table")) == [*common, "columns", "filling", "codes", "facts", "recipe"]
    assert "12 pictures: hidden" in rendered("machine of pictures")


def test_a_table_has_its_columns_by_name_and_some_of_its_filled_cells() -> None:
    text = rendered("machine of a table")
    escaped = "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&#34;&amp;$\\frac{1}$"
    assert f'<p class="title">{escaped} <span class="soft">25.0\u00a0% apart</span></p>' in text
    assert '<p class="title">colour <span class="soft">0.0\u00a0% apart</span></p>' in text
    assert f'<tr><th scope="row">3</th><td>{escaped}</td><td>{escaped}</td><td>blue</td></tr>' in text


def test_a_value_that_is_missing_does_not_change_the_colours_of_the_others() -> None:
    whole = np.array([[1.0, -3.0], [2.0, 1.0]])
    rows = np.concatenate([whole, [[np.nan, np.nan]]])
    assert signed_scale(rows) == signed_scale(whole)


def test_networks_have_the_sections_that_fit_them() -> None:
    of_mlp = ["scores", "curves", "flow", "filters", "codes", "confusion", "mistakes", "facts", "recipe"]
    assert sections(rendered("mlp of pictures")) == of_mlp
    assert sections(rendered("mlp of a table")) == of_mlp
    of_perceptron = ["scores", "neurons", "curves", "filters", "codes", "confusion", "mistakes", "facts", "recipe"]
    assert sections(rendered("perceptron of pictures")) == of_perceptron
    for case in ("autoencoder of pictures", "autoencoder of a table"):
        of_rows = ["errors", "curves", "flow", "filters", "reconstructions", "codes", "facts", "recipe"]
        assert sections(rendered(case)) == of_rows


def test_errors_stand_beside_those_of_components_and_of_the_mean_row() -> None:
    text = rendered("autoencoder of pictures")
    for figure in ("2.00 ± 1.41", "75.0 %", "50.0 %", "Principal components"):
        assert figure in text
    assert "50.0\u00a0% less than principal components" in text


def test_an_autoencoder_is_not_said_to_be_tuned_with_labels() -> None:
    assert "Fine-tuning with labels" in rendered("pictures")
    text = rendered("autoencoder of a table")
    assert "Fine-tuning beside the same network" in text
    assert "with labels" not in text
    assert "labelled training rows" not in text


def test_a_neuron_without_a_hyperplane_has_no_end() -> None:
    text = rendered("perceptron of a table")
    assert "no end" in text
    assert "144" in text
    assert "90.0 %" not in text  # a perceptron's mistakes have no probability
