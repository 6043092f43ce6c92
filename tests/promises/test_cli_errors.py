"""Promised: bad input gets one line with the thing, the reason and the next step, exit code 2, and nothing is lost."""

import io
import json
import os
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from PIL import Image

from commands import NETWORK, featx
from featx.finetuning.checkpoint import Checkpoint
from images import write_dark_and_light

QUICK = ("--grid", "logistic.C=0.01", "--cv", "3")
RNG = np.random.default_rng(0)


def error_of(*arguments):
    """Return the one line that a command ends with."""
    result = featx(*arguments, "-q", code=2)
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("featx: ")
    assert "Traceback" not in line
    assert "<class" not in line
    assert ".. " not in line
    return line


def usage_error_of(*arguments):
    result = featx(*arguments, code=2)
    assert result.stdout == ""
    assert "Usage: " in result.stderr
    return result.stderr.splitlines()[-1]


@pytest.fixture
def folder(tmp_path):
    """Six images in each of two classes."""
    return write_dark_and_light(tmp_path / "images", 6, 8)


@pytest.fixture
def model(folder, tmp_path):
    featx("fit", folder, "-o", tmp_path / "model.skops", *NETWORK, *QUICK, "-q")
    return tmp_path / "model.skops"


def truncated():
    stream = io.BytesIO()
    Image.fromarray(RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(stream, "JPEG")
    return stream.getvalue()[:900]


def bomb():
    """A PNG whose header claims 60,000 x 60,000 pixels."""
    stream = io.BytesIO()
    Image.new("L", (1, 1)).save(stream, "PNG")
    data = bytearray(stream.getvalue())
    data[16:24] = 2 * (60_000).to_bytes(4, "big")
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    return bytes(data)


BAD = {
    "truncated.jpg": (truncated(), "truncated"),
    "bomb.png": (bomb(), "pixels"),
    "text.jpg": (b"this is no image", "text.jpg"),
    "empty.png": (b"", "empty.png"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_image_is_named_and_the_old_output_stays(name, folder, tmp_path):
    content, reason = BAD[name]
    (folder / "dark" / name).write_bytes(content)
    output = tmp_path / "out.h5"
    output.write_bytes(b"precious")
    line = error_of("extract", folder, "-o", output, *NETWORK)
    assert str(folder / "dark" / name) in line
    assert reason in line
    assert output.read_bytes() == b"precious"
    assert [file.name for file in tmp_path.glob("*out.h5*")] == ["out.h5"]
    kept = featx("extract", folder, "-o", output, *NETWORK, "--on-error", "skip")
    assert f"skipped {folder / 'dark' / name}: " in kept.stderr


@pytest.mark.parametrize("name", ["features.npy", "features.csv", "features.NPZ", "a.b.parquet"])
def test_an_output_named_as_another_format_is_refused_before_anything_is_forwarded(name, folder, tmp_path, forwards):
    line = error_of("extract", folder, "-o", tmp_path / name, *NETWORK)
    assert f"the file is HDF5, not {Path(name).suffix}. Name it" in line
    assert str((tmp_path / name).with_suffix(".h5")) in line
    assert forwards.since() == 0
    assert not list(tmp_path.glob("*.*"))
    featx("extract", folder, "-o", tmp_path / "features", *NETWORK)
    assert "the file is HDF5" in featx("cache", "export", "-o", tmp_path / name, code=2).stderr


def test_an_image_of_too_many_pixels_is_told_what_helps_in_a_command(tmp_path):
    # Between Pillow's limit and twice that, where Pillow itself warns and decodes
    Image.new("1", (10_500, 10_000)).save(tmp_path / "flag.png")
    line = error_of("extract", tmp_path, "-o", tmp_path / "o.h5", *NETWORK)
    assert line.endswith(
        "flag.png: 10500 x 10000 pixels exceed the limit of 89,478,485. Shrink the image (`magick a.jpg -resize 50% "
        "b.jpg`), or raise PIL.Image.MAX_IMAGE_PIXELS in Python if you trust it. `--on-error skip` "
        "leaves such images out, and `--failures FILE.json` lists them."
    )


def test_a_good_image_is_not_forwarded_again_after_a_bad_one(folder, tmp_path, forwards):
    (folder / "light" / "text.jpg").write_bytes(b"text")
    error_of("extract", folder, "-o", tmp_path / "out.h5", *NETWORK, "--batch-size", "2")
    done = forwards.since()
    (folder / "light" / "text.jpg").unlink()
    featx("extract", folder, "-o", tmp_path / "out.h5", *NETWORK)
    assert done + forwards.since() == 12


@pytest.mark.parametrize("command", ["extract", "fit"])
def test_skipped_images_are_left_out_and_listed_with_their_reasons(command, folder, tmp_path):
    for name, (content, _) in BAD.items():
        (folder / "dark" / name).write_bytes(content)
    listed, output = tmp_path / "failures.json", tmp_path / "out"
    options = ["--on-error", "skip", "--failures", listed, *NETWORK, *(QUICK if command == "fit" else ())]
    featx(command, folder, "-o", output, *options)
    failures = json.loads(listed.read_text())
    assert {os.path.basename(failure["path"]) for failure in failures} == set(BAD)
    assert all(failure["reason"] for failure in failures)
    files = sorted((folder / "dark").iterdir()) + sorted((folder / "light").iterdir())
    assert [str(files[failure["index"]]) for failure in failures] == [failure["path"] for failure in failures]
    if command == "extract":
        with h5py.File(output) as file:
            names, labels = file["paths"].asstr()[:], file["labels"][:]
            assert [os.path.basename(os.path.dirname(name)) for name in names] == [
                file["classes"].asstr()[label] for label in labels
            ]
            assert len(names) == len(file["embeddings"]) == 12


def test_predict_skips_what_it_cannot_read(folder, model, tmp_path):
    (tmp_path / "text.jpg").write_bytes(b"text")
    arguments = ("predict", model, tmp_path / "text.jpg", folder / "dark" / "00.png")
    assert str(tmp_path / "text.jpg") in error_of(*arguments)
    found = featx(*arguments, "--on-error", "skip", "--format", "json", "-q")
    assert [entry["path"] for entry in json.loads(found.stdout)] == [str(folder / "dark" / "00.png")]
    assert "none of the images" in error_of("predict", model, tmp_path / "text.jpg", "--on-error", "skip")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--backbone", "mnasnet0_55"], ["mnasnet0_55", "mnasnet0_5"]),
        (["--backbone", "efficientnet_lite"], ["efficientnet_lite0"]),
        (["--layer", "layer99", "--backbone", "mnasnet0_5"], ["layer99", "layers"]),
        (["--pooling", "median"], ["median", "avg"]),
        (["--pooling", "cls"], ["cls"]),
        (["--weights", "IMAGENET1K_V9"], ["IMAGENET1K_V9", "IMAGENET1K_V1"]),
        (["--weights", "missing/weights.pth"], ["missing/weights.pth", "No such file"]),
        (["--precision", "int4"], ["int4", "bfloat16"]),
        (["--device", "quantum"], ["quantum"]),
        (["--image-size", "1", "--backbone", "alexnet"], ["alexnet"]),
        (["--n-jobs", "0"], ["--n-jobs 0"]),
        (["--cache", "{tmp}/file/below"], ["{tmp}/file"]),
    ],
)
def test_what_the_network_does_not_have_is_named(options, words, folder, tmp_path):
    (tmp_path / "file").write_text("in the way")
    options = [option.format(tmp=tmp_path) for option in options]
    line = error_of("extract", folder, "-o", tmp_path / "out.h5", *NETWORK, *options)
    assert all(word.format(tmp=tmp_path) in line for word in words), line
    assert not (tmp_path / "out.h5").exists()


def test_weights_of_another_network_are_refused_with_the_first_keys(folder, tmp_path):
    torch.save({"stem.weight": torch.zeros(3)}, tmp_path / "other.pth")
    line = error_of("extract", folder, "-o", tmp_path / "o.h5", *NETWORK, "--weights", tmp_path / "other.pth")
    assert str(tmp_path / "other.pth") in line
    assert "features.0.weight" in line


def test_a_download_without_a_network_says_which_file_to_put_where(folder, tmp_path, monkeypatch):
    def offline(*args, **options):
        raise OSError("Network is unreachable")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))
    monkeypatch.setattr("torch.hub.download_url_to_file", offline)
    line = error_of("extract", folder, "-o", tmp_path / "out.h5", "--backbone", "mnasnet0_5")
    assert "Network is unreachable" in line
    assert "mnasnet0.5_top1_67.823-3ffadce67e.pth" in line
    assert str(tmp_path / "hub") in line


