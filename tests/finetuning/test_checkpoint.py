"""Promised: a training that was stopped at any instant goes on to the result of an unbroken one, or is refused."""

import io
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from featx import CNNFineTuneClassifier
from featx.cache.files import temporary_beside
from featx.display.json_values import as_json
from featx.exceptions import ModelFileError
from featx.finetuning.checkpoint import Checkpoint
from featx.finetuning.training import Training
from processes import driven, forked, was_killed
from trainings import without_seconds

COUNT = 24
SETTINGS = {
    "backbone": "squeezenet1_1",
    "weights": None,
    "image_size": 32,
    "head_init": "warmup",
    "hidden_units": 6,
    "dropout": 0.3,
    "augmentation": "light",
    "augment_draws": 2,
    "learning_rate": 1e-3,
    "batch_size": 7,
    "epochs": 5,
}


def classifier(**options):
    return CNNFineTuneClassifier(**{**SETTINGS, **options})


def photographs(seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(COUNT) % 3
    X = rng.integers(0, 120, (COUNT, 24, 24, 3))
    X[np.arange(COUNT), :, :, y] += 40
    return X.astype(np.uint8), y


@pytest.fixture(scope="module")
def data():
    return photographs()


def assert_same(first, second):
    for one, other in ((first.state_, second.state_), (first.head_, second.head_)):
        assert one.keys() == other.keys()
        assert all(np.array_equal(one[name], other[name]) for name in one)
    assert without_seconds(first.history_) == without_seconds(second.history_)
    assert first.best_epoch_ == second.best_epoch_
    assert first.initial_validation_accuracy_ == second.initial_validation_accuracy_


@pytest.fixture
def stop_after(monkeypatch):
    """Interrupt a training behind a number of epochs, or within the one after them."""
    epoch = Training._epoch

    def stop(count, *, within=False):
        def stopping(self, number):
            if number == count + 1:
                if within:
                    monkeypatch.setattr(Training, "_step", lambda *a: (_ for _ in ()).throw(KeyboardInterrupt))
                else:
                    raise KeyboardInterrupt
            return epoch(self, number)

        monkeypatch.setattr(Training, "_epoch", stopping)

    yield stop
    monkeypatch.undo()


def interrupt(model, data, stop_after, monkeypatch, count, **how):
    with monkeypatch.context():
        stop_after(count, **how)
        with pytest.raises(KeyboardInterrupt):
            model.fit(*data)
    monkeypatch.undo()


OPTIONS = [
    {},
    {"optimizer": "sgd", "schedule": "onecycle"},
    {"schedule": "constant", "early_stopping": False, "boundary_cache_bytes": 0},
    {"backbone": "small_cnn", "weights": "settled", "batch_norm": "update", "trainable_stages": 2},
    {"backbone": "small_cnn", "trainable_stages": "all", "head_init": "auto", "early_stopping": False},
    {"backbone": "small_cnn", "trainable_stages": "all", "head_init": "auto", "boundary_cache_bytes": 0},
    {"trainable_stages": 0, "head_init": "random"},
    {"patience": 2, "learning_rate": 0.0, "epochs": 9},
]


@pytest.mark.parametrize(
    ("options", "count", "within"),
    [
        *((options, 1, True) for options in OPTIONS[1:]),
        (OPTIONS[0], 1, False),
        *(
            pytest.param(*case, marks=pytest.mark.long)
            for case in ((OPTIONS[0], 1, True), (OPTIONS[0], 4, True), (OPTIONS[1], 0, True))
        ),
    ],
    ids=str,
)
def test_an_interrupted_training_goes_on_to_the_same_result(
    data, tmp_path, own_cache, stop_after, monkeypatch, settled, options, count, within
):
    path = tmp_path / "training.pt"
    options = {"epochs": max(3, count + 1), **options}
    if options.get("weights") == "settled":
        options = {**options, "weights": settled(options["backbone"])}
    model = classifier(**options, checkpoint=path, cache=own_cache)
    interrupt(model, data, stop_after, monkeypatch, count, within=within)
    assert path.exists() == (count > 0)
    resumed = model.fit(*data)
    unbroken = classifier(**options, cache=own_cache).fit(*data)
    assert_same(resumed, unbroken)
    assert len(os.listdir(tmp_path)) == 1


def test_a_finished_training_is_not_repeated(data, tmp_path, monkeypatch):
    model = classifier(checkpoint=tmp_path / "training.pt").fit(*data)
    state, history = dict(model.state_), model.history_
    monkeypatch.setattr(Training, "_epoch", lambda *a: pytest.fail("an epoch was run"))
    again = classifier(checkpoint=tmp_path / "training.pt").fit(*data)
    assert all(np.array_equal(state[name], again.state_[name]) for name in state)
    assert as_json(again.history_) == as_json(history)


def test_a_checkpoint_of_before_histories_had_iterations_goes_on_too(data, tmp_path, stop_after, monkeypatch):
    path = tmp_path / "training.pt"
    model = classifier(checkpoint=path)
    interrupt(model, data, stop_after, monkeypatch, 2)
    content = torch.load(path, weights_only=True)
    for name in ("iterations", "warm_up_history"):
        del content["state"][name]
    torch.save(content, path)
    resumed, unbroken = model.fit(*data), classifier().fit(*data)
    assert all(np.array_equal(resumed.head_[name], unbroken.head_[name]) for name in unbroken.head_)
    assert resumed.history_["val_loss"] == unbroken.history_["val_loss"]
    assert "warmup" not in resumed.history_


def test_resuming_tells_of_all_epochs(data, tmp_path, stop_after, monkeypatch, capsys):
    model = classifier(checkpoint=tmp_path / "training.pt", verbose=True, early_stopping=False)
    interrupt(model, data, stop_after, monkeypatch, 2)
    monkeypatch.setenv("FEATX_CACHE", str(tmp_path / "cache"))
    capsys.readouterr()
    model.fit(*data)
    assert [line.split(":")[0] for line in capsys.readouterr().err.splitlines()] == [f"epoch {n}/5" for n in (3, 4, 5)]
    assert model.history_["epoch"] == [1, 2, 3, 4, 5]


def train(options, out):
    model = classifier(**options).fit(*photographs())
    out.with_suffix(".new").write_bytes(pickle.dumps(model))
    os.replace(out.with_suffix(".new"), out)


def die_while_saving(moment, *args):
    """Train, and be killed at a moment of the next writing of a checkpoint."""

    def die(*_):
        os.kill(os.getpid(), signal.SIGKILL)

    def half_written(content, file):
        whole = io.BytesIO()
        save(content, whole)
        file.write(whole.getvalue()[: whole.tell() // 2])
        file.flush()
        die()

    save, replace = torch.save, os.replace
    if moment == "half written":
        torch.save = half_written
    elif moment == "not synced":
        os.fsync = die
    else:
        os.replace = die if moment == "not renamed" else lambda *names: die(replace(*names))
    train(*args)


MOMENTS = ("renamed", "half written", "not synced", "not renamed")


def kill_trainings(folder, kills):
    """Kill one training at each moment of its saving, and others at any instant; compare all with an unbroken one."""
    folder, chance = Path(folder), np.random.default_rng(0)
    out, path, cache = folder / "out", folder / "checkpoints" / "training.pt", folder / "cache"
    epochs = 4 if kills == 1 else 8
    options = {"epochs": epochs, "patience": epochs, "cache": str(cache)}
    began = time.perf_counter()
    assert not was_killed(forked(train, options, out))
    whole = time.perf_counter() - began
    unbroken = pickle.loads(out.read_bytes())
    options["checkpoint"] = str(path)

    def begin_anew():
        for file in (out, path):
            file.unlink(missing_ok=True)

    def finish():
        assert out.exists() or not was_killed(forked(train, options, out))
        assert_same(pickle.loads(out.read_bytes()), unbroken)
        assert os.listdir(path.parent) == ["training.pt"]

    begin_anew()
    for moment in MOMENTS:
        assert was_killed(forked(die_while_saving, moment, options, out)), moment
        assert path.exists()
    finish()
    shutil.rmtree(cache)
    begin_anew()
    killed = 0
    while killed < kills:
        if out.exists():
            finish()
            begin_anew()
        child = forked(train, options, out)
        time.sleep(chance.uniform(0, whole))
        os.kill(child, signal.SIGKILL)
        killed += was_killed(child)
    finish()
    print(f"killed at {len(MOMENTS)} moments of saving and at {killed} instants of {whole:.2f} s")


@pytest.mark.parametrize("kills", [1, pytest.param(25, marks=pytest.mark.long)])
def test_a_training_that_is_killed_again_and_again_goes_on_to_the_same_result(tmp_path, kills):
    driven(kill_trainings, str(tmp_path), kills, timeout=60 + 20 * kills, warm=True)


def test_what_killed_writers_left_is_swept(data, tmp_path):
    path = tmp_path / "training.pt"
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    left = temporary_beside(path).name.replace(f"-{os.getpid()}-", f"-{int(dead.stdout)}-")
    alive, other = temporary_beside(path).name, left.replace(left.split(".")[1], "00000000")
    for name in (left, alive, other):
        (tmp_path / name).write_bytes(b"half a checkpoint")
    Checkpoint(path, {"a": "1"}).save({"epoch": 1})
    assert sorted(os.listdir(tmp_path)) == sorted(["training.pt", alive, other])


# What a checkpoint must not be taken for


@pytest.fixture(scope="module")
def saved(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    classifier(checkpoint=folder / "training.pt", cache=None, epochs=2).fit(*data)
    return (folder / "training.pt").read_bytes()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"backbone": "squeezenet1_0"}, "backbone was squeezenet1_1 and is squeezenet1_0"),
        ({"trainable_stages": 2}, "trained part"),
        ({"trainable_layers": 4}, "trained part"),
        ({"trainable_stages": 0}, "trained part was .* and is head only"),
        ({"layer": "features.11"}, "layer and pooling"),
        ({"pooling": "max"}, "layer and pooling"),
        ({"image_size": 40}, "preprocessing"),
        ({"resize": "squash"}, "preprocessing"),
        ({"augmentation": "flips"}, "augmentation"),
        ({"augment_draws": 3}, "boundary"),
        ({"boundary_cache_bytes": 0}, "boundary"),
        ({"head_init": "random"}, "head was warmup.* and is random"),
        ({"warmup_epochs": 3}, "warmup_epochs was 20 and is 3"),
        ({"hidden_units": 7}, "head"),
        ({"hidden_units": (6, 5)}, "head was warmup, 6 hidden units.* and is warmup, 6, 5 hidden units"),
        ({"dropout": 0.0}, "head"),
        ({"batch_norm": "update"}, "batch_norm was frozen and is update"),
        ({"learning_rate": 2e-3}, "learning_rate was 0.001 and is 0.002"),
        ({"head_learning_rate": 2e-3}, "head_learning_rate"),
        ({"epochs": 3}, "epochs was 2 and is 3"),
        ({"batch_size": 8}, "batch_size was 7 and is 8"),
        ({"optimizer": "sgd"}, "optimizer was adamw and is sgd"),
        ({"schedule": "constant"}, "schedule was cosine and is constant"),
        ({"weight_decay": 0.0}, "weight_decay"),
        ({"momentum": 0.5}, "momentum"),
        ({"label_smoothing": 0.1}, "label_smoothing"),
        ({"class_weight": "balanced"}, "class_weights"),
        ({"early_stopping": False}, "validation"),
        ({"validation_fraction": 0.5}, "validation"),
        ({"patience": 2}, "patience was 5 and is 2"),
        ({"random_state": 1}, "seed was 0 and is 1|weights"),
        ({"precision": "bfloat16"}, "precision was float32 and is bfloat16"),
    ],
    ids=str,
)
def test_a_checkpoint_of_other_settings_is_refused_and_left_alone(data, tmp_path, saved, options, named, forwards):
    path = tmp_path / "training.pt"
    path.write_bytes(saved)
    with pytest.raises(ModelFileError, match=f"belongs to another training: .*({named}).*remove the file") as caught:
        classifier(**{"checkpoint": path, "cache": None, "epochs": 2, **options}).fit(*data)
    assert str(path) in str(caught.value)
    assert forwards.since() == 0
    assert path.read_bytes() == saved
    assert os.listdir(tmp_path) == ["training.pt"]


