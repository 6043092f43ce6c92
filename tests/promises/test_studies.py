"""Promised: every command of docs/studies.md runs as it is written there, and gives what the page says.

Here the images are few and small, the networks have random weights, and trainings are short. The quick form has smaller
networks in place of some, and fewer sizes; the whole one has those of the page.
"""

import glob
import json
import re
import shlex
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from commands import featx
from featx.networks import resolve
from featx.networks.weights import random_weights

PAGE = (Path(__file__).parents[2] / "docs" / "studies.md").read_text(encoding="utf-8")
# Weights are random here, which networks warn of.
pytestmark = pytest.mark.filterwarnings("ignore::featx.TrainingWarning")


def commands(study, language="bash"):
    """Return the commands of a section, by its number."""
    section = re.split(r"^## ", PAGE, flags=re.MULTILINE)[study]
    assert section.startswith(f"{study}. ")
    blocks = re.findall(rf"```{language}\n(.*?)```", section, flags=re.DOTALL)
    in_table = re.findall(r"^\|.*", section, flags=re.MULTILINE)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines() if line]
    return lines + [command for row in in_table for command in re.findall(r"`(featx [^`]*)`", row)]


# What the quick form has in place of the networks of the page.
SMALLER = {
    "--backbone vgg16 --backbone resnet50 --backbone inception_v3 --backbone efficientnet_b0":
        "--backbone resnet18 --backbone mnasnet0_5",
    "--backbone resnet50": "--backbone resnet18",
    "--backbone alexnet": "--backbone squeezenet1_1",
    "alexnet.backbone=alexnet": "alexnet.backbone=squeezenet1_1",
    "--size large=70/15/15 --size medium=50/15/35": "",
    "--train-size 0.2 --train-size 0.4": "--train-size 0.4",
    "--repeats 2": "--repeats 1",
}  # fmt: skip
DEFAULT = "--backbone squeezenet1_1"


@pytest.fixture(params=["quick", pytest.param("whole", marks=pytest.mark.long)])
def run(request):
    """Run a command of the page; the quick form has fewer and smaller networks, and fewer sizes."""
    return partial(_run, quick=request.param == "quick")


def _run(command, *more, quick):
    """Run a command with small images and few epochs, and with more options."""
    if quick:
        command = " ".join(command.split())
        for long, short in SMALLER.items():
            command = command.replace(long, short)
        if not re.search("backbone|--layer|featx predict", command):
            command = f"{command} {DEFAULT}"
    least = 76 if "inception" in command or "alexnet" in command else 32
    command = re.sub(r"(image_size=|--image-size )\d+", rf"\g<1>{least}", command)
    command = re.sub(r"(epochs[= ])\d+", r"\g<1>1", command)
    words = [name for word in shlex.split(command)[1:] for name in (sorted(glob.glob(word)) or [word])]
    if words[0] != "predict" and "--image-size" not in words:
        more = (*more, "--image-size", least)
    if words[0] == "finetune" and "--epochs" not in words:
        more = (*more, "--epochs", "1")
    for name in re.findall(r"--strategy (\w+=finetuned|finetuned|\w+=scratch|scratch)", command):
        more = (*more, "--set", f"{name.partition('=')[0]}.epochs=1")
    return featx(*words, *more, "--device", "cpu")


def check_pictures(*names):
    """Check that these files are pictures of a usual size."""
    for name in names:
        with Image.open(name) as picture:
            assert min(picture.size) > 300


