"""Promised: every line of featx in docs/from_other_tools.md runs, and every parameter in it is accepted."""

import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import featx
from commands import featx as run
from featx.networks import resolve
from featx.networks.weights import random_weights

PAGE = (Path(__file__).parents[2] / "docs" / "from_other_tools.md").read_text(encoding="utf-8")
TOOLS = ["Keras", "fastai", "timm", "embetter", "A plain loop that you wrote"]
# Weights are random here, which networks warn of.
pytestmark = pytest.mark.filterwarnings("ignore::featx.TrainingWarning")


def lines(tool):
    """Return the code in the last column of the table of a tool, row by row."""
    section = PAGE.partition(f"\n## {tool}\n")[2].partition("\n## ")[0]
    rows = [re.split(r"(?<!\\)\|", row)[1:-1] for row in section.splitlines() if row.startswith("| ")]
    assert all(len(row) == 2 for row in rows)
    return [code.replace("\\|", "|") for _, cell in rows[1:] for code in re.findall(r"`([^`]+)`", cell)]


def is_parameters(code):
    return re.match(r"\w+=", code) is not None


def parameters(code, names):
    return eval(f"dict({code})", {**names})


@pytest.fixture
def names(tmp_path, monkeypatch):
    """Yield public names, beside a folder `photos/` and the files that the page names; weights are random ones."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(resolve, "published_weights", lambda name, entry: random_weights(0))
    rng = np.random.default_rng(0)
    rows = ["path,label"]
    for kind, low in (("cat", 0), ("dog", 120)):
        for number in range(12):
            path = Path(f"photos/{kind}/{number}.jpg")
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = rng.integers(low, low + 120, (36, 40, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(path)
            rows.append(f"{path},{kind}")
            path = Path(f"pets/{kind}.{number}.jpg")
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(pixels).save(path)
    Path("photos.csv").write_text("\n".join(rows))
    names = {name: getattr(featx, name) for name in featx.__all__ if not name.startswith("__")}
    yield names | {"featx": featx}
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")  # lines that show a plot leave it open


def small(code):
    """Let a line compute on small images with a small network, for one epoch."""
    code = code.replace("resnet50", "resnet18").replace("resnet34", "resnet18")
    code = re.sub(r'(Transformer|Classifier)\("resnet18"', r'\1("resnet18", image_size=32', code)
    code = re.sub(r'Classifier\("(\w+)", image_size=32(?!, epochs)', r'Classifier("\1", image_size=32, epochs=1', code)
    code = re.sub(r'(?<!-)("timm:resnet18")(?!.*weights=)', r"\1, weights=None, image_size=32", code)
    code = re.sub(r"epochs=1, epochs=1", "epochs=1", code)
    return code


@pytest.mark.parametrize("tool", TOOLS)
def test_every_line_is_one_of_featx(tool, names):
    assert len(lines(tool)) >= 5
    for code in lines(tool):
        if is_parameters(code):
            unknown = set(parameters(code, names)) - set(featx.CNNFineTuneClassifier().get_params())
            assert not unknown, code


@pytest.mark.parametrize("tool", TOOLS[:2] + [pytest.param(tool, marks=pytest.mark.long) for tool in TOOLS[2:]])
def test_parameters_are_accepted_together(tool, names):
    together = {}
    for code in lines(tool):
        if is_parameters(code):
            together |= parameters(code, names)
    if not together:
        return
    # a later row of the table is another choice
    if "trainable_layers" in together:
        del together["trainable_stages"]
    together |= {"image_size": 32, "epochs": 1, "class_weight": None, "checkpoint": None, "augment_draws": 1}
    if "warmup_epochs" in together:
        together["warmup_epochs"] = 1
    data = names["load_dataset"]("photos/")
    model = featx.CNNFineTuneClassifier("resnet18", **{**together, "test_draws": 1})
    assert model.fit(data.images, data.labels).classes_.tolist() == ["cat", "dog"]


@pytest.mark.parametrize("tool", TOOLS[:1] + [pytest.param(tool, marks=pytest.mark.long) for tool in TOOLS[1:]])
def test_the_lines_run_from_top_to_bottom(tool, names):
    if tool in ("timm", "embetter"):
        pytest.importorskip("timm")
        import pandas as pd
        import torch

        module = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1))
        table = pd.DataFrame({"photo": [str(path) for path in sorted(Path("photos").rglob("*.jpg"))]})
        names |= {"module": module, "table": table, "ColumnTransformer": ColumnTransformer,
                  "LogisticRegression": LogisticRegression, "make_pipeline": make_pipeline}  # fmt: skip
    names["data"] = names["load_dataset"]("photos/")
    names["network"] = featx.CNNFeatureTransformer("resnet18", weights=None, image_size=32)
    ran = 0
    for code in lines(tool):
        if is_parameters(code) or re.fullmatch(r"[a-z_]+|\"?timm:\"?", code):
            continue
        if code.startswith("featx "):
            run(*commanded(code))
        elif code.startswith("network = CNNFeatureTransformer("):
            found = {}
            exec(small(code), names, found)
            assert isinstance(found["network"], featx.CNNFeatureTransformer)
        else:
            exec(small(code), names)
        ran += 1
    assert ran >= 4


def commanded(code):
    """Return the words of a command, for small images and networks."""
    words = shlex.split(code)[1:]
    if words[0] == "export":
        pytest.importorskip("onnxscript")
        data = featx.load_dataset("photos/")
        network = featx.CNNFeatureTransformer("resnet18", weights=None, image_size=32)
        fitted = make_pipeline(network, LogisticRegression()).fit(data.images, data.labels)
        featx.save_model(fitted, "model.skops")
        return words
    words = ["resnet18" if word == "resnet50" else "squeezenet1_1" if word == "efficientnet_lite0" else word
             for word in words]  # fmt: skip
    more = ["--image-size", "32", "--device", "cpu"]
    if "--backbone" not in words:
        more += ["--backbone", "squeezenet1_1"]
    if words[0] == "compare":
        more += ["--repeats", "1", "--no-transfer", "--set", "finetuned.epochs=1", "--set", "scratch.epochs=1"]
    return words + more