def test_no_space_in_the_cache_is_said(folder, tmp_path, monkeypatch):
    def full(*args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("featx.cache.store.EmbeddingCache.put", _cache_error(full))
    line = error_of("extract", folder, "-o", tmp_path / "out.h5", *NETWORK)
    assert "no space in the cache" in line
    assert "featx cache prune" in line


def _cache_error(full):
    from featx.cache.store import EmbeddingCache

    put = EmbeddingCache.put

    def patched(self, *args):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("featx.cache.segment.os.replace", full)
            patch.setattr("featx.cache.segment.os.rename", full)
            return put(self, *args)

    return patched


@pytest.mark.parametrize("command", ["extract", "fit"])
def test_data_that_is_not_there_is_named(command, folder, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "list.csv").write_text("where,label\na.png,b\n")
    (tmp_path / "notes.txt").write_text("text")
    cases = {"empty": "holds no image", "missing": "does not exist", "list.csv": "columns where, label"}
    for name, reason in cases.items():
        line = error_of(command, tmp_path / name, "-o", tmp_path / "out", *NETWORK)
        assert str(tmp_path / name) in line
        assert reason in line
    assert "sample:digits" in error_of(command, "sample:digit", "-o", tmp_path / "out", *NETWORK)


def test_labels_that_do_not_suit_a_fit_are_refused(folder, tmp_path):
    output = ("-o", tmp_path / "m.skops", *NETWORK)
    assert "no labels" in error_of("fit", folder / "dark", *output)
    assert "both classes have fewer images than the 7 that 7 folds need: 'dark' (6), 'light' (6)" in error_of(
        "fit", folder, *output, "--cv", "7"
    )
    (tmp_path / "more" / "blue").mkdir(parents=True)
    (folder / "dark" / "00.png").rename(tmp_path / "more" / "blue" / "00.png")
    assert "'blue'" in error_of("fit", folder, *output, "--test", tmp_path / "more")
    assert "only one class" in error_of("fit", tmp_path / "more", *output)
    assert not (tmp_path / "m.skops").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--head", "logistics"], ["logistics", "logistic"]),
        (["--grid", "svm.C=1"], ["svm"]),
        (["--grid", "logistic.c=1"], ["'c'", "C"]),
        (["--grid", "logistic.C=-1"], ["logistic", "C"]),
        (["--grid", "logistic.C=many"], ["logistic", "C"]),
        (["--head", "knn", "--class-weight", "balanced"], ["knn", "class weights"]),
        (["--head", "knn", "--grid", "knn.n_neighbors=500"], ["n_neighbors"]),
        (["--test-size", "0.99"], ["--test-size 0.99 of"]),
        (["--test-size", "0.5", "--test", "sample:digits"], ["test set and --test-size"]),
        (["--json", "{tmp}/missing/x.json"], ["{tmp}/missing"]),
        (["--failures", "{tmp}/missing/x.json"], ["{tmp}/missing"]),
        (["-o", "{tmp}/missing/m.skops"], ["{tmp}/missing"]),
    ],
)
def test_options_of_fit_that_make_no_sense_are_refused(options, words, folder, tmp_path):
    options = [option.format(tmp=tmp_path) for option in options]
    line = error_of("fit", folder, "-o", tmp_path / "m.skops", "--cv", "3", *NETWORK, *options)
    assert all(word.format(tmp=tmp_path) in line for word in words), line


