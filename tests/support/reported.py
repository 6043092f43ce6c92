"""Results for reports, without a network: predictions drawn at random on small images, as files or arrays."""

from dataclasses import replace

import numpy as np
from PIL import Image
from sklearn.metrics import confusion_matrix

from comparisons import strategy_result, verdict_of
from featx.audit.accuracy_cost import AccuracyCost
from featx.audit.duplicates import DuplicatePair
from featx.audit.label_errors import Suspect
from featx.audit.odd_images import OddImage
from featx.audit.result import AuditResult
from featx.audit.shortcuts import Shortcut
from featx.comparison.result import ComparisonResult, CurveResult
from featx.comparison.size_result import SizeResult
from featx.datasets.dataset import ImageDataset
from featx.evaluation.estimates import Estimate
from featx.evaluation.held_out_result import score_held_out

SIX = ["ant", "bee", "cat", "dog", "eel", "fox"]
# Names that would end an element, run, change the direction of text, end a line, or are no characters.
HOSTILE = [
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(2)>",
    "\"'><svg onload=alert(3)>",
    "\u202eevil\u2066",
    "two\nlines\r\ttab\u2028",
    "\udcff\x00 {{ 7*7 }} ${x} &lt; <!--",
]


def drawn_result(n=240, classes=SIX, *, seed=0, probabilities=True, groups=None, names=None, folds=2, sure=2.0):
    """Return the result of predictions that are right most of the time."""
    rng = np.random.default_rng(seed)
    k = len(classes)
    truth = rng.integers(0, k, n)
    scores = rng.normal(size=(n, k)) + sure * np.eye(k)[truth]
    shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    result = score_held_out(
        truth,
        shares if probabilities else shares.argmax(axis=1),
        classes=classes,
        trained=truth,
        groups=groups,
        folds=folds,
        parts=np.array([f"fold {1 + row % folds}" for row in range(n)], dtype=object),
    )
    result.predictions = result.predictions.named([f"photo {i}" for i in range(n)] if names is None else names)
    return result


def drawn_comparison(names=("frozen", "a <b>"), classes=SIX, *, n=120, repeats=2, paths=None):
    """Return a comparison of one size whose strategies predict the same images in each repeat, at random."""
    rows = np.sort(np.concatenate([np.random.default_rng(r).permutation(n)[: n // 2] for r in range(repeats)]))
    drawn = [drawn_result(n * repeats, classes, seed=seed, sure=1.0).predictions for seed in range(len(names))]
    truth = drawn[0].truth[rows]
    parts = np.array([f"repeat {1 + k % repeats}" for k in range(len(rows))], dtype=object)
    strategies = []
    for name, table in zip(names, drawn, strict=True):
        own = replace(table, rows=rows, truth=truth, answers=table.answers[rows], parts=parts,
                      probabilities=table.probabilities[rows], names=None)  # fmt: skip
        own = own.named([f"photo {k}" for k in range(n)] if paths is None else paths)
        matrix = confusion_matrix(truth, own.answers, labels=np.arange(len(classes)))
        strategies.append(replace(strategy_result(name, own.accuracy, 1), predictions=own, confusion=matrix))
    words = ("two splits", "Student's t", "a test")
    sizes = [SizeResult(100, 50, 50, strategies, [], 0.5, verdict_of("use", names[0]))]
    curves = [CurveResult(name, [100], [Estimate(0.8, 0.7, 0.9)], None) for name in names]
    return ComparisonResult(list(classes), n, n // 2, repeats, 0, 0.01, *words, False, sizes, curves)


def audit_of(folder=None, *, pairs=None, n=12, **found):
    """Return an audit of images in memory, or of files in a folder, that found some of everything."""
    rng = np.random.default_rng(0)
    images = list(rng.integers(0, 255, (n, 16, 16, 3), dtype=np.uint8))
    names = [f"photo {k}" for k in range(n)]
    if folder is not None:
        names = [str(folder / f"{k} <b>.png") for k in range(n)]
        for name, image in zip(names, images, strict=True):
            Image.fromarray(image).save(name)
        images = names
    labels = np.array(["ant", "bee <i>"] * (n // 2), dtype=object)
    dataset = ImageDataset(images, names, labels=labels, split=np.array(["training", "test"] * (n // 2), dtype=object))
    if pairs is None:
        pairs = [DuplicatePair(0, 2, "resized", 0.99), DuplicatePair(0, 4, "copy", 1.0),
                 DuplicatePair(2, 5, "crop", 0.97)]  # fmt: skip
    found = {"accuracy": 0.95, "suspects": [Suspect(3, "bee <i>", "ant", 0.999, 0.001)], "expected_wrong": 2.0,
             "odd": [OddImage(7, "dark", "mean 3 of 255")], "notes": ["a note"], **found,
             "shortcuts": [Shortcut("file size", 0.8, 0.5, Estimate(0.3, 0.1, 0.5), 0.001, True)],
             "costs": [AccuracyCost("leakage", 0.95, 0.9, Estimate(0.05, 0.01, 0.09), 0.01, 3, 12)]}  # fmt: skip
    groups = np.array([str(k) for k in range(n)])
    return AuditResult(dataset=dataset, pairs=pairs, groups=groups, seconds={"reading": 1.0}, **found)


def images_of(result, folder=None, *, seed=0, side=20):
    """Return the data set of a result: a shade for each class, as arrays or as files in a folder."""
    rng = np.random.default_rng(seed)
    table = result.predictions
    arrays = [
        np.clip(rng.normal(30 * (1 + k % 7), 10, (side, side, 3)), 0, 255).astype(np.uint8)
        for k in table.truth.tolist()
    ]
    names = list(table.names)
    images = arrays
    if folder is not None:
        images = names = [str(folder / f"{i}.png") for i in range(len(arrays))]
        for path, array in zip(images, arrays, strict=True):
            Image.fromarray(array).save(path)
        result.predictions = table.named(names)
    return ImageDataset(images, names, labels=np.array([table.classes[k] for k in table.truth], dtype=object))
