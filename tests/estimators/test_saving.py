"""A folder gives back the very estimator that was saved, or refuses to."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn
import torch
from sklearn.exceptions import NotFittedError
from torch import Tensor, nn

import layerwise
from layerwise import estimators
from layerwise.errors import DataError, OptionError, RunError, StorageError
from layerwise.estimators import saving
from layerwise.estimators.manifest import FORMAT
from layerwise.estimators.object_tree import to_tree
from layerwise.networks import convolutional_autoencoder
from layerwise.randomness import RandomStream
from layerwise.training import checkpoint
from layerwise.units.activations import elu

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ALL: list[type[Any]] = [kind for name in estimators.__all__ if isinstance(kind := getattr(estimators, name), type)]

# Smaller than the defaults; an estimator that is not named here is fitted as it is.
SMALL: dict[str, dict[str, Any]] = {
    "Autoencoder": {"hidden": (4, 2), "epochs": 2},
    "BernoulliRBM": {"n_components": 4, "n_iter": 2},
    "ClassRBM": {"n_components": 4, "n_iter": 2},
    "DBN": {"hidden": (4, 3), "epochs": 2},
    "DBNClassifier": {"hidden": (4,), "epochs": 1, "fine_tune_epochs": 2},
    "DBNRegressor": {"hidden": (4,), "epochs": 1, "fine_tune_epochs": 2},
    "GaussianRBM": {"n_components": 4, "n_iter": 2},
    "MLPClassifier": {"hidden_layer_sizes": (5,), "max_iter": 3},
    "MLPRegressor": {"hidden_layer_sizes": (5,), "max_iter": 3},
    "RBM": {"n_components": 4, "n_iter": 2},
    "StackedAutoencoder": {"hidden": (4, 2), "epochs": 2, "fine_tune_epochs": 1},
    "StackedAutoencoderClassifier": {"hidden": (4,), "epochs": 1, "fine_tune_epochs": 2},
}

random = np.random.default_rng(0)
BITS = (random.random((40, 6)) < 0.5).astype(np.float32)
CLASSES = np.where(BITS[:, 0] > 0, "on", "off")
TABLE = {"sky": np.where(BITS[:, 1] > 0, "grey", "blue"), "wet": BITS[:, 2] > 0, "degrees": random.normal(size=40)}


def fitted(name: str, X: Any = BITS, y: Any = None, **parameters: Any) -> Any:
    estimator = getattr(estimators, name)(**{**SMALL.get(name, {}), **parameters})
    if "random_state" in estimator.get_params() and "random_state" not in parameters:
        estimator.set_params(random_state=0)
    y = (BITS[:, 0] * 2.0 if sklearn.base.is_regressor(estimator) else CLASSES) if y is None else y
    return estimator.fit(X, y)


def own_network() -> nn.Sequential:
    encoder = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.Hardswish(), nn.Dropout(0.1), nn.Linear(4, 2))
    return nn.Sequential(encoder, nn.Sequential(nn.Linear(2, 6)))


VARIANTS: dict[str, Callable[[], Any]] = {
    "perceptron of sparse weights": lambda: fitted("Perceptron").sparsify(),
    "perceptron with a pocket": lambda: layerwise.Perceptron(rule="pocket").partial_fit(BITS, CLASSES, CLASSES),
    "perceptron with an average": lambda: layerwise.Perceptron(rule="averaged").partial_fit(BITS, CLASSES, CLASSES),
    "mlp by momentum": lambda: fitted("MLPClassifier", solver="sgd", learning_rate="adaptive", verbose=True),
    "mlp by all rows": lambda: fitted("MLPClassifier", solver="lbfgs"),
    "mlp with a running mean": lambda: fitted("MLPClassifier", averaging=0.9),
    "mlp of many labels": lambda: fitted("MLPClassifier", y=BITS[:, :3].astype(int)),
    "mlp that stops early": lambda: fitted("MLPRegressor", y=BITS[:, :2], early_stopping=True),
    "rbm of a table": lambda: fitted("RBM", TABLE),
    "rbm at several temperatures": lambda: fitted("RBM", method="pt", momentum=0.0),
    "rbm by an optimiser": lambda: fitted("RBM", optimiser=torch.optim.RMSprop, averaging=0.9, schedule="cosine"),
    "rbm of real hidden units": lambda: fitted("RBM", hidden="gaussian", sparsity_target=0.1),
    "rbm that kept its log Z": lambda: asked(fitted("RBM", TABLE), lambda rbm: rbm.log_partition_),
    "class rbm of a table": lambda: fitted("ClassRBM", TABLE),
    "dbn with labels": lambda: fitted("DBN", labels=True),
    "dbn that dreamt": lambda: fitted("DBN", TABLE, up_down_epochs=1),
    "tied autoencoder of a table": lambda: fitted("Autoencoder", TABLE, tied=True, averaging=0.9, activation=elu(0.5)),
    "autoencoder of torch's blocks": lambda: fitted("Autoencoder", network=own_network()),
    "autoencoder of pictures": lambda: fitted(
        "Autoencoder", network=convolutional_autoencoder((2, 3), (2,), 2, random=RandomStream(0))
    ),
    "stack of tied autoencoders": lambda: fitted("StackedAutoencoder", tied=True, fine_tune_epochs=0),
    "labels of every type": lambda: fitted("DBNClassifier", y=CLASSES.astype(object)),
    "labels that are dates": lambda: fitted("Perceptron", y=np.where(BITS[:, 0] > 0, 3, 7).astype(np.uint16)),
}
for kind in ALL:
    VARIANTS[kind.__name__] = lambda name=kind.__name__: fitted(name)


def asked(estimator: Any, question: Callable[[Any], object]) -> Any:
    question(estimator)
    return estimator


def rows_for(estimator: Any) -> Any:
    return TABLE if "feature_names_in_" in vars(estimator) else BITS


def answers(estimator: Any) -> dict[str, Any]:
    """Whatever an estimator has to say of rows."""
    X = rows_for(estimator)
    said: dict[str, Any] = {}
    for method in ("predict", "predict_proba", "decision_function", "transform", "score_samples", "reconstruct"):
        if hasattr(estimator, method):
            said[method] = getattr(estimator, method)(X)
    if hasattr(estimator, "sample"):
        said["sample"] = estimator.sample(5, steps=3, random_state=1)
    if hasattr(estimator, "log_likelihood"):
        said["log_likelihood"] = estimator.log_likelihood(X, random_state=1).mean
    return said


def bits(value: Any) -> Any:
    """A tree as plain text, to the bit."""
    if isinstance(value, Tensor):
        raw = value.detach().reshape(-1).contiguous().view(torch.uint8).tolist()
        return [str(value.dtype), list(value.shape), list(value.stride()), raw]
    return repr(value)


def state(estimator: Any) -> str:
    told = {name: value for name, value in vars(estimator).items() if name != "_metadata_request"}
    text = json.dumps(to_tree(dict(sorted(told.items()))), default=bits)
    return text.replace(', ["differentiable", false]', "")  # torch adds it to an optimiser that is made again


def same(one: Any, other: Any) -> None:
    if isinstance(one, dict):
        assert list(one) == list(other)
        for key in one:
            same(one[key], other[key])
    elif isinstance(one, tuple | list):
        for a, b in zip(one, other, strict=True):
            same(a, b)
    else:
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))
        assert np.asarray(one).dtype == np.asarray(other).dtype


@pytest.mark.parametrize("name", VARIANTS)
def test_a_loaded_estimator_is_the_saved_one_to_the_bit_and_goes_on_like_it(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    estimator = VARIANTS[name]()
    chance = torch.get_rng_state()
    again = layerwise.load(estimator.save(tmp_path / "model"))
    assert torch.equal(chance, torch.get_rng_state())
    assert type(again) is type(estimator)
    assert repr(again) == repr(estimator)
    types = [{name: type(value) for name, value in one.get_params().items()} for one in (estimator, again)]
    assert types[0] == types[1]
    assert state(again) == state(estimator)
    same(answers(again), answers(estimator))
    for one in (estimator, again):
        torch.manual_seed(0)  # which the dropout of a network of torch's draws from
        go_on(one)
    assert state(again) == state(estimator)
    same(answers(again), answers(estimator))


def go_on(estimator: Any) -> None:
    X, y = rows_for(estimator), None
    if hasattr(estimator, "classes_") or sklearn.base.is_regressor(estimator):
        several = getattr(estimator, "n_outputs_", 1) > 1
        y = BITS[:, : estimator.n_outputs_] if several else BITS[:, 0]
        y = estimator.classes_[y.astype(int)] if hasattr(estimator, "classes_") and not several else y
    if hasattr(estimator, "partial_fit") and not estimator.get_params().get("early_stopping"):
        estimator.partial_fit(X, y)
    if "warm_start" in estimator.get_params():
        estimator.set_params(warm_start=True).fit(X, y)


def test_every_estimator_is_saved() -> None:
    public = {name for name in layerwise.__all__ if isinstance(getattr(layerwise, name), type)}
    assert public <= set(VARIANTS)
    assert all(hasattr(kind, "save") for kind in ALL)


def test_parameters_of_any_kind_come_back_with_their_types(tmp_path: Path) -> None:
    parameters = {
        "class_weight": {"on": 1.5, "off": np.float32(2)},
        "random_state": np.random.RandomState(3),
        "alpha": np.float64(1e-4),
        "tol": None,
        "n_iter_no_change": np.int64(5),
        "validation_fraction": 0.1 + 0.2,
    }
    neuron = fitted("Perceptron", **parameters)
    again = layerwise.load(neuron.save(tmp_path))
    found, expected = again.get_params(), neuron.get_params()
    assert np.array_equal(
        found.pop("random_state").randint(9, size=99), expected.pop("random_state").randint(9, size=99)
    )
    assert found == expected
    assert {name: type(value) for name, value in found.items()} == {n: type(v) for n, v in expected.items()}


def test_a_list_and_a_tuple_stay_what_they_are(tmp_path: Path) -> None:
    assert layerwise.load(fitted("DBN", hidden=[4, 3]).save(tmp_path / "list")).hidden == [4, 3]
    assert layerwise.load(fitted("DBN", hidden=(4, 3)).save(tmp_path / "tuple")).hidden == (4, 3)
    assert "hidden = [\n    4,\n    3,\n]" in (tmp_path / "tuple" / "estimator.toml").read_text()


def test_output_and_routing_that_were_asked_for_come_back(tmp_path: Path) -> None:
    with sklearn.config_context(enable_metadata_routing=True):
        machine = fitted("RBM").set_output(transform="pandas").set_fit_request(sample_weight="how_much")
    again = layerwise.load(machine.save(tmp_path))
    assert again.transform(BITS).columns.tolist() == machine.transform(BITS).columns.tolist()
    assert again.get_metadata_routing().fit.requests == {"sample_weight": "how_much"}


# What may have become of a folder.


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fitted("Perceptron").save(tmp_path_factory.mktemp("small") / "model")


def copied(folder: Path, into: Path) -> Path:
    return Path(shutil.copytree(folder, into / "copy"))


@pytest.mark.parametrize("file", ["estimator.toml", "model.safetensors"])
def test_no_flipped_bit_goes_unnoticed(small: Path, tmp_path: Path, file: str) -> None:
    folder = copied(small, tmp_path)
    content = (folder / file).read_bytes()
    for bit in random.choice(8 * len(content), 150, replace=False):
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << (bit % 8)
        (folder / file).write_bytes(damaged)
        if file == "estimator.toml" and damaged.startswith(b"# An") and bit // 8 < content.index(b"checksum"):
            continue  # in the comment, which is nobody's business
        with pytest.raises(RunError) as refusal:
            layerwise.load(folder)
        assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("file", ["estimator.toml", "model.safetensors"])
def test_a_file_that_is_missing_cut_or_a_link_is_refused(small: Path, tmp_path: Path, file: str) -> None:
    folder = copied(small, tmp_path)
    content = (folder / file).read_bytes()
    for length in (0, 7, len(content) // 2, len(content) - 1):
        (folder / file).write_bytes(content[:length])
        with pytest.raises(RunError, match="damaged"):
            layerwise.load(folder)
    (folder / file).unlink()
    with pytest.raises(RunError, match=file):
        layerwise.load(folder)
    (folder / file).symlink_to(small / file)
    with pytest.raises(RunError, match=file):
        layerwise.load(folder)
    with pytest.raises(OptionError, match="link"):
        fitted("Perceptron").save(folder)


def rewritten(folder: Path, **changes: str) -> None:
    """The manifest of somebody who knows how its checksum is made."""
    from layerwise.estimators import manifest

    path = folder / "estimator.toml"
    body = manifest._without_checksum(path.read_text())
    for old, new in changes.items():
        lines = [f"{old} = {new}" if line.startswith(f"{old} = ") else line for line in body.splitlines()]
        body = "\n".join(lines) + "\n"
    path.write_text(f'checksum = "{manifest._checksum(body)}"\n{body}')


def test_a_newer_format_is_refused_whatever_else_it_holds(small: Path, tmp_path: Path) -> None:
    folder = copied(small, tmp_path)
    text = (folder / "estimator.toml").read_text()
    (folder / "estimator.toml").write_text(text.replace(f"format = {FORMAT}", f"format = {FORMAT + 1}"))
    with pytest.raises(RunError, match=rf"is of format {FORMAT + 1}, .* reads {FORMAT}; update it"):
        layerwise.load(folder)


@pytest.mark.parametrize("name", ["Perceptrom", "load", "../Perceptron", "os.system", "__doc__", "estimator.Estimator"])
def test_a_class_that_is_no_estimator_is_refused(small: Path, tmp_path: Path, name: str) -> None:
    folder = copied(small, tmp_path)
    rewritten(folder, estimator=f'"{name}"')
    with pytest.raises(RunError, match="which layerwise does not have"):
        layerwise.load(folder)


def test_the_model_of_another_class_does_not_fit(small: Path, tmp_path: Path) -> None:
    folder = copied(small, tmp_path)
    rewritten(folder, estimator='"RBM"')
    with pytest.raises(RunError, match=r"parts that do not fit this layerwise .*; open it with layerwise"):
        layerwise.load(folder)


@pytest.mark.parametrize(
    "node",
    [
        {"form": "os.system", "parts": [["command", "true"]]},
        {"form": "RandomStream", "parts": [["seed", 1], ["position", -1]]},
        {"form": "BernoulliUnits", "parts": []},
        {"array": torch.zeros(2, dtype=torch.uint8), "dtype": "O", "shape": [2], "by_columns": False},
        {"list": [[99]]},
        {},
    ],
)
def test_a_well_summed_file_of_other_objects_is_refused(small: Path, tmp_path: Path, node: dict[str, Any]) -> None:
    folder = copied(small, tmp_path)
    tree = {"objects": [node], "attributes": {"coef_": [0]}}
    rewritten(folder, model=f'"{checkpoint.write_tree(folder / "model.safetensors", tree, "estimator")}"')
    with pytest.raises(RunError, match="parts that do not fit"):
        layerwise.load(folder)


@pytest.mark.parametrize("name", ["fit", "__class__", "a b", "get_params"])
def test_a_file_does_not_put_itself_in_the_place_of_a_method(small: Path, tmp_path: Path, name: str) -> None:
    folder = copied(small, tmp_path)
    tree = {"objects": [], "attributes": {name: 1}}
    rewritten(folder, model=f'"{checkpoint.write_tree(folder / "model.safetensors", tree, "estimator")}"')
    with pytest.raises(RunError, match="parts that do not fit"):
        layerwise.load(folder)


def test_what_is_no_estimators_folder_says_so(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing", tmp_path):
        with pytest.raises(RunError, match=r"name a folder that an estimator's save\(\) made"):
            layerwise.load(path)
    (tmp_path / "recipe.toml").write_text("")
    with pytest.raises(RunError, match=r"is a run's folder, .* `layerwise evaluate"):
        layerwise.load(tmp_path)


# What is not saved, and where not.


def test_nothing_is_saved_before_it_was_fitted(tmp_path: Path) -> None:
    with pytest.raises(NotFittedError):
        layerwise.RBM().save(tmp_path / "model")
    assert not (tmp_path / "model").exists()


class OwnLayer(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).abs()


class OwnMachine(layerwise.RBM):
    pass


def hooked() -> nn.Sequential:
    network = own_network()
    network[0][0].register_forward_hook(lambda *seen: None)
    return network


@pytest.mark.parametrize(
    ("estimator", "rule"),
    [
        (
            lambda: fitted("Autoencoder", network=(nn.Sequential(OwnLayer(6, 2)), nn.Sequential(nn.Linear(2, 6)))),
            "code is",
        ),
        (lambda: fitted("Autoencoder", network=hooked()), "code is not saved; build the network of torch.nn's own"),
        (lambda: fitted("RBM").set_params(verbose=print), "verbose = .*: cannot be saved"),
        (lambda: OwnMachine(4, n_iter=1).fit(BITS), "OwnMachine.*none of layerwise's own"),
    ],
)
def test_code_is_not_saved(estimator: Callable[[], Any], rule: str, tmp_path: Path) -> None:
    with pytest.raises((DataError, OptionError), match=rule):
        estimator().save(tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_folder_of_other_things_is_left_alone(tmp_path: Path) -> None:
    neuron = fitted("Perceptron")
    (tmp_path / "thesis.txt").write_text("three years of work")
    with pytest.raises(OptionError, match=r"is not empty, and no earlier save: it holds thesis\.txt; name another"):
        neuron.save(tmp_path)
    with pytest.raises(OptionError, match="must be a folder"):
        neuron.save(tmp_path / "thesis.txt")
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_later_save_keeps_what_is_somebodys_own(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    folder = fitted("Perceptron").save(tmp_path, data="Coins.", limits="No dice.")
    card = (folder / "README.md").read_text()
    assert all(told in card for told in ("Coins.", "No dice.", "2 classes: off, on"))
    (folder / "notes.txt").write_text("mine")
    fitted("RBM").save(folder)
    assert "# " + tmp_path.name in (folder / "README.md").read_text()
    assert "Coins." not in (folder / "README.md").read_text()
    (folder / "README.md").write_text("My own words.")
    fitted("RBM").save(folder)
    assert (folder / "README.md").read_text() == "My own words."
    assert (folder / "notes.txt").read_text() == "mine"


def test_curves_are_lines_of_json(tmp_path: Path) -> None:
    net = fitted("DBNClassifier")
    lines = [json.loads(line) for line in (net.save(tmp_path) / "learning_curves.jsonl").read_text().splitlines()]
    assert [(line["curve"], line["epoch"]) for line in lines] == [
        ("layer 1", 1),
        ("fine-tuning", 1),
        ("fine-tuning", 2),
    ]
    assert lines[-1]["loss"] == net.learning_curves_["fine-tuning"][-1].loss
    assert lines[0]["free_energy_gap"] is None


# A save that does not end.


class Stopped(BaseException):
    """The machine stops: nothing that comes after happens."""


@pytest.mark.parametrize("stops", [False, True])
@pytest.mark.parametrize("step", range(4))
def test_an_earlier_save_is_never_lost(stops: bool, step: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = fitted("Perceptron"), fitted("Perceptron", eta0=0.5, random_state=1)
    folder = old.save(tmp_path / "model")
    done, replace = [], os.replace

    def failing(*paths: Any) -> None:
        if len(done) >= step:
            raise Stopped if stops else OSError(errno.ENOSPC, "No space left on device")
        done.append(paths)
        replace(*paths)

    with monkeypatch.context() as broken:
        broken.setattr(os, "replace", failing)
        if stops:
            broken.setattr(Path, "unlink", lambda *args, **kwargs: None)
        with pytest.raises(Stopped if stops else StorageError):
            new.save(folder)
    # Of the steps model, manifest, name of the model, curves the second decides.
    assert state(layerwise.load(folder)) == state(new if step >= 2 else old)
    last = fitted("Perceptron", eta0=2.0)
    if step == 2:  # and the next one that fails does not lose what this one had not finished
        with monkeypatch.context() as broken:
            done.clear()
            broken.setattr(
                saving, "write_atomically", lambda *args: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full"))
            )
            with pytest.raises(OSError, match="full"):
                last.save(folder)
        assert state(layerwise.load(folder)) == state(new)
    last.save(folder)
    assert state(layerwise.load(folder)) == state(last)
    assert not (folder / ".model.safetensors.next").exists()


def test_a_first_save_that_fails_leaves_no_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    neuron = fitted("Perceptron")
    write = checkpoint.write_atomically
    monkeypatch.setattr(
        saving, "write_atomically", lambda path, content: write(path / "below", b"") if "toml" in path.name else None
    )
    monkeypatch.setattr(os, "fsync", lambda handle: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
    with pytest.raises(StorageError, match="full"):
        neuron.save(tmp_path / "model")
    monkeypatch.undo()
    assert [entry.name for entry in (tmp_path / "model").iterdir() if entry.is_file()] == []
    assert state(layerwise.load(neuron.save(tmp_path / "model"))) == state(neuron)


def test_a_save_that_fails_after_it_counts_is_not_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = fitted("Perceptron"), fitted("Perceptron", eta0=0.5)
    folder, written = old.save(tmp_path / "model"), []

    def failing(folder: Path) -> None:
        written.append(folder)
        if len(written) == 2:  # the manifest has its name already
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(checkpoint, "_sync_folder", failing)
    with pytest.raises(StorageError):
        new.save(folder)
    assert state(layerwise.load(folder)) == state(new)