def draw(path, label, seed):
    """Write a noisy image whose colour is that of its class."""
    rng = np.random.default_rng(seed)
    colour = np.random.default_rng(label + 100).integers(40, 216, 3)
    pixels = np.clip(colour + rng.normal(0, 25, (40, 48, 3)), 0, 255).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def data(tmp_path, monkeypatch):
    """Write small data as the originals lie, and let published weights be random ones."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(resolve, "published_weights", lambda name, entry: random_weights(0))
    kinds = np.repeat(np.arange(1, 6), 12)
    for number, kind in enumerate(kinds, start=1):
        draw(Path(f"flowers/jpg/image_{number:05}.jpg"), kind, number)
    savemat("flowers/imagelabels.mat", {"labels": kinds[None]})
    places = np.arange(len(kinds)) % 12
    parts = {"trnid": places < 4, "valid": (places >= 4) & (places < 7), "tstid": places >= 7}
    savemat("flowers/setid.mat", {name: 1 + np.flatnonzero(rows)[None] for name, rows in parts.items()})
    for kind, label in enumerate(["bear", "crow", "newt"]):
        for number in range(12):
            draw(Path(f"animals/{label}/{number}.jpg"), kind, 50 * kind + number)
    for kind, label in enumerate(["cat", "dog"]):
        for number in range(14):
            draw(Path(f"photos/{label}/{number}.jpg"), kind, 50 * kind + number)
            draw(Path(f"pets/{label}.{number}.jpg"), kind, 50 * kind + number)


def test_flowers_over_three_sizes(data, run):
    compare, official = commands(1)
    result = run(compare, "--json", "study.json", "--no-transfer")
    found = json.loads(Path("study.json").read_text())
    assert [size["n_train"] for size in found["sizes"]] in ([18, 39, 51], [18])
    assert {row["strategy"] for row in found["sizes"][0]["strategies"]} == {"softmax", "dense", "finetuned"}
    assert re.search(r"small +12 +20\.0 +6 +10\.0 +42 +70\.0", result.stderr)
    check_pictures("sizes.png", "curves.png")
    result = run(official, "--json", "flowers.json")
    found = json.loads(Path("flowers.json").read_text())
    assert (found["n_train"], found["n_test"]) == (20, 25)
    check_pictures("flowers.png")


def test_a_network_from_scratch_and_alexnet(data, run):
    compare, sheets = commands(2)
    result = run(compare, "--json", "study.json", "--no-transfer")
    found = json.loads(Path("study.json").read_text())
    (size,) = found["sizes"]
    kinds = {row["strategy"]: row["kind"] for row in size["strategies"]}
    assert kinds == {"cnn": "scratch", "alexnet": "finetuned"}
    assert "recognised best" in result.stdout
    check_pictures("curves.png", "confusion.png")
    run(sheets)
    check_pictures("training.png", "predicted.png")


def test_a_module_of_ones_own_from_scratch(data):
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    block = block.replace('resize="squash"))', 'resize="squash"), parameters={"epochs": 1})')
    block = block.replace("image_size=100", "image_size=32")
    names = {}
    exec(compile(block.replace("print(", "result = ("), "studies.md", "exec"), names)
    kinds = {row.strategy: row.kind for row in names["result"].sizes[0].strategies}
    assert kinds == {"scratch": "scratch", "frozen": "frozen"}


def test_which_network(data, run):
    (compare,) = commands(3)
    run(compare, "--repeats", "1", "--json", "study.json", "--no-transfer")
    found = json.loads(Path("study.json").read_text())
    names = {row["strategy"] for row in found["sizes"][0]["strategies"]}
    networks = {name.split()[-1] for name in names}
    assert networks in ({"vgg16", "resnet50", "inception_v3", "efficientnet_b0"}, {"resnet18", "mnasnet0_5"})
    assert names == {f"{strategy} on {network}" for strategy in ("frozen:svm", "finetuned") for network in networks}


def test_the_walkthrough(data, run):
    finetune, predict, compare = commands(4)
    run(finetune, "--json", "study.json")
    history = json.loads(Path("study.json").read_text())["history"]
    assert history["epoch"][-1] == 1
    check_pictures("curves.png")
    assert re.search(r"cat|dog", run(predict).stdout)
    result = run(compare, "--repeats", "1", "--no-transfer")
    assert "to reach" in result.stdout


def test_flattened_features_into_logistic_regression(data, run):
    # The others differ in the network alone.
    for command in commands(5)[: 1 if run.keywords["quick"] else None]:
        result = run(command, "--weights", "none")
        assert re.search(r"cat +14 +50", result.stderr)
        assert "flattened to" in result.stderr
        assert "held-out test set of" in result.stdout
    check_pictures("confusion.png")


def test_four_cases(data, run):
    compare, *approaches = commands(6)
    assert re.search("the images are|undecided", run(compare, "--repeats", "1").stdout)
    assert len(approaches) == 5
    for command in approaches:
        run(command)
        assert Path("model.skops").exists()
