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
from featx.cli.strategies import named_strategies

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
    files = (
        "--json",
        tmp_path / "a.json",
        "--plot",
        tmp_path / "a.svg",
        "--predictions",
        tmp_path / "a.csv",
        "--json-predictions",
    )
    arguments = ("compare", folder, *NETWORK, *FROZEN, "--train-size", 0.3, "--train-size", 30, "--repeats", 2, *files)
    first = featx(*arguments)
    # Two strategies at two sizes in two repeats, and the line of names.
    assert (tmp_path / "a.csv").read_text().count("\n") == 1 + 2 * 2 * 2 * 10
    for size in json.loads((tmp_path / "a.json").read_text())["sizes"]:
        assert [len(one["predictions"]) for one in size["strategies"]] == [20, 20]
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
        block = "\n".join(lines[place : place + 25])
        assert "frozen - frozen:knn" in block or "frozen:knn - frozen" in block
        assert "largest class   50.0 %" in block or "largest class  50.0 %" in block
    assert len([line for line in lines if line.startswith(("frozen *", "frozen:knn *"))]) == 2
    assert "* the best figure was picked for being the best" in first.stdout
    # Nothing is wrong at any size.
    assert "extrapolated" not in first.stdout
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


def test_the_commands_of_the_page_are_understood():
    page = (Path(__file__).parents[2] / "docs" / "tasks" / "compare.md").read_text(encoding="utf-8")
    blocks = [block for block in re.findall(r"```bash\n(.*?)```", page, flags=re.DOTALL) if "featx compare" in block]
    first, named = (shlex.split(block.replace("\\\n", " "))[1:] for block in blocks)
    chosen, study = (main.commands[name].make_context(name, rest).params for name, *rest in (first, named))
    assert chosen["strategies"] == ("frozen:logistic", "finetuned")
    assert chosen["train_sizes"] == (0.3, 0.7)
    cnn, alexnet = named_strategies(study["strategies"], study["settings"])
    assert (cnn.name, cnn.strategy, cnn.per_class, cnn.settings["image_size"]) == ("cnn", "scratch", 1500, 100)
    assert (alexnet.name, alexnet.settings["learning_rate"], alexnet.per_class) == ("alexnet", 1e-4, 500)


def test_json_to_standard_output_is_json_only_and_quiet_is_quiet(folder, tmp_path):
    options = ("--repeats", 1, "--no-transfer", "--cache", "none", "--folder", tmp_path / "runs", "--json", "-", "-q")
    done = featx("compare", folder, *NETWORK, "--strategy", "frozen", "--set", "frozen.C=0.01", *options)
    assert json.loads(done.stdout)["stages"] is None
    assert done.stderr == ""
    assert len(list((tmp_path / "runs").iterdir())) == 1


def test_several_backbones_are_compared_at_once(folder):
    tuned = ("--strategy", "frozen:svm", "--set", "frozen:svm.C=0.01")
    trained = ("--strategy", "finetuned", "--set", "finetuned.dropout=0.5", "--set", "finetuned.augmentation=keras",
               "--set", "finetuned.epochs=1", "--set", "finetuned.augment_draws=1")  # fmt: skip
    options = ("--backbone", "squeezenet1_0", "--repeats", 1, "--no-transfer", "--train-size", 8)
    shown = featx("compare", folder, *NETWORK, *options, *tuned, *trained).stdout
    last = shown[shown.index("in short") :]
    for name in ("frozen:svm", "finetuned"):
        for network in ("squeezenet1_1", "squeezenet1_0"):
            assert re.search(rf"^{name} on {network} +{network} +", last, flags=re.MULTILINE)


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


STUDY = (
    "--strategy", "cnn=scratch", "--set", "cnn.image_size=40", "--set", "cnn.per_class=8", "--set", "cnn.epochs=2",
    "--strategy", "big=finetuned", "--set", "big.backbone=squeezenet1_0", "--set", "big.epochs=1",
    "--strategy", "frozen", "--set", "frozen.C=0.01",
)  # fmt: skip


