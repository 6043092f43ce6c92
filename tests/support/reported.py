"""Results for reports, without a network: predictions drawn at random on small images, as files or arrays."""

from dataclasses import replace

import numpy as np
from PIL import Image
from sklearn.metrics import confusion_matrix

from comparisons import strategy_result, verdict_of
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
