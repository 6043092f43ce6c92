"""Promised: what is mistyped is told of before torch is loaded, with what was meant; what a command does is said."""

import json
import os
import pty
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from featx import BackboneError, ParameterError, WeightsError, resolve_backbone

FIT, TUNE = ("fit", "photos", "-o", "m.skops"), ("finetune", "photos", "-o", "m.skops")
COMPARE = ("compare", "photos")
# What is typed, and words of the answer.
MISTAKES = {
    (*FIT, "--haed", "svm"): ["--haed", "--head"],
    ("fitt", "photos"): ["fitt"],
    ("fit", "photo", "-o", "m.skops"): ["photo does not exist. Did you mean photos?"],
    ("fit", "photo/dark", "-o", "m.skops"): ["Did you mean photos?"],
    ("fit", "list.cvs", "-o", "m.skops"): ["list.cvs does not exist. Did you mean list.csv?"],
    ("fit", "list.csv", "-o", "m.skops"): ["columns where, what", "--path-column"],
    ("fit", "semicolons.csv", "-o", "m.skops"): ["columns file, klass", "--label-column"],
    ("fit", "sample:digit", "-o", "m.skops"): ["sample:digits"],
    ("fit", "photos", "-o", "nosuch/m.skops"): ["there is no folder"],
    (*FIT, "--json", "nosuch/x.json"): ["there is no folder"],
    (*FIT, "--plot-confusion", "x.jpgg"): [".png, .svg, .pdf"],
    (*FIT, "--test", "photo"): ["photo does not exist. Did you mean photos?"],
    (*FIT, "--split-from", "list.cvs"): ["Did you mean list.csv?"],
    (*FIT, "--head", "logistc"): ["no head 'logistc'. Did you mean logistic?"],
    (*FIT, "--head", "SVM"): ["no head 'SVM'. Did you mean svm"],
    (*FIT, "--head", "svm,knn"): ["--head svm --head knn"],
    (*FIT, "--head", "all"): ["--head logistic", "--head mlp"],
    (*FIT, "--head", "knn", "--class-weight", "balanced"): ["knn takes no class weights"],
    (*FIT, "--grid", "logistc.C=1"): ["Did you mean logistic?"],
    (*FIT, "--grid", "svm.C=1"): ["a grid for svm, which is not among the heads"],
    (*FIT, "--backbone", "resnet5"): ["no backbone 'resnet5'. Did you mean resnet50"],
    (*FIT, "--backbone", "timm:resnet5"): ["timm has no network 'resnet5'. Did you mean resnet50"],
    (*FIT, "--layer", "stage9"): ["no layer 'stage9'", "Did you mean stage7"],
    (*FIT, "--layer", "Stage6"): ["no layer 'Stage6'", "Did you mean stage6?"],
    (*FIT, "--backbone", "resnet18", "--layer", "layr3"): ["Did you mean layer3?"],
    (*FIT, "--pooling", "avgg"): ["Did you mean avg"],
    (*FIT, "--weights", "nosuch.pth"): ["cannot read the weights nosuch.pth"],
    (*FIT, "--weights", "IMAGENET1K_V1"): ["efficientnet_lite0 has no weights"],
    (*FIT, "--backbone", "resnet18", "--weights", "IMAGENET1K_V2"): ["Did you mean IMAGENET1K_V1?"],
    (*FIT, "--backbone", "timm:resnet18", "--weights", "a1_in1k"): ["timm:NAME.TAG"],
    (*FIT, "--backbone", "vit_b_16", "--image-size", "33"): ["multiples of 16. Choose 32"],
    (*FIT, "--device", "cudaa"): ["Did you mean cuda"],
    (*FIT, "--precision", "bfloat"): ["Did you mean bfloat16"],
    (*FIT, "--n-jobs", "0"): ["--n-jobs 0"],
    (*FIT, "--cache", "list.csv"): ["cannot use the cache list.csv"],
    (*TUNE, "--augmentation", "flip"): ["Did you mean flips?"],
    (*TUNE, "--trainable-stages", "stage9"): ["Did you mean stage7"],
    (*TUNE, "--trainable-stages", "40"): ["up to the head's layer there are 9"],
    (*TUNE, "--plot", "x.jpgg"): [".png, .svg, .pdf"],
    (*FIT, "--test-size", "1.5"): ["'--test-size': 1.5"],
    (*FIT, "--image-size", "100000"): ["'--image-size': 100000"],
    (*TUNE, "--test-size", "0"): ["'--test-size': 0.0"],
    (*TUNE, "--dropout", "2"): ["'--dropout': 2.0"],
    (*TUNE, "--learning-rate", "-1"): ["'--learning-rate': -1.0"],
    (*TUNE, "--head-learning-rate", "-1"): ["'--head-learning-rate': -1.0"],
    (*TUNE, "--weight-decay", "-1"): ["'--weight-decay': -1.0"],
    (*TUNE, "--label-smoothing", "1"): ["'--label-smoothing': 1.0"],
    (*TUNE, "--momentum", "3"): ["'--momentum': 3.0"],
    (*TUNE, "--validation-fraction", "0"): ["'--validation-fraction': 0.0"],
    (*COMPARE, "--margin", "5"): ["'--margin': 5.0"],
    (*COMPARE, "--train-size", "0"): ["'0' is neither a fraction such as 0.3 nor a count"],
    (*COMPARE, "--train-size", "5.5"): ["'5.5' is neither a fraction such as 0.3 nor a count"],
    (*COMPARE, "--train-size", "13"): ["got --train-size 13; there are 12 images"],
    (*COMPARE, "--set", "finetuned.dropout=2"): ["dropout=2"],
    (*COMPARE, "--set", "scratch.epochs=x", "--strategy", "scratch"): ["got epochs='x'; expected a positive integer"],
    (*COMPARE, "--strategy", "frozn"): ["no strategy 'frozn'. Did you mean frozen"],
    (*COMPARE, "--strategy", "frozen:svmm"): ["Did you mean svm?"],
    (*COMPARE, "--strategy", "frozen@stage9"): ["Did you mean stage7"],
    (*COMPARE, "--set", "fintuned.epochs=3"): ["not among the strategies. Did you mean finetuned?"],
    (*COMPARE, "--backbone", "resnet18", "--backbone", "resnet5"): ["Did you mean resnet50"],
    ("predict", "n.skops", "photos"): ["n.skops", "Did you mean m.skops?"],
    ("predict", "list.csv", "photos"): ["list.csv is not a featx model"],
    ("predict", "m.skops", "photo"): ["photo does not exist. Did you mean photos?"],
    ("predict", "m.skops", "a.jpg", "photos", "b.jpg"): ["2 of 3 images do not exist", "a.jpg", "--on-error skip"],
    ("predict", "m.skops", "photos/*.webp"): ["no file matches photos/*.webp"],
    ("predict", "m.skops", "photo/*.jpg"): ["no file matches photo/*.jpg. Did you mean photos?"],
    ("predict", "m.skops", "photos", "-o", "x.txt"): [".csv, .json or .jsonl"],
    ("predict", "m.skops", "photos", "-o", "nosuch/x.csv"): ["there is no folder"],
    ("predict", "m.skops", "photos", "--weights", "nosuch.pth"): ["cannot read the weights nosuch.pth"],
    ("extract", "photo", "-o", "x.h5"): ["Did you mean photos?"],
    ("extract", "photos", "-o", "x.csv"): ["Name it x.h5"],
    ("extract", "photos", "-o", "x.h5", "--layer", "haed"): ["Did you mean head?"],
    ("backbones", "--stages", "resnet5"): ["Did you mean resnet50"],
    ("backbones", "--stages", "timm:resnet5"): ["timm has no network 'resnet5'. Did you mean resnet50"],
    ("cache", "info", "--cache", "list.csv"): ["cannot use the cache"],
}
# These need scikit-learn, and no torch either.
LATER = {
    (*FIT, "--grid", "logistic.c=1"): ["no parameter 'c'. Did you mean C?"],
    (*FIT, "--grid", "logistic.C=many"): ["logistic", "C"],
    (*FIT, "--cv", "50"): ["--cv 6"],
    (*COMPARE, "--set", "finetuned.epoch=3"): ["Did you mean epochs"],
    (*COMPARE, "--set", "frozen.c=3"): ["Did you mean C?"],
}
RUN_ALL = """
import contextlib, io, json, sys
from featx.cli import main
for arguments in json.load(open("typed.json")):
    said, code = io.StringIO(), 0
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        try:
            main(arguments)
        except SystemExit as exit:
            code = exit.code
    print(json.dumps([code, said.getvalue(), [name for name in ("torch", "timm", "sklearn") if name in sys.modules]]))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("typed")
    for name in ("dark", "light"):
        (root / "photos" / name).mkdir(parents=True)
        for number in range(6):
            pixels = np.full((8, 8, 3), number + 100 * (name == "light"), np.uint8)
            Image.fromarray(pixels).save(root / "photos" / name / f"{number}.png")
    (root / "list.csv").write_text("where,what\na.png,b\n")
    (root / "semicolons.csv").write_text("file;klass\na.png;b\n")
    with zipfile.ZipFile(root / "m.skops", "w") as archive:
        archive.writestr("schema.json", "{}")
    return root


@pytest.fixture(scope="module")
def answers(folder):
    """What each command says, and what it has loaded, all in one process that begins without torch."""
    typed = [*MISTAKES, *LATER]
    (folder / "typed.json").write_text(json.dumps(typed))
    here = {**os.environ, "FEATX_CACHE": str(folder / "cache")}
    run = subprocess.run([sys.executable, "-c", RUN_ALL], cwd=folder, env=here, capture_output=True, text=True)
    lines = run.stdout.splitlines()
    assert len(lines) == len(typed), run.stderr
    return {arguments: json.loads(line) for arguments, line in zip(typed, lines, strict=True)}


@pytest.mark.parametrize("arguments", [*MISTAKES, *LATER], ids=" ".join)
def test_a_mistake_is_told_of_before_torch_is_loaded(arguments, answers):
    code, said, loaded = answers[arguments]
    assert code == 2
    assert all(word in said for word in {**MISTAKES, **LATER}[arguments]), said
    assert loaded in ([], ["sklearn"])
    assert loaded == [] or arguments in LATER


def test_known_images_are_fitted_without_torch(folder, own_cache):
    """Neither the start nor the file of the model needs it, if every row is in the cache."""
    from featx import CNNFeatureTransformer

    images = sorted(map(str, (folder / "photos").glob("*/*.png")))
    CNNFeatureTransformer(image_size=32).fit_transform(images)
    code = """
