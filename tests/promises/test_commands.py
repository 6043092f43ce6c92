"""Promised: every command does what its help says, prints results to stdout and remarks to stderr."""

import csv
import io
import json
import re
import shlex
import time

import click
import h5py
import numpy as np
import pytest
from commands import NETWORK, featx
from featx.cli import main
from PIL import Image
from sklearn.datasets import load_digits

from featx import load_model
from featx.networks.backbone import Backbone

QUICK = ("--grid", "logistic.C=0.001,0.01", "--cv", "3")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Forty digits, zeros and ones, in a folder of classes."""
    root = tmp_path_factory.mktemp("digits")
    digits = load_digits()
    for name, digit in (("zero", 0), ("one", 1)):
        (root / name).mkdir()
        for number, pixels in enumerate(digits.images[digits.target == digit][:20]):
            Image.fromarray((pixels * 15).astype(np.uint8)).save(root / name / f"{number:02}.png")
    return root


@pytest.fixture
def model(folder, tmp_path):
    path = tmp_path / "model.skops"
    featx("fit", folder, "-o", path, *NETWORK, *QUICK, "-q")
    return path


@pytest.fixture
def few_digits(monkeypatch):
    """Make sample:digits small: six of each of four digits."""
    import sklearn.datasets

    digits = sklearn.datasets.load_digits()
    rows = np.concatenate([np.flatnonzero(digits.target == digit)[:6] for digit in range(4)])
    few = type(digits)(images=digits.images[rows], target=digits.target[rows], data=digits.data[rows])
    monkeypatch.setattr(sklearn.datasets, "load_digits", lambda: few)


def commands(command=main, path=()):
    yield path, command
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            yield from commands(child, (*path, name))


COMMANDS = dict(commands())


def examples(command):
    """Return the lines of a command's help that one could type, each in one piece."""
    lines = command.help.partition("Example")[2].replace("\\\n", "").splitlines()
    return [" ".join(line.split()) for line in lines if re.match(r" *(featx|find) ", line)]


def test_the_commands_are_those_of_the_readme():
    names = {" ".join(path) for path in COMMANDS}
    kinds = ("info", "verify", "repair", "prune", "compact", "export")
    once = ("extract", "fit", "finetune", "predict", "compare", "backbones", "cache")
    assert names == {"", *once, *(f"cache {kind}" for kind in kinds)}


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_an_example(path):
    for flag in ("--help", "-h"):
        shown = " ".join(featx(*path, flag).output.replace("\\\n", "").split())
    assert examples(COMMANDS[path])
    for example in examples(COMMANDS[path]):
        assert example in shown
        assert shlex.split(example.rpartition("| ")[2])[1 : 1 + len(path)] == list(path)


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_fits_the_terminal_and_cuts_nothing(path, width, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    shown = featx(*path, "--help").output
    assert max(map(len, shown.splitlines())) <= width
    assert not re.search(r"\w\.\.\.$", shown.partition("\n\n")[2], re.MULTILINE)
    for param in COMMANDS[path].params:
        if isinstance(param, click.Option):
            assert param.help, param.name
            assert param.opts[0] in shown


def test_commands_are_in_the_order_of_use_and_options_in_groups():
    assert list(main.commands) == ["fit", "predict", "finetune", "compare", "extract", "backbones", "cache"]
    heads = re.findall(r"^(\S.*):$", featx("finetune", "--help").output, re.MULTILINE)
    assert heads == [
        "Data",
        "Network",
        "What is trained",
        "Training",
        "Test set",
        "Output",
        "Computing and cache",
        "Other",
    ]
    assert re.findall(r"^(\S.*):$", featx("fit", "--help").output, re.MULTILINE)[:2] == ["Data", "Heads"]


def test_the_examples_run(tmp_path, monkeypatch, few_digits):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (30, 20), "red").save("photo.png")
    order = ["fit", "", "predict", "extract", "backbones", "cache", "finetune", "compare"]
    paths = sorted(COMMANDS, key=lambda path: order.index(path[0] if path else ""))
    for path in paths:
        first, *others = [shlex.split(line.rpartition("| ")[2])[1:] for line in examples(COMMANDS[path])]
        featx(*first)
        for words in others:  # of one's own data: as far as they are typed
            name = words[: max(1, len(path))]
            COMMANDS[tuple(name)].make_context(name[-1], words[len(name) :])
    assert {"digits.skops", "photos.h5", "embeddings.h5"} <= {file.name for file in tmp_path.iterdir()}


def test_version():
    assert featx("--version").output.startswith("featx, version ")


