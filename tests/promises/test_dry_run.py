"""Promised: --dry-run says what a run would cost and leaves everything as it is; --verbose names the bottleneck."""

import json

import pytest
from commands import NETWORK, featx
from images import write_dark_and_light

from featx import ExtractionResult
from featx.display.text_tables import render_text
from featx.forecast.result import ForecastResult, Part
from featx.reports.costs import extraction_parts, forecast_parts, times_text

GRID = ("--grid", "logistic.C=0.01")
COMMANDS = {
    "extract": ["-o", "out.h5"],
    "fit": ["-o", "out.skops", *GRID, "--cv", "3"],
    "finetune": ["-o", "out.skops", "--epochs", "1", "--head-init", "logistic"],
    "compare": [
        "--strategy",
        "frozen",
        "--set",
        "frozen.C=0.01",
        "--repeats",
        "1",
        "--no-transfer",
        "--folder",
        "runs",
    ],
}
PARTS = {
    "extract": ["forward", "the file of embeddings"],
    "fit": ["forward", "tune logistic", "figures and the last fit"],
    "finetune": [
        "forward below the trained stages",
        "forward for the head",
        "fit the head",
        "train 1 epoch",
        "predict",
    ],
    "compare": ["frozen: forward", "frozen: tune and fit the head"],
}
WITH_JSON = [command for command in COMMANDS if command != "extract"]


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch, tmp_path):
    """Probe briefly, in a folder of one's own."""
    monkeypatch.setattr("featx.forecast.probe.REPEAT_SECONDS", 0.2)
    monkeypatch.setattr("featx.forecast.head_times.BUDGET_SECONDS", 0.1)
    monkeypatch.setattr("featx.forecast.finetune.PROBE_EPOCHS", 2)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def folder(tmp_path):
    """Fifteen images of noise in each of two classes."""
    return write_dark_and_light(tmp_path / "data", 15, 12)


def files(root):
    """Return the content of every file but what is remembered of files and of the processor."""
    found = [path for path in root.rglob("*") if path.is_file()]
    return {
        path: path.read_bytes() for path in found if path.name != "digests.sqlite" and "precisions" not in path.parts
    }


def without_output(command):
    """Return the arguments without -o, which a dry run can do without."""
    arguments = list(COMMANDS[command])
    if "-o" in arguments:
        place = arguments.index("-o")
        del arguments[place : place + 2]
    return arguments


@pytest.mark.parametrize("command", ["extract", "fit", "finetune"])
def test_only_a_dry_run_does_without_an_output(command, folder):
    assert "Missing option '--output'" in featx(command, folder, *without_output(command), *NETWORK, code=2).stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_a_dry_run_prints_all_parts_and_writes_nothing(command, folder, tmp_path):
    for name in ("out.h5", "out.skops"):
        (tmp_path / name).write_bytes(b"precious")
    before = files(tmp_path)
    result = featx(command, folder, *COMMANDS[command], *NETWORK, "--dry-run")
    assert files(tmp_path) == before
    assert not (tmp_path / "runs").exists()
    for part in [*PARTS[command], "in all, ab" if command != "finetune" else "in all, at most"]:
        assert part in result.stdout
    assert "30 images" in result.stdout
    assert "30 were probed" in result.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_a_dry_run_after_the_run_finds_all_cached(command, folder, forwards):
    featx(command, folder, *COMMANDS[command], *NETWORK, "-q")
    forwards.since()
    result = featx(command, folder, *COMMANDS[command], *NETWORK, "--dry-run")
    if command in ("extract", "fit"):
        assert "30 are cached, 0 would be forwarded; none had to be probed" in result.stdout
        assert forwards.since() == 0
    if command == "finetune":  # the network that is trained next has embeddings of its own
        assert "104 would find their result cached" in result.stdout


@pytest.mark.parametrize("command", WITH_JSON)
def test_a_dry_run_prints_json_where_it_is_asked_for(command, folder, tmp_path):
    found = json.loads(featx(command, folder, *without_output(command), *NETWORK, "--dry-run", "--json", "-").stdout)
    assert found["n_images"] == 30
    assert found["n_cached"] == 0
    assert found["n_probed"] == 30
    assert found["seconds"] == pytest.approx(sum(part["seconds"] for part in found["parts"]))
    assert found["disk_bytes"] == sum(part["disk_bytes"] for part in found["parts"]) > 0
    assert found["memory_bytes"] >= found["base_bytes"]
    (tmp_path / "old.json").write_text("precious")
    result = featx(command, folder, *COMMANDS[command], *NETWORK, "--dry-run", "--json", "old.json")
    assert (tmp_path / "old.json").read_text() == "precious"
    assert "old.json is not written by a dry run" in result.stderr