import sys
from featx.cli import main
try:
    main(["fit", "photos", "-o", "known.skops", "--image-size", "32", "--cv", "2"])
except SystemExit as ended:
    assert not ended.code
print({"torch", "torchvision"} & set(sys.modules), file=sys.stderr)
"""
    run = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
    assert (folder / "known.skops").exists(), run.stderr
    assert "no image forwarded" in run.stderr
    assert run.stderr.splitlines()[-1] == "set()"


def test_python_raises_the_same(folder):
    from featx import CNNFeatureTransformer

    images = [str(folder / "photos" / "dark" / "0.png")]
    with pytest.raises(WeightsError, match="Did you mean IMAGENET1K_V1"):
        resolve_backbone("resnet18", weights="IMAGENET1K_V3")
    with pytest.raises(BackboneError, match=r"Its stages are stem.*Did you mean layer4"):
        CNNFeatureTransformer("resnet18", weights=None, layer="layer5", image_size=32).fit_transform(images)
    with pytest.raises(ParameterError, match="Did you mean cuda"):
        CNNFeatureTransformer(device="cudaa", image_size=32, cache=None).fit_transform(images)
    with pytest.raises(ParameterError, match=r"no such device. It has auto, cpu"):
        CNNFeatureTransformer(device="cuda:99", image_size=32, cache=None).fit_transform(images)


@pytest.mark.skipif(os.name == "nt", reason="no pseudo-terminals")
def test_a_terminal_is_told_what_comes(folder):
    parent, child = pty.openpty()
    here = {**os.environ, "FEATX_CACHE": str(folder / "cache")}
    command = [Path(sys.executable).with_name("featx"), *FIT, "--grid", "logistic.c=1"]
    with subprocess.Popen(command, cwd=folder, env=here, stdin=child, stdout=child, stderr=child):
        os.close(child)
        said = ""
        while "no parameter" not in said:
            said += os.read(parent, 65536).decode()
    os.close(parent)
    words = (
        "looking through photos ...",
        "photos: 12 images, 2 classes",
        "loading scikit-learn ...",
        "Did you mean C?",
    )
    places = [said.index(part) for part in words]
    assert places == sorted(places)