def test_extract_writes_what_plain_h5py_reads(folder, tmp_path):
    result = featx("extract", folder, "-o", tmp_path / "out.h5", *NETWORK)
    assert result.stdout == f"{tmp_path / 'out.h5'}: 40 embeddings of 512 features\n"
    with h5py.File(tmp_path / "out.h5") as file:
        assert file["embeddings"].shape == (40, 512)
        assert file["embeddings"].dtype == np.float32
        assert np.isfinite(file["embeddings"][:]).all()
        assert file["paths"].asstr()[0] == str(folder / "one" / "00.png")
        assert file["classes"].asstr()[:].tolist() == ["one", "zero"]
        assert file["labels"][:].tolist() == 20 * [0] + 20 * [1]
        assert file["labels"].dtype == np.int64
        assert file.attrs["backbone"] == "squeezenet1_1"
        assert {"layer", "pooling", "precision", "weights_digest", "preprocessing"} <= set(file.attrs)


def test_extract_of_unlabelled_images_writes_no_labels(folder, tmp_path):
    files = [folder / "one" / "03.png", folder / "zero" / "01.png"]
    featx("extract", *files, "-o", tmp_path / "out.h5", *NETWORK)
    with h5py.File(tmp_path / "out.h5") as file:
        assert set(file) == {"embeddings", "paths"}
        assert file["paths"].asstr()[:].tolist() == [str(path) for path in files]


def test_extract_takes_a_layer_and_a_pooling(folder, tmp_path):
    featx("extract", folder, "-o", tmp_path / "out.h5", *NETWORK, "--layer", "features.9", "--pooling", "max")
    with h5py.File(tmp_path / "out.h5") as file:
        assert (file.attrs["layer"], file.attrs["pooling"]) == ("features.9", "max")


def test_fit_prints_a_table_with_intervals_and_writes_the_model(folder, tmp_path):
    path, report = tmp_path / "m.skops", tmp_path / "m.json"
    result = featx("fit", folder, "-o", path, "--json", report, *NETWORK, *QUICK)
    assert "nested cross-validation: 3 stratified folds" in result.stdout
    assert "40 of 40 images forwarded" in result.stderr
    found = json.loads(report.read_text())
    accuracy = found["evaluation"]["metrics"]["accuracy"]
    shown = "{:.1f} % ({:.1f}-{:.1f})".format(*(100 * accuracy[key] for key in ("value", "low", "high")))
    assert shown in result.stdout
    assert found["extraction"]["n_images"] == found["extraction"]["n_forwarded"] == 40
    assert found["evaluation"]["classes"] == ["one", "zero"]
    assert load_model(path).classes_.tolist() == ["one", "zero"]


def test_a_second_fit_forwards_no_image_and_says_so(folder, tmp_path):
    for text in ("40 of 40 images forwarded", "no image forwarded: all 40 embeddings were there already"):
        assert text in featx("fit", folder, "-o", tmp_path / "m.skops", *NETWORK, *QUICK).stderr


def test_without_a_cache_every_run_forwards(folder, tmp_path, own_cache):
    for _ in range(2):
        result = featx("extract", folder, "-o", tmp_path / "o.h5", *NETWORK, "--cache", "none")
        assert "40 of 40 images forwarded" in result.stderr
    assert not own_cache.exists()


def test_json_to_standard_output_is_json_only(folder, tmp_path):
    result = featx("fit", folder, "-o", tmp_path / "m.skops", "--json", "-", *NETWORK, *QUICK)
    assert json.loads(result.stdout)["evaluation"]["n_test"] == 40
    assert (tmp_path / "m.skops").exists()


def test_fit_searches_every_head_layer_and_pooling_over_one_pass(folder, tmp_path, forwards):
    layers = ("--layer", "features.9", "--layer", "features.12")
    search = ("--head", "knn", "--head", "logistic", "--pooling", "avg", "--pooling", "max", *layers)
    grid = ("--grid", "knn.n_neighbors=1,3", "--grid", "logistic.C=0.01", "--cv", "3")
    result = featx("fit", folder, "-o", tmp_path / "m.skops", "--json", "-", "-q", *NETWORK, *search, *grid)
    candidates = json.loads(result.stdout)["evaluation"]["candidates"]
    assert len({(c["head"], c["layer"], c["pooling"]) for c in candidates}) == len(candidates) == 8
    assert {p["n_neighbors"] for c in candidates if c["head"] == "knn" for p in c["parameters"]} <= {1, 3}
    assert forwards.count == 40