@pytest.mark.parametrize("skip", [(), ("--on-error", "skip")])
@pytest.mark.parametrize(
    "command", [name if name in ("extract", "fit") else pytest.param(name, marks=pytest.mark.long) for name in COMMANDS]
)
def test_a_dry_run_says_how_many_images_cannot_be_read(command, skip, folder):
    for name in ("03", "07"):
        (folder / "dark" / f"{name}.png").write_bytes(name.encode())
    shown = featx(command, folder, *without_output(command), *NETWORK, *skip, "--dry-run").stdout
    assert "2 images could not be read" in shown
    assert ("they are left out" if skip else "--on-error skip") in shown


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("extract", ["--layer", "layer99"]),
        ("extract", ["--precision", "int4"]),
        ("extract", ["--n-jobs", "0"]),
        ("extract", ["-o", "missing/out.h5"]),
        ("fit", ["--head", "logistics"]),
        ("fit", ["--grid", "logistic.C=-1"]),
        ("fit", ["--test-size", "1.5"]),
        ("fit", ["--cv", "40"]),
        ("fit", ["--pooling", "median"]),
        ("finetune", ["--trainable-stages", "99"]),
        ("finetune", ["--validation-fraction", "2"]),
        ("finetune", ["--test-size", "0"]),
        ("compare", ["--strategy", "frozen:bayes"]),
        ("compare", ["--train-size", "4000"]),
        ("compare", ["--set", "finetuned.epochs=1"]),
    ],
)
def test_a_dry_run_refuses_what_the_run_refuses(command, options, folder):
    call = [command, folder, *COMMANDS[command], *NETWORK, "-q", *options]
    real, dry = featx(*call, code=2), featx(*call, "--dry-run", code=2)
    assert real.stderr == dry.stderr
    assert dry.stdout == ""


def test_the_table_of_a_forecast():
    forecast = ForecastResult(3000, 3000, 40, True, 64, 0, base_bytes=500_000_000)
    forecast.parts = [Part("forward", 75.4, 2_000_000, 0, 2960), Part("tune svm", 9.95, 0, 30_000_000)]
    lines = render_text(forecast_parts(forecast)).splitlines()
    assert lines[2].split() == ["forward", "2,960", "1", "min", "15", "s", "2.0", "MB"]
    assert lines[4].split() == ["in", "all,", "about", "1", "min", "25", "s", "2.0", "MB", "530.0", "MB"]
    assert "3,000 images: about 40 are cached, 2,960 would be forwarded; 64 were probed" in lines
    forecast.base_bytes = 0
    assert "30.0 MB and more" in render_text(forecast_parts(forecast))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (
            {"digest": 1.0, "wait": 2.0, "forward": 30.0, "write": 0.5},
            "the network is the bottleneck (90 %",
        ),
        ({"wait": 9.0, "forward": 1.0, "read": 2.0, "decode": 11.0}, "decoding is the bottleneck (90 % of the time)"),
        ({"wait": 9.0, "forward": 1.0, "read": 12.0, "decode": 11.0}, "reading the files is the bottleneck"),
        # Decoding that the network need not wait for holds up nothing.
        (
            {"wait": 1.0, "forward": 3.0, "read": 2.0, "decode": 50.0},
            "the network is the bottleneck (75 %",
        ),
        ({"wait": 0.1, "forward": 0.2, "write": 3.0}, "writing to the cache is the bottleneck"),
        ({"digest": 2.0, "wait": 0.0, "forward": 0.0, "gather": 1.0}, "reading the files for their digests"),
    ],
)
def test_the_bottleneck_is_what_the_others_wait_for(seconds, words):
    text = render_text(extraction_parts(ExtractionResult(n_images=100, n_forwarded=80, seconds=seconds), n_jobs=3))
    assert words in text
    assert ("read and decode: in all 3 threads together" in text) == ("read" in seconds)


def test_threads_are_advised_while_there_are_processors(monkeypatch):
    found = ExtractionResult(
        n_images=9, n_forwarded=9, seconds={"wait": 9.0, "forward": 1.0, "read": 1.0, "decode": 9.0}
    )
    monkeypatch.setattr("featx.runtime.resources.core_count", lambda: 8)
    assert "--n-jobs 8" in render_text(extraction_parts(found, n_jobs=2))
    for every in (None, -1, 8):
        assert "--n-jobs" not in render_text(extraction_parts(found, n_jobs=every))


def test_what_took_less_than_a_second_is_no_bottleneck():
    assert "bottleneck" not in render_text(extraction_parts(ExtractionResult(n_images=9, seconds={"gather": 0.0})))
    assert times_text({"extraction": 0.01, "tuning": 0.9}) == "extraction 0.0 s, tuning 0.9 s"
    assert "most of it is tuning (75 %)" in times_text({"extraction": 1.0, "tuning": 3.0})


@pytest.mark.parametrize("command", COMMANDS)
def test_verbose_names_the_bottleneck(command, folder, monkeypatch):
    monkeypatch.setattr("featx.reports.costs.NEGLIGIBLE_SECONDS", 0.0)
    shown = featx(command, folder, *COMMANDS[command], *NETWORK, "-v").stderr
    if command != "compare":
        assert all(stage in shown for stage in ("forward", "write", "images/s"))
        assert "is the bottleneck" in shown
    if command != "extract":
        assert "most of it is" in shown
