"""Results for reports, without a network: predictions drawn at random on small images, as files or arrays."""

import numpy as np
from PIL import Image

from featx.datasets.dataset import ImageDataset
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