def test_the_picked_row_is_marked_and_the_honest_figures_stand_below_it(folder, tmp_path):
    search = ("--head", "knn", "--head", "logistic", "--grid", "knn.n_neighbors=1,3", "--json", tmp_path / "m.json")
    shown = featx("fit", folder, "-o", tmp_path / "m.skops", *NETWORK, *QUICK, *search).stdout
    found = json.loads((tmp_path / "m.json").read_text())["evaluation"]
    (picked,) = [c for c in found["candidates"] if c["picked"]]
    (reference,) = [c for c in found["candidates"] if c["reference"]]
    assert (reference["head"], reference["p_value"]) == ("logistic", None)
    assert picked["head"] == found["head"]
    (row,) = [line for line in shown.splitlines() if ", picked" in line]
    assert row.startswith(picked["head"])
    (row,) = [line for line in shown.splitlines() if " reference " in line and line.startswith("logistic")]
    assert "the row marked picked is the best of 2, so its figures are optimistic" in shown
    assert found["baseline"]["text"] in shown
    assert found["baseline"]["accuracy"] == pytest.approx(0.5, abs=0.05)


def test_a_single_candidate_is_neither_picked_nor_optimistic(folder, tmp_path):
    done = featx("fit", folder, "-o", tmp_path / "my m.skops", *NETWORK, *QUICK)
    assert "picked" not in done.stdout
    assert "reference" not in done.stdout
    assert "always answering one of the 2 largest classes, 'one', gives accuracy 50.0 %" in done.stdout
    assert f"`featx predict '{tmp_path / 'my m.skops'}' IMAGES` uses it" in done.stderr


def test_a_model_that_does_not_beat_the_largest_class_is_warned_of(tmp_path):
    rng = np.random.default_rng(0)
    for number in range(40):
        path = tmp_path / "noise" / ("rare" if number < 12 else "common") / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(path)
    shown = featx("fit", tmp_path / "noise", "-o", tmp_path / "m.skops", *NETWORK, *QUICK).stdout
    assert "warning: always answering the largest class, 'common', gives accuracy 70.0 %" in shown


@pytest.fixture
def manifest(folder):
    path = folder.parent / "list.csv"
    files = sorted(folder.rglob("*.png"))
    rows = [f"{file.relative_to(folder.parent)},{file.parent.name},{int(file.stem) // 2}" for file in files]
    path.write_text("\n".join(["path,label,group", *rows]) + "\n")
    return path


def test_a_manifest_with_groups_keeps_them_together(manifest, tmp_path):
    result = featx("fit", manifest, "-o", tmp_path / "m.skops", *NETWORK, *QUICK)
    assert "whole groups on one side" in result.stdout


def test_a_fraction_or_another_data_set_is_the_test_set(folder, manifest, tmp_path):
    part = featx("fit", folder, "-o", tmp_path / "m.skops", "--test-size", "0.25", *NETWORK, *QUICK)
    assert "held-out test set of 10 images" in part.stdout
    rows = manifest.read_text().splitlines()
    manifest.write_text("\n".join([rows[0], *rows[1::4]]) + "\n")
    other = featx("fit", folder, "-o", tmp_path / "m.skops", "--test", manifest, *NETWORK, *QUICK)
    assert "held-out test set of 10 images" in other.stdout
    assert "10 training images are copies of test images, left out of training" in other.stdout
    assert "fitted on 30 images" in other.stdout
    search = ("--head", "knn", "--head", "logistic", "--grid", "knn.n_neighbors=1,3")
    both = featx("fit", folder, "-o", tmp_path / "m.skops", "--test-size", "0.25", *NETWORK, *QUICK, *search)
    assert "picked on the training images alone, so its figures are honest" in both.stdout


def test_predict_prints_tables_csv_and_json(model, folder):
    shown, _, figures = featx("predict", model, folder).stdout.partition("\n\n")
    assert shown.split()[:3] == ["path", "label", "probability"]
    assert len(shown.splitlines()) == 42
    assert figures.startswith("judged by 40 labelled images; figures with 95 % intervals")
    rows = list(csv.DictReader(io.StringIO(featx("predict", model, folder, "--top", "2", "--format", "csv").stdout)))
    found = json.loads(featx("predict", model, folder, "--top", "5", "--format", "json").stdout)
    assert list(rows[0]) == ["path", "label", "probability", "label_2", "probability_2"]
    assert [entry["path"] for entry in found] == [row["path"] for row in rows]
    for row, entry in zip(rows, found, strict=True):
        assert [top["label"] for top in entry["top"]] == [row["label"], row["label_2"]]
        assert sum(top["probability"] for top in entry["top"]) == pytest.approx(1)
        assert entry["top"][0]["probability"] == pytest.approx(float(row["probability"]), abs=1e-6)
    right = [entry["path"].split("/")[-2] == entry["top"][0]["label"] for entry in found]
    assert np.mean(right) > 0.8
    expected = load_model(model).predict([entry["path"] for entry in found])
    assert expected.tolist() == [entry["top"][0]["label"] for entry in found]


