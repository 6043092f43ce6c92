"""Promised: `featx compare` prints verdicts and tables, goes on where it was, and refuses in one line."""

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from commands import featx
from comparisons import QUICK
from featx.cli import main

NETWORK = ("--backbone", "squeezenet1_1", "--weights", "none", "--image-size", "32", "--device", "cpu")
FROZEN = ("--strategy", "frozen", "--strategy", "frozen:knn", "--set", "frozen.C=0.01,0.1")


@pytest.fixture(autouse=True)
def quick_stages(monkeypatch):
    """Compare stages by one value of C."""
    monkeypatch.setattr("featx.comparison.stage_study.STAGE_GRID", {"logistic": QUICK})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Twenty images in each of two classes."""
    root = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for name, low in (("dark", 0), ("light", 60)):
        (root / name).mkdir()
        for number in range(20):
            pixels = rng.integers(low, low + 190, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / name / f"{number}.png")
    return root


def test_the_command_prints_tables_and_verdicts_and_goes_on(folder, tmp_path, forwards, own_cache):
    files = ("--json", tmp_path / "a.json", "--plot", tmp_path / "a.svg")
    arguments = ("compare", folder, *NETWORK, *FROZEN, "--train-size", 0.3, "--train-size", 30, "--repeats", 2, *files)
    first = featx(*arguments)
    lines = first.stdout.splitlines()
    assert "2 random splits with 10 test images each" in lines[1]
    headers = [line.split() for line in lines if line.startswith("strategy  ")]
    assert headers[:2] == headers[2:4]
    assert headers[1] == ["strategy", "extraction", "training", "prediction"]
    for size in ("12 images (6 a class): ", "30 images (15 a class): "):
        place = next(place for place, line in enumerate(lines) if line.startswith(f"at {size}"))
        # What to do stands first, the figures below.
        assert "use frozen" in lines[place]
        assert lines[place + 1].startswith("  ")
        block = "\n".join(lines[place : place + 20])
        assert "frozen - frozen:knn" in block or "frozen:knn - frozen" in block
        assert "largest class   50.0 %" in block or "largest class  50.0 %" in block
    assert len([line for line in lines if line.startswith(("frozen *", "frozen:knn *"))]) == 2
    assert "* the best figure was picked for being the best" in first.stdout
    assert "extrapolated by a power law through 2 sizes, not measured" in first.stdout
    assert "small and" in first.stdout
    assert "seconds are what it would take without a cache" in first.stdout
    assert "100 images a class or more count as large by convention" in first.stdout
    assert "frozen:knn, 30 images, repeat 2 of 2: " in first.stderr
    assert " left" in first.stderr
    found = json.loads((tmp_path / "a.json").read_text())
    assert [size["n_train"] for size in found["sizes"]] == [12, 30]
    assert (tmp_path / "a.svg").exists()
    forwards.since()
    second = featx(*arguments)
    assert "8 of 8 runs were finished already" in second.stderr
    assert second.stdout == first.stdout
    assert forwards.count == 0
    assert len(list((own_cache / "comparisons").iterdir())) == 9


def test_the_command_of_the_readme_is_understood():
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (block,) = [
        block for block in re.findall(r"```bash\n(.*?)```", readme, flags=re.DOTALL) if "featx compare" in block
    ]
    _, name, *arguments = shlex.split(block.replace("\\\n", " "))
    chosen = main.commands[name].make_context(name, arguments).params
    assert chosen["strategies"] == ("frozen:svm", "finetuned", "scratch")
    assert chosen["train_sizes"] == (0.1, 0.3, 0.75)


def test_json_to_standard_output_is_json_only_and_quiet_is_quiet(folder, tmp_path):
    options = ("--repeats", 1, "--no-transfer", "--cache", "none", "--folder", tmp_path / "runs", "--json", "-", "-q")
    done = featx("compare", folder, *NETWORK, "--strategy", "frozen", "--set", "frozen.C=0.01", *options)
    assert json.loads(done.stdout)["stages"] is None
    assert done.stderr == ""
    assert len(list((tmp_path / "runs").iterdir())) == 1


def test_several_backbones_are_compared_at_once(folder):
    more = (
        "--backbone",
        "mnasnet0_5",
        "--repeats",
        1,
        "--no-transfer",
        "--strategy",
        "frozen",
        "--set",
        "frozen.C=0.01",
    )
    shown = featx("compare", folder, *NETWORK, *more).stdout
    assert "frozen on squeezenet1_1" in shown
    assert "frozen on mnasnet0_5" in shown


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--strategy", "frozn"], ["no strategy 'frozn'", "Did you mean frozen"]),
        (["--strategy", "frozen:tree"], ["no head 'tree'"]),
        (["--strategy", "frozen", "--set", "finetuned.epochs=1"], ["finetuned", "not among the strategies"]),
        (["--strategy", "frozen", "--train-size", "0.9"], ["0.9", "the most is 0.75"]),
        (["--strategy", "frozen", "--train-size", "3"], ["has 1 image, fewer than the 2"]),
        (["--strategy", "frozen", "--layer", "layer99"], ["strategy frozen", "layer99"]),
        (["--strategy", "frozen", "--plot", "curve.txt"], ["curve.txt", ".svg"]),
        (["--strategy", "frozen", "--plot", "nowhere/curve.png"], ["no folder"]),
        (["--strategy", "frozen", "--json", "nowhere/a.json"], ["no folder"]),
    ],
)
def test_what_cannot_be_is_one_line_before_any_image_is_forwarded(folder, forwards, options, words):
    done = featx("compare", folder, *NETWORK, *options, "-q", code=2)
    (line,) = done.stderr.splitlines()
    assert line.startswith("featx: ")
    assert all(word in line for word in words), line
    assert done.stdout == ""
    assert forwards.count == 0


@pytest.mark.parametrize("options", [["--set", "epochs=3"], ["--train-size", "many"], ["--repeats", "0"]])
def test_arguments_that_make_no_sense_are_usage_errors(folder, options):
    assert "Usage: " in featx("compare", folder, *options, code=2).stderr