def test_a_checkpoint_of_other_images_labels_or_groups_is_refused(data, tmp_path, saved):
    X, y = data
    path = tmp_path / "training.pt"
    path.write_bytes(saved)
    model = classifier(checkpoint=path, cache=None, epochs=2)
    for changed in ((photographs(1)[0], y), (X[::-1], y[::-1]), (X, (y + 1) % 3), (X[:-3], y[:-3])):
        with pytest.raises(ModelFileError, match="images and labels"):
            model.fit(*changed)
    with pytest.raises(ModelFileError, match="classes was 0 1 2 and is a b c"):
        model.fit(X, np.array(["a", "b", "c"])[y])
    with pytest.raises(ModelFileError, match="validation part"):
        model.fit(X, y, np.arange(COUNT) // 6)
    assert path.read_bytes() == saved


def test_a_checkpoint_in_another_place_is_the_same(data, tmp_path, saved):
    path = tmp_path / "moved" / "elsewhere.ckpt"
    path.parent.mkdir()
    path.write_bytes(saved)
    assert classifier(checkpoint=path, cache=None, epochs=2).fit(*data).n_iter_ == 2


class Malicious:
    def __reduce__(self):
        return exec, ("open('executed', 'w').close()",)


def as_torch_file(path, content):
    torch.save(content, path)


def as_zip(path, content):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("training/data.pkl", pickle.dumps(content))
        archive.writestr("training/version", "3\n")


DAMAGED = {
    "empty": lambda path, saved: path.write_bytes(b""),
    "text": lambda path, saved: path.write_text("no checkpoint at all\n"),
    "half": lambda path, saved: path.write_bytes(saved[: len(saved) // 2]),
    "all but the end": lambda path, saved: path.write_bytes(saved[:-30]),
    "zeros": lambda path, saved: path.write_bytes(bytes(len(saved))),
    "weights": lambda path, saved: as_torch_file(path, {"conv.weight": torch.zeros(3)}),
    "list": lambda path, saved: as_torch_file(path, [1, 2, 3]),
    "foreign": lambda path, saved: as_torch_file(path, {"format": 1, "identity": "{", "state": {}}),
    "no mapping": lambda path, saved: as_torch_file(path, {"format": 1, "identity": "[1]", "state": {}}),
    "of the future": lambda path, saved: as_torch_file(path, {"format": 99, "identity": "{}", "state": {}}),
    "pickle": lambda path, saved: path.write_bytes(pickle.dumps(Malicious())),
    "torch pickle": lambda path, saved: as_torch_file(path, {"format": 1, "identity": "{}", "state": Malicious()}),
    "zipped pickle": lambda path, saved: as_zip(path, Malicious()),
    "folder": lambda path, saved: path.mkdir(),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_what_is_no_checkpoint_is_refused_and_nothing_in_it_is_executed(data, tmp_path, saved, kind, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "training.pt"
    DAMAGED[kind](path, saved)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(ModelFileError, match=r"training\.pt") as caught:
        classifier(checkpoint=path, cache=None, epochs=2).fit(*data)
    assert "remove the file" in caught.value.next_step
    assert (path.read_bytes() if path.is_file() else None) == before
    assert os.listdir(tmp_path) == ["training.pt"]


@pytest.mark.parametrize("share", [*np.linspace(0.02, 0.98, 12)])
def test_a_damaged_checkpoint_gives_an_error_or_the_right_result(data, tmp_path, saved, share):
    path = tmp_path / "training.pt"
    damaged = bytearray(saved)
    damaged[int(share * len(saved))] ^= 0xFF
    path.write_bytes(damaged)
    expected = Checkpoint(path, {})
    with pytest.raises(ModelFileError):
        expected.load()


def test_a_checkpoint_that_cannot_be_written_is_an_error(data, tmp_path):
    (tmp_path / "file").write_text("in the way")
    path = tmp_path / "file" / "training.pt"
    with pytest.raises(ModelFileError, match=r"cannot write .*training\.pt: (Not a directory|File exists)"):
        classifier(checkpoint=path, cache=None, epochs=2).fit(*data)
    assert (tmp_path / "file").read_text() == "in the way"


def test_folders_are_made(data, tmp_path):
    path = tmp_path / "new" / "folder" / "training.pt"
    classifier(checkpoint=str(path), cache=None, epochs=1).fit(*data)
    assert path.exists()


def test_a_full_disk_leaves_the_epoch_before(tmp_path, monkeypatch):
    path = tmp_path / "training.pt"
    checkpoint = Checkpoint(path, {"a": "1"})
    checkpoint.save({"epoch": 1})

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ModelFileError, match=r"No space left on device. Free some space"):
        checkpoint.save({"epoch": 2})
    monkeypatch.undo()
    assert checkpoint.load() == {"epoch": 1}
    assert os.listdir(tmp_path) == ["training.pt"]