def test_predict_takes_single_files(model, folder):
    found = json.loads(featx("predict", model, folder / "one" / "00.png", "--format", "json").stdout)
    assert [entry["path"] for entry in found] == [str(folder / "one" / "00.png")]


def test_backbones_are_listed_with_their_stages():
    listed = featx("backbones").stdout
    assert listed.splitlines()[2].split()[:2] == ["efficientnet_lite0", "1280"]
    assert all(name in listed for name in ("resnet18", "vit_b_16", "mnasnet0_5"))
    stages = featx("backbones", "--stages", "mnasnet0_5").stdout.splitlines()
    assert stages[0].split() == ["stage", "features"]
    assert stages[-1].split()[-1] == "1280"


def test_the_cache_commands(folder, tmp_path):
    store = tmp_path / "store"
    at = ("--cache", store)
    featx("extract", folder / "one", "-o", tmp_path / "a.h5", *NETWORK, *at)
    featx("extract", folder, "-o", tmp_path / "b.h5", *NETWORK, *at)
    assert "40 embeddings" in featx("cache", "info", *at).stdout
    assert "40 embeddings in 2 sound files" in featx("cache", "verify", *at).stdout
    assert "1 file fewer" in featx("cache", "compact", *at).stdout
    assert "40 embeddings" in featx("cache", "export", "-o", tmp_path / "all.h5", *at).stdout
    with h5py.File(tmp_path / "all.h5") as exported, h5py.File(tmp_path / "b.h5") as extracted:
        assert exported["embeddings"].shape == (40, 512)
        order = [np.sort(file["embeddings"][:], axis=0) for file in (exported, extracted)]
        np.testing.assert_array_equal(*order)
    (segment,) = store.rglob("*.h5")
    damaged = bytearray(segment.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    segment.chmod(0o600)
    segment.write_bytes(damaged)
    found = featx("cache", "verify", *at, code=1).stdout
    assert segment.name in found
    assert "featx cache repair" in found
    assert "1 damaged file (*.damaged)" in featx("cache", "repair", *at).stdout
    assert "0 embeddings" in featx("cache", "verify", *at).stdout
    featx("extract", folder, "-o", tmp_path / "b.h5", *NETWORK, *at)
    assert "set free" in featx("cache", "prune", "--max-bytes", "0", *at).stdout
    assert ": 0 embeddings" in featx("cache", "info", *at).stdout


def test_quiet_prints_results_only(folder, model, tmp_path):
    (tmp_path / "bad.png").write_text("text")
    assert featx("fit", folder, "-o", tmp_path / "m.skops", *NETWORK, *QUICK, "-q").stderr == ""
    skip = ("--on-error", "skip", "--quiet")
    assert featx("extract", folder, tmp_path / "bad.png", "-o", tmp_path / "o.h5", *NETWORK, *skip).stderr == ""
    assert featx("predict", model, folder, tmp_path / "bad.png", *skip).stderr == ""


def test_verbose_says_where_the_time_went(folder, tmp_path):
    result = featx("extract", folder, "-o", tmp_path / "o.h5", *NETWORK, "-v")
    assert all(stage in result.stderr for stage in ("digest", "forward", "write", "gather"))


def test_no_progress_bar_reaches_a_pipe(folder, tmp_path, monkeypatch):
    embed = Backbone.embed
    monkeypatch.setattr(Backbone, "embed", lambda *args, **options: time.sleep(0.07) or embed(*args, **options))
    result = featx("extract", folder / "one", "-o", tmp_path / "o.h5", *NETWORK, "--batch-size", "1")
    assert len(result.stderr.splitlines()) == 1
    assert "images forwarded in" in result.stderr
    assert not {"\r", "\x1b", "%"} & set(result.stderr)


@pytest.mark.parametrize("action", [("info",), ("verify",), ("repair",), ("compact",), ("prune", "--max-age", "1d")],
                         ids=" ".join)  # fmt: skip
def test_what_is_no_cache_is_not_called_sound(action, tmp_path, monkeypatch):
    (tmp_path / "caches").mkdir()
    missing, other, empty = tmp_path / "cache", tmp_path / "photos", tmp_path / "caches"
    assert f"Did you mean {empty}?" in featx("cache", *action, "--cache", missing, code=2).stderr
    other.mkdir()
    (other / "1.png").touch()
    done = featx("cache", *action, "--cache", other, code=2)
    assert f"{other} is not a cache: it holds neither embeddings nor digests.sqlite" in done.stderr
    assert done.stdout == ""
    assert featx("cache", *action, "--cache", empty).stderr == ""
    for place, said in ((other, "warning: "), (missing, "")):  # the default cache
        monkeypatch.setenv("FEATX_CACHE", str(place))
        assert featx("cache", *action).stderr.startswith(said)
    assert not missing.exists() or action[0] == "prune"