@pytest.mark.parametrize("content", [None, b"", b"text", "folder"])
def test_a_file_that_is_no_model_is_refused(content, folder, tmp_path):
    path = tmp_path / "m.skops"
    if content == "folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    assert str(path) in error_of("predict", path, folder)


@pytest.mark.parametrize(
    "arguments",
    [
        ["verify", "--cache", "{tmp}/file"],
        ["export", "-o", "{tmp}/all.h5"],
        ["export", "-o", "{tmp}/missing/all.h5", "--cache", "{tmp}/filled"],
        ["export", "-o", "{tmp}/all.h5", "--spec", "zzz", "--cache", "{tmp}/filled"],
    ],
)
def test_the_cache_commands_say_what_is_wrong(arguments, folder, tmp_path):
    (tmp_path / "file").write_text("no cache")
    featx("extract", folder, "-o", tmp_path / "o.h5", *NETWORK, "--cache", tmp_path / "filled")
    result = featx("cache", *(argument.format(tmp=tmp_path) for argument in arguments), code=2)
    assert result.stderr.startswith("featx: ")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["extract"], "Missing argument 'IMAGES...'"),
        (["extract", "x.png"], "Missing option '--output'"),
        (["fit", "sample:digits", "-o", "m", "--grid", "logistic"], "HEAD.PARAM=V1,V2"),
        (["fit", "sample:digits", "-o", "m", "--grid", "logistic.=1"], "HEAD.PARAM=V1,V2"),
        (["fit", "sample:digits", "-o", "m", "--cv", "1"], "--cv"),
        (["predict", "m.skops", "x.png", "--top", "0"], "--top"),
        (["cache", "prune"], "--max-bytes SIZE"),
        (["cache", "prune", "--max-bytes", "lots"], "'lots' is not a size"),
        (["cache", "prune", "--max-age", "3 years"], "is not a time"),
        (["train"], "No such command 'train'"),
    ],
)
def test_usage_errors_are_clicks_own(arguments, words):
    assert words in usage_error_of(*arguments)


