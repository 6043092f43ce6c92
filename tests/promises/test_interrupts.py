"""Promised: Ctrl-C ends a command within two seconds, keeps what is committed, and says how to go on."""

import numpy as np
import pytest
from PIL import Image

from commands import NETWORK as TINY
from featx import EmbeddingCache
from processes import interrupt

# A shell's background jobs, of which pytest may be one, ignore SIGINT and hand that down.
MAIN = """
import signal, sys
from featx.cli import main
from featx.extraction import forward as forwarding
forwarding.TURN_SECONDS = 0.1
signal.signal(signal.SIGINT, signal.default_int_handler)
main(sys.argv[1:])
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for name in ("one", "two"):
        (root / name).mkdir()
        for number in range(60):
            Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(root / name / f"{number}.png")
    return root


def rows(cache):
    return sum(info.rows for info in EmbeddingCache(cache).info())


NETWORK = ["--backbone", "resnet18", "--weights", "none", "--batch-size", "2"]
COMMANDS = {
    "extract": ["-o", "out.h5", *NETWORK],
    "fit": ["-o", "out.skops", *NETWORK],
    "finetune": ["-o", "out.skops", *NETWORK, "--checkpoint", "out.ckpt", "--epochs", "50"],
    "compare": ["--strategy", "frozen", "--strategy", "finetuned", *NETWORK],
}


@pytest.mark.parametrize(
    "command", ["extract", *(pytest.param(name, marks=pytest.mark.long) for name in ("finetune", "fit", "compare"))]
)
def test_a_command_stops_and_keeps_what_is_committed(command, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = ["-c", MAIN, command, str(folder), *COMMANDS[command]]
    code, share, errors = interrupt(run, tmp_path / "cache", lambda _: rows(tmp_path / "cache") > 0)
    assert code == 130, errors
    assert share < 1
    assert "run the same command to go on" in errors
    assert "Traceback" not in errors
    cache = EmbeddingCache(tmp_path / "cache")
    assert rows(tmp_path / "cache") > 0
    assert cache.verify().clean
    assert not (tmp_path / "out.h5").exists()


# What has a command work on for minutes once its images are extracted, and by which files one sees that it does.
LATER = {
    "fit": (["-o", "out.skops", "--head", "mlp", "--cv", "40", *TINY], "cache/*/*.h5"),
    "fit in processes": (
        ["-o", "out.skops", "--head", "mlp", "--cv", "40", "--n-jobs", "2", *TINY],
        "cache/*/*.h5",
    ),
    "finetune": (
        ["-o", "out.skops", "--checkpoint", "out.ckpt", "--epochs", "9999", "--no-early-stopping", *TINY],
        "out.ckpt",
    ),
    "compare": (["--repeats", "99", "--folder", "runs", *TINY], "runs/*.npz"),
}


@pytest.mark.long
@pytest.mark.parametrize("after", [0.1, 2.0])
@pytest.mark.parametrize("name", LATER)
def test_a_command_that_is_past_its_extraction_stops_as_soon(name, after, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options, files = LATER[name]

    def ready(_):
        return rows(tmp_path / "cache") >= 120 and any(tmp_path.glob(files))

    run = ["-c", MAIN, name.split()[0], str(folder), *options]
    code, share, errors = interrupt(run, tmp_path / "cache", ready, after=after)
    assert code == 130, errors
    assert share < 1
    assert errors.splitlines()[-1].endswith("run the same command to go on"), errors
    # A worker of joblib's that is interrupted while it starts shows where.
    assert "Traceback" not in errors or "processes" in name, errors
    assert EmbeddingCache(tmp_path / "cache").verify().clean
    assert not list(tmp_path.glob("*out.skops*"))
