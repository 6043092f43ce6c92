"""The data set of a report: images of each class and part, sizes, formats, and what was left out and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..display.quantities import count_text
from ..images.decoding import open_image

if TYPE_CHECKING:
    from ..datasets.dataset import ImageDataset
    from ..images.failures import Failure
    from ..images.sources import ImageSource
    from .reported_images import ReportedImages

__all__ = ["class_counts", "data_overview", "overview_of", "sizes_and_formats"]

# Files whose first bytes are read for their size and format; of more, as many evenly over the data set.
MOST_OPENED = 1000
MOST_FAILURES = 50
MOST_SIZES = 6


def data_overview(
    dataset: ImageDataset | None,
    *,
    sources: Sequence[ImageSource],
    labels: Sequence[str],
    parts: Sequence[str],
    failures: Sequence[Failure],
    notes: Sequence[str],
) -> dict[str, Any]:
    """Return what a report says of the data.

    Parameters
    ----------
    dataset : ImageDataset or None
        None where only the tested images are known.
    sources : sequence of ImageSource
        Empty where they are not at hand.
    labels, parts : sequence of str
        Class and part of each image that is counted.
    failures : sequence of Failure
        Images that could not be read.
    notes : sequence of str
        What was left out for other reasons.
    """
    read, sizes, formats = sizes_and_formats(sources)
    return {
        **class_counts(labels, parts),
        "n_images": count_text(len(labels), "image"),
        "only_tested": dataset is None,
        "groups": None if dataset is None or dataset.groups is None else len(set(dataset.groups.tolist())),
        "read": read,
        "n_sources": len(sources),
        "sizes": sizes,
        "formats": formats,
        "failures": [{"name": found.name, "reason": found.reason} for found in failures[:MOST_FAILURES]],
        "more_failures": max(0, len(failures) - MOST_FAILURES),
        "notes": list(notes),
    }


def overview_of(images: ReportedImages, failures: Sequence[Failure]) -> dict[str, Any]:
    """Return what a report says of the data behind a result."""
    return data_overview(
        images.dataset,
        sources=images.sources if images.dataset is not None else [],
        labels=images.labels,
        parts=images.parts,
        failures=failures,
        notes=[] if images.dataset is None else images.dataset.notes,
    )


def class_counts(labels: Sequence[str], parts: Sequence[str]) -> dict[str, Any]:
    """Return how many images each class has in each part, with the length of a bar from 1 to 20."""
    counts = Counter(zip(labels, parts, strict=True))
    names, columns = sorted(set(labels)), list(dict.fromkeys(parts))
    rows = []
    most = max(Counter(labels).values(), default=1)
    for name in names:
        each = [counts[name, part] for part in columns]
        rows.append({"name": name, "counts": [*each, sum(each)] if len(columns) > 1 else each,
                     "bar": max(1, round(20 * sum(each) / most))})  # fmt: skip
    return {"rows": rows, "columns": [*columns, "in all"] if len(columns) > 1 else ["images"]}


def sizes_and_formats(sources: Sequence[ImageSource]) -> tuple[int, list[str], list[str]]:
    """Return of how many images size and format were read, and both with counts, the most frequent first.

    Files are opened and not decoded. URLs are not fetched.
    """
    places = np.unique(np.linspace(0, len(sources) - 1, min(len(sources), MOST_OPENED)).astype(int))
    found = [known for place in places if (known := _of(sources[place])) is not None]
    sizes, formats = Counter(size for size, _ in found), Counter(form for _, form in found)
    texts = [f"{width:,} x {height:,}: {count:,}" for (width, height), count in sizes.most_common(MOST_SIZES)]
    if (more := len(sizes) - MOST_SIZES) > 0:
        pixels = sorted(sizes, key=lambda size: size[0] * size[1])
        (w1, h1), (w2, h2) = pixels[0], pixels[-1]
        texts.append(f"and {count_text(more, 'other size')}, from {w1:,} x {h1:,} to {w2:,} x {h2:,}")
    return len(found), texts, [f"{form}: {count:,}" for form, count in formats.most_common()]


def _of(source: ImageSource) -> tuple[tuple[int, int], str] | None:
    """Return ((width, height), format) as they are stored, or None for what is not at hand or cannot be opened."""
    content = source.content
    if isinstance(content, np.ndarray):
        height, width = content.shape[:2]
        return (width, height), "array"
    if source.path is None:
        return None
    try:
        with open(source.path, "rb") as file, open_image(file) as image:
            return image.size, image.format or "unknown"
    except Exception:  # damaged bytes lead to any error, and the figures do not need this file
        return None
