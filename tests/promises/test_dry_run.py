"""Promised: --dry-run says what a run would cost and leaves everything as it is; --verbose names the bottleneck."""

import json

import pytest

from commands import NETWORK, featx
from images import write_dark_and_light

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
    monkeypatch.setattr("featx.forecast.timings.BUDGET_SECONDS", 0.1)
    monkeypatch.setattr("featx.forecast.timings.PROBE_EPOCHS", 2)
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


@pytest.mark.parametrize("command", COMMANDS)
def test_verbose_names_the_bottleneck(command, folder, monkeypatch):
    monkeypatch.setattr("featx.reports.costs.ADVISED_SECONDS", 0.0)
    shown = featx(command, folder, *COMMANDS[command], *NETWORK, "-v").stderr
    if command != "compare":
        assert all(stage in shown for stage in ("forward", "write", "images/s"))
        assert "is the bottleneck" in shown
    if command != "extract":
        assert "most of it is" in shown