@pytest.mark.parametrize("command", [["extract", "-o", "out.h5"], ["fit", "-o", "m.skops", *QUICK]])
def test_ctrl_c_stops_with_130_and_a_word(command, folder, tmp_path, monkeypatch):
    def interrupted(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("featx.networks.backbone.Backbone.embed", interrupted)
    result = featx(command[0], folder, *command[1:], *NETWORK, "-q", code=130)
    (line,) = result.stderr.splitlines()
    assert line.startswith("featx: stopped")
    assert [path.name for path in tmp_path.glob("*.[hs]*")] == []


@pytest.fixture
def stopped_after_two_epochs(monkeypatch):
    """Ctrl-C comes when the second epoch of the next training is written."""
    save, saved = Checkpoint.save, []

    def stopped(self, state):
        save(self, state)
        saved.append(state)
        if len(saved) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoint, "save", stopped)


SMALL = ("--image-size", "32", "--device", "cpu")
TUNE = ("--epochs", "4", "--trainable-stages", "0", "--augmentation", "none", *SMALL)


@pytest.mark.parametrize("named", [False, True], ids=["by itself", "where it was told to"])
def test_finetune_keeps_its_epochs_and_goes_on_from_them(named, folder, tmp_path, stopped_after_two_epochs):
    path = tmp_path / ("mine.pt" if named else "m.skops.checkpoint")
    run = ["finetune", folder, "-o", tmp_path / "m.skops", *TUNE]
    run += ["--checkpoint", path] if named else []
    first = featx(*run, code=130).stderr
    assert first.splitlines()[-1].endswith(f"the finished epochs are in {path}; run the same command to go on")
    assert path.exists()
    again = featx(*run).stderr
    assert [line.split(":")[0] for line in again.splitlines() if line.startswith("epoch")] == ["epoch 3/4", "epoch 4/4"]
    # What the user has not asked for does not outlive the model.
    assert path.exists() == named
    assert (tmp_path / "m.skops").exists()


def test_finetune_replaces_its_own_checkpoint_of_another_training_and_no_other(
    folder, tmp_path, stopped_after_two_epochs
):
    run = ["finetune", folder, "-o", tmp_path / "m.skops", *TUNE]
    featx(*run, code=130)
    kept = (tmp_path / "m.skops.checkpoint").rename(tmp_path / "mine.pt").read_bytes()
    other = [*run, "--head-learning-rate", "0.5"]
    refused = featx(*other, "--checkpoint", tmp_path / "mine.pt", code=2).stderr
    assert "belongs to another training" in refused
    assert (tmp_path / "mine.pt").read_bytes() == kept
    (tmp_path / "m.skops.checkpoint").write_bytes(kept)
    said = featx(*other).stderr
    assert "note: the training begins anew" in said
    assert "--head-learning-rate was" in said
    assert "epoch 1/4" in said
    assert not (tmp_path / "m.skops.checkpoint").exists()


def test_epochs_of_another_training_are_kept_until_there_is_one_of_this(
    folder, tmp_path, stopped_after_two_epochs, monkeypatch
):
    run, kept = ["finetune", folder, "-o", tmp_path / "m.skops", *TUNE], tmp_path / "m.skops.checkpoint"
    featx(*run, code=130)
    first = kept.read_bytes()

    def interrupted(*args, **options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("featx.finetuning.training.Training.run", interrupted)
        said = featx(*run, "--seed", "5", code=130).stderr
    assert "seed was 0 and is 5" in said
    assert "finished epochs are in" not in said.splitlines()[-1]
    assert kept.read_bytes() == first
    # Killed where nothing is cleaned up
    kept.rename(tmp_path / "m.skops.checkpoint.other")
    again = featx(*run).stderr
    assert "epoch 3/4" in again
    assert "epoch 2/4" not in again
    assert sorted(path.name for path in tmp_path.glob("m.skops*")) == ["m.skops"]


def test_without_a_cache_a_stopped_command_says_that_nothing_was_kept(folder, tmp_path, monkeypatch):
    def interrupted(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("featx.networks.backbone.Backbone.embed", interrupted)
    for command, *options in (["fit", *QUICK, *SMALL], ["finetune", *TUNE]):
        run = [command, folder, "-o", tmp_path / "m.skops", *options, "--cache", "none"]
        assert featx(*run, code=130).stderr.splitlines()[-1] == "featx: stopped; nothing was kept"
    run = ["compare", folder, "--strategy", "frozen", *NETWORK, "--cache", tmp_path / "cache", "--no-transfer"]
    said = featx(*run, code=130).stderr.splitlines()[-1]
    assert said == "featx: stopped; the embeddings computed so far are in the cache; run the same command to go on"


def test_a_bug_keeps_its_traceback(folder, tmp_path, monkeypatch):
    def broken(*args, **options):
        raise ZeroDivisionError

    monkeypatch.setattr("featx.workflows.extract.write_embeddings", broken)
    with pytest.raises(ZeroDivisionError):
        featx("extract", folder, "-o", tmp_path / "o.h5", *NETWORK)
