"""How far the directions of CD-1, CD-10, PCD-1 and tempering lie from the exact gradient, over training.

    python benchmarks/gradient_angles.py                              some minutes, three seeds
    python benchmarks/gradient_angles.py --seeds 1 --print-only       a short look

Black and white 8 × 8 digits and 10 hidden units: the model's expectations are sums over 1,024 states. Each method
trains a machine of its own on whole passes; at every measurement the angle between the step that it takes and the exact
gradient at the same place is written down, with the exact log-likelihood. The data phase is exact and the model's is an
average over 17,970 (CD: the rows, ten times) or 10,000 chains; the same step with as many samples drawn exactly from
the machine is the control: as the gradient vanishes, their noise alone turns it. Writes docs/images/gradient_angles.png
beside the JSON.
"""

from __future__ import annotations

import argparse
import copy
import math
import statistics
from dataclasses import replace
from typing import Any

import environment
import torch
from sklearn.datasets import load_digits

from layerwise.data import Batch
from layerwise.energy import RBM, bernoulli_rbm, exact_gradient, exact_sample, log_likelihood
from layerwise.randomness import RandomStream
from layerwise.training.contrastive import ContrastiveLearning

HIDDEN, STEPS, EVERY, REPEATED, CHAINS = 10, 2000, 100, 10, 10_000
RATE = 0.2
METHODS: dict[str, dict[str, Any]] = {
    "CD-1": {"method": "cd", "steps": 1},
    "CD-10": {"method": "cd", "steps": 10},
    "PCD-1": {"method": "pcd", "steps": 1, "chains": CHAINS},
    "tempering, 5 temperatures": {"method": "pt", "steps": 1, "chains": CHAINS, "temperatures": 5},
}
CONTROL = "exact samples"


def angle(rbm: RBM, moved: RBM, rows: torch.Tensor) -> float:
    """Degrees between a step and the exact gradient where it began."""
    exact = exact_gradient(rbm, rows)
    after = dict(moved.named_parameters())
    step = torch.cat([(after[name] - p).flatten() for name, p in rbm.named_parameters()]).double()
    truth = torch.cat([exact[name].flatten() for name, _ in rbm.named_parameters()]).double()
    cosine = float(step @ truth / (step.norm() * truth.norm()))
    return math.degrees(math.acos(max(-1.0, min(1.0, cosine))))


def course(options: dict[str, Any], rows: torch.Tensor, seed: int) -> list[dict[str, float]]:
    """What was measured, every so many steps."""
    random = RandomStream(seed)
    rbm = bernoulli_rbm(rows.shape[1], HIDDEN)
    rbm.scatter_weights(random.child("weights"))
    rbm.visible.start_from(rows.mean(0), rows.var(0))
    trainer = ContrastiveLearning(**options, learning_rate=RATE, momentum=0.0)
    state = trainer.init(rbm, random.child("chains"))
    many = rows.repeat(REPEATED, 1) if options["method"] == "cd" else rows
    measured: list[dict[str, float]] = []
    for number in range(STEPS + 1):
        if number % EVERY == 0:
            # A step of a copy, on rows repeated where the model's rows start at them: each repetition draws anew.
            tried, _ = trainer.step(copy.deepcopy(state), Batch(many, None, 0, len(many)))
            nats = log_likelihood(state.rbm, rows, method="exact").mean
            found = {"step": number, "angle": angle(state.rbm, tried.rbm, rows), "nats": nats}
            if options["method"] == "pcd":
                h = exact_sample(state.rbm, CHAINS, random.child(f"control {number}"))[1]
                control, _ = trainer.step(replace(copy.deepcopy(state), chains=h), Batch(rows, None, 0, len(rows)))
                found[CONTROL] = angle(state.rbm, control.rbm, rows)
            measured.append(found)
        state, _ = trainer.step(state, Batch(rows, None, 0, len(rows)))
    return measured


def draw(result: dict[str, Any]) -> None:
    """Two panels over the steps: angle and log-likelihood."""
    import matplotlib.pyplot as plt

    from layerwise.plots.colours import SERIES

    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    for (name, courses), colour in zip(result["courses"].items(), SERIES, strict=False):
        steps = [point["step"] for point in courses[0]]
        for axes, key in ((left, "angle"), (right, "nats")):
            curves = [[point[key] for point in one] for one in courses]
            axes.plot(steps, [statistics.mean(at) for at in zip(*curves, strict=True)], color=colour.light, label=name)
            axes.fill_between(
                steps, list(map(min, *curves)), list(map(max, *curves)), color=colour.light, alpha=0.2, linewidth=0
            ) if len(curves) > 1 else None
    courses = result["courses"]["PCD-1"]
    floor = [statistics.mean(point[CONTROL] for point in at) for at in zip(*courses, strict=True)]
    left.plot(
        [point["step"] for point in courses[0]], floor, color="0.5", linestyle="--", label="PCD-1 with exact samples"
    )
    left.set(xlabel="step", ylabel="angle to the exact gradient, degrees", ylim=(0, None))
    right.set(xlabel="step", ylabel="exact log-likelihood, nats a row")
    figure.legend(
        *left.get_legend_handles_labels(), loc="outside upper center", ncols=5, frameon=False, fontsize="small"
    )
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(environment.FOLDER.parent / "docs" / "images" / "gradient_angles.png", dpi=150)


def table(result: dict[str, Any]) -> str:
    """The Markdown of the results."""
    courses = result["courses"]
    shown = [0, 100, 300, 1000, STEPS]
    controls = [[{**point, "angle": point[CONTROL]} for point in one] for one in courses["PCD-1"]]
    rows = {**courses, "PCD-1's machine, with exact samples": controls}
    lines = [
        "| angle to the exact gradient, degrees | "
        + " | ".join(f"step {step:,}" for step in shown)
        + " | nats at the end |",
        "| --- |" + " ---: |" * (len(shown) + 1),
    ]
    for name, of_seeds in rows.items():
        cells: list[str] = []
        for step in shown:
            angles = [point["angle"] for one in of_seeds for point in one if point["step"] == step]
            spread = f" ± {statistics.stdev(angles):.1f}" if len(angles) > 1 else ""
            cells.append(f"{statistics.mean(angles):.1f}{spread}")
        nats = [one[-1]["nats"] for one in of_seeds]
        spread = f" ± {statistics.stdev(nats):.2f}" if len(nats) > 1 else ""
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {statistics.mean(nats):.2f}{spread} |")
    seeds = len(next(iter(courses.values())))
    return "\n".join([*lines, "", f"{seeds} seeds. {environment.signature(result['machine'])}."])


def main() -> None:
    """Measure, draw and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--print-only", action="store_true", help="leave the JSON and the picture as they are")
    options = parser.parse_args()
    machine = environment.machine()
    rows = torch.from_numpy((load_digits().data > 8).astype("float32"))
    courses: dict[str, Any] = {}
    for name, chosen in METHODS.items():
        courses[name] = [course(chosen, rows, seed) for seed in range(options.seeds)]
        print(name, courses[name][0][-1], flush=True)
    result = {"name": "gradient_angles", "machine": machine, "courses": courses}
    print(table(result))
    if not options.print_only:
        draw(result)
        print(f"\nwrote {environment.save('gradient_angles', result)}")


if __name__ == "__main__":
    main()