def test_strategies_with_settings_of_their_own_are_compared_at_named_sizes(folder, tmp_path):
    sizes = ("--size", "large=60/20/20", "--size", "small=20/20/60", "--repeats", 1, "--no-transfer")
    files = [tmp_path / name for name in ("a.json", "confusion.png", "history.png")]
    options = dict(zip(("--json", "--plot-confusion", "--plot-history"), files, strict=True))
    files_of = [word for pair in options.items() for word in pair]
    arguments = ("compare", folder, *NETWORK, *STUDY, *sizes)
    done = featx(*arguments, *files_of, "--plot-by", "iteration")
    assert all(file.exists() for file in files)
    before = done.stderr[: done.stderr.index("repeat 1 of 1")]
    assert re.search(r"small +8 +20\.0 +8 +20\.0 +24 +60\.0\n", before)
    assert re.search(r"large +24 +60\.0 +8 +20\.0 +8 +20\.0\n +cnn +16 +40\.0 ", before)
    assert "each size is judged on its own test images" in " ".join(done.stdout.split())
    assert re.search(r"cnn: (recognised|all classes|no image)", done.stdout)
    last = done.stdout[done.stdout.index("in short, at large, 32 images") :]
    assert re.search(r"cnn +squeezenet1_1 .* 8 +40 +1e-3 +[12]( of 2)? ", last)
    assert re.search(r"big +squeezenet1_0 .* 16 +32 +\S+ .* 1 ", last)
    assert "images needed to reach" in last
    found = json.loads(files[0].read_text())
    large = {strategy["strategy"]: strategy for strategy in found["sizes"][1]["strategies"]}
    assert [len(large[name]["histories"][0]["epoch"]) for name in ("cnn", "big")] == [2, 1]
    assert large["frozen"]["histories"] == [None]
    assert sum(map(sum, large["cnn"]["confusion"])) == 8
    assert set(large["cnn"]["rates"]) == {"true_positive", "false_negative", "false_positive"}
    assert large["cnn"]["traits"]["image_size"] == 40
    assert found["counts"][0]["percent"] == {"train": 20.0, "validation": 20.0, "test": 60.0}
    again = featx(*arguments)
    assert "6 of 6 runs were finished already" in again.stderr
    assert again.stdout == done.stdout


def test_a_dry_run_prints_the_images_of_each_size_and_prices_what_is_left(folder):
    common = ("compare", folder, *NETWORK, "--strategy", "a=finetuned", "--set", "a.epochs=1", "--repeats", 1,
              "--no-transfer", "--dry-run", "--train-size", 0.5)  # fmt: skip
    done = featx(*common)
    assert re.search(r"20 images +17 +42\.5 +3 +7\.5 +10 +25\.0\n", done.stderr)
    limited = featx(*common, "--set", "a.per_class=4", "-q")
    assert limited.stderr == ""
    trained = [re.search(r"a: train 1 epoch +(\d+) ", text.stdout)[1] for text in (done, limited)]
    assert trained == ["17", "6"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--size", "large=70/15"], "is not NAME=TRAIN/VALIDATION/TEST"),
        (["--size", "a=70/15/15", "--size", "a=50/15/15"], "--size has the name a twice"),
        (["--size", "a=70/15/15", "--train-size", "0.5"], "--size and --train-size exclude each other"),
        (["--size", "a=70/15/15", "--test-size", "0.5"], "--size and --test-size exclude each other"),
        (["--strategy", "frozen", "--plot-history", "a.png"], "--plot-history needs a strategy that trains"),
    ],
)
def test_sizes_that_exclude_each_other_are_usage_errors(folder, options, words):
    assert words in " ".join(featx("compare", folder, *NETWORK, *options, code=2).stderr.split())


def test_percentages_above_a_hundred_are_one_line(folder):
    done = featx("compare", folder, *NETWORK, "--strategy", "frozen", "--size", "a=70/20/20", "-q", code=2)
    assert done.stderr == "featx: got the size a=70/20/20, 110 % in all. Make it 100 % or less.\n"


def test_a_network_of_ones_own_that_there_is_not_is_refused_before_an_image_is_read(folder, forwards):
    options = ("--strategy", "a=finetuned", "--set", "a.backbone=alexnett", "-q")
    done = featx("compare", folder, *NETWORK, *options, code=2)
    assert done.stderr.startswith("featx: strategy a: ")
    assert "Did you mean alexnet" in done.stderr
