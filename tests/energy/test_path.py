"""The path: independent units at its start, the machine at its end, and on the way what its definition says."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from layerwise.energy import RBM, Path
from layerwise.randomness import RandomStream
from layerwise.units import UnitKind

MakePath = Callable[..., Path]
Place = Callable[[Path, float], RBM]

KINDS = sorted(UnitKind.kinds)
every_pair = pytest.mark.parametrize(("visible", "hidden"), [(v, h) for v in KINDS for h in KINDS])
every_kind = pytest.mark.parametrize("kind", KINDS)
BETAS = (0.0, 0.3, 1.0)


def some_rows(path: Path, rows: int = 9) -> Tensor:
    return path.sample_start(rows, RandomStream(1))


@every_pair
def test_log_weights_are_minus_the_free_energies_of_the_machines_on_the_way(
    visible: str, hidden: str, path_to: MakePath, place: Place
) -> None:
    path = path_to(visible, hidden)
    v = some_rows(path)
    for beta in BETAS:
        expected = -place(path, beta).free_energy(v)
        assert torch.allclose(path.log_weight(v, beta), expected, rtol=1e-10, atol=1e-10)


@every_pair
def test_a_ratio_is_a_difference_of_log_weights(visible: str, hidden: str, path_to: MakePath) -> None:
    path = path_to(visible, hidden)
    v = some_rows(path)
    sent = path.sent_up(v)
    difference = path.log_weight(v, 0.7) - path.log_weight(v, 0.2)
    assert torch.allclose(path.log_ratio(v, sent, 0.2, 0.7), difference, rtol=1e-9, atol=1e-9)
    column = torch.linspace(0, 1, len(v)).double()[:, None]
    ratio = path.log_ratio(v, sent, column, 1 - column)
    by_row = [path.log_weight(v[i : i + 1], 1 - b) - path.log_weight(v[i : i + 1], b) for i, b in _numbered(column)]
    assert torch.allclose(ratio, torch.cat(by_row), rtol=1e-9, atol=1e-9)


def _numbered(column: Tensor) -> list[tuple[int, float]]:
    return [(i, float(beta)) for i, beta in enumerate(column[:, 0])]


@every_pair
def test_rows_are_drawn_as_by_the_machines_on_the_way(
    visible: str, hidden: str, path_to: MakePath, place: Place
) -> None:
    path = path_to(visible, hidden)
    v = some_rows(path)
    for beta in BETAS:
        rbm = place(path, beta)
        h = rbm.hidden.mean(rbm.field_of_hidden(v))
        up, down = (
            path.field_of_hidden(path.sent_up(v), beta),
            path.field_of_visible(path.rbm.field_of_visible(h), beta),
        )
        assert torch.allclose(up, rbm.field_of_hidden(v), rtol=1e-12, atol=1e-12)
        assert torch.allclose(down, rbm.field_of_visible(h), rtol=1e-12, atol=1e-12)
        drawn = path.sample_h_from_v(v, beta, RandomStream(2), 5), path.sample_v_from_h(h, beta, RandomStream(3), 5)
        again = rbm.hidden.sample(up, RandomStream(2), 5), rbm.visible.sample(down, RandomStream(3), 5)
        assert torch.equal(drawn[0], again[0])
        assert torch.equal(drawn[1], again[1])


@every_pair
def test_the_start_is_independent_units_of_known_partition_function(
    visible: str, hidden: str, path_to: MakePath, place: Place, table: Callable[[RBM], object]
) -> None:
    path = path_to(visible, hidden)
    start = table(place(path, 0.0))
    assert abs(path.log_partition_at_start() - start.log_partition) < 1e-8  # type: ignore[attr-defined]
    if visible != "noisy_rectified":
        start.assert_drawn(path.sample_start(4000, RandomStream(4)))  # type: ignore[attr-defined]


@every_kind
def test_a_path_can_start_at_the_mean_of_the_data(kind: str, machine: Callable[..., RBM]) -> None:
    rbm = machine(kind, "bernoulli")
    mean = rbm.visible.mean(rbm.visible.bias[None] * 0.5)[0]
    path = Path.from_mean(rbm, mean)
    assert torch.allclose(rbm.visible.mean(path.visible_bias[None])[0], mean, rtol=1e-4, atol=0.01)
    assert torch.equal(Path.from_mean(rbm).visible_bias, rbm.visible.bias)


def test_training_on_does_not_move_the_start(make_rbm: Callable[..., RBM]) -> None:
    rbm = make_rbm()
    path = Path.from_mean(rbm)
    before = path.visible_bias.clone()
    rbm.visible.bias.add_(1.0)
    assert torch.equal(path.visible_bias, before)
