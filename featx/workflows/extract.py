"""Write the embeddings of a data set to a plain HDF5 file, a part at a time."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ..cache.hdf5 import atomic_hdf5
from ..constraints import check_values
from ..datasets.dataset import ImageDataset
from ..exceptions import CacheError, DatasetError
from ..extraction.distribute import is_distributed
from ..extraction.estimator import open_cache
from ..extraction.extract import ExtractionResult, Failure, ensure_embeddings
from ..extraction.steps import Passes
from ..extraction.transformer import CNNFeatureTransformer
from ..images.failures import first_reason
from ..images.sources import ImageSource

__all__ = ["ROWS_AT_A_TIME", "ExtractionPlan", "plan_extraction", "write_embeddings"]

ROWS_AT_A_TIME = 4096


@dataclass(frozen=True)
class ExtractionPlan:
    """What `write_embeddings` is about to do.

    Attributes
    ----------
    images : sequence of ImageSource
    passes : Passes
        Of all images; the first view is written.
    width : int
        The number of its features.
    """

    images: Sequence[ImageSource]
    passes: Passes
    width: int


def plan_extraction(dataset: ImageDataset, transformer: CNNFeatureTransformer) -> ExtractionPlan:
    """Return what `write_embeddings` is about to do, after raising whatever the transformer would refuse.

    Parameters
    ----------
    dataset : ImageDataset
    transformer : CNNFeatureTransformer

    Raises
    ------
    ParameterError, BackboneError, WeightsError, LayerError, CacheError
    """
    check_values(locals())
    width, *_ = transformer.check_parameters()
    images = transformer.sources(dataset.images, dataset.names)
    return ExtractionPlan(images, transformer.plan(np.arange(len(images))), width)


def write_embeddings(
    dataset: ImageDataset, transformer: CNNFeatureTransformer, path: str | os.PathLike[str]
) -> tuple[ExtractionResult, tuple[int, int]]:
    """Write the embeddings of a data set to an HDF5 file.

    The file holds `embeddings`, float32 (n, d); `paths`, (n,); if the data set has labels, `labels`, int64 (n,), which
    are positions in `classes`; if it came with a split, `split`, (n,), each "training", "validation" or "test"; and the
    spec as attributes. It is written under a temporary name and renamed when complete. Only a part of the embeddings is
    in memory at a time. Where images are distributed over other processes, all of them are put into the cache first, so
    that none waits for the end of a part.

    Parameters
    ----------
    dataset : ImageDataset
    transformer : CNNFeatureTransformer
        With ``on_error="skip"``, images that cannot be read are left out and listed among the failures.
    path : str or PathLike

    Returns
    -------
    extraction : ExtractionResult
        Without the embeddings.
    shape : (n, d)

    Raises
    ------
    CacheError
        If the file cannot be written.
    DatasetError
        If no image can be read.
    """
    plan, store = plan_extraction(dataset, transformer), open_cache(transformer.cache)
    sources, width = plan.images, plan.width
    spec = plan.passes.spec()
    total, n_images = ExtractionResult(), len(sources)
    kept = plan.passes.rows
    if store is not None and is_distributed(store):
        _, total = ensure_embeddings(sources, store=store, on_error=transformer.on_error, **plan.passes.options)
        if total.failures:
            kept = _without(kept, total.failures)
            rest = dataset.take(kept)
            sources = transformer.sources(rest.images, rest.names)
    seconds: Counter[str] = Counter(total.seconds)
    written = 0
    try:
        with atomic_hdf5(Path(path)) as file:
            file.create_dataset("embeddings", (len(sources), width), "<f4", maxshape=(None, width), chunks=True)
            for start in range(0, len(sources), ROWS_AT_A_TIME):
                part = transformer.extract(sources[start : start + ROWS_AT_A_TIME])
                if len(part.failures) < part.n_images:
                    written += _write_rows(file["embeddings"], written, part)
                part.embeddings.clear()  # or they would be in memory together with those of the next part
                if store is not None:
                    store.digests.forget()  # of files that are not asked for again
                total.failures += [Failure(int(kept[start + f.index]), f.name, f.reason) for f in part.failures]
                total.n_forwarded += part.n_forwarded
                total.damaged += [damage for damage in part.damaged if damage not in total.damaged]
                seconds.update(part.seconds)
            if not written:
                raise DatasetError("none of the images can be read", first_reason(total.failures))
            file["embeddings"].resize(written, axis=0)
            if total.failures:
                dataset = dataset.take(_without(plan.passes.rows, total.failures))
            _describe(file, dataset, spec.to_dict())
    except OSError as error:
        raise CacheError(f"cannot write {path}: {error.strerror or error}", "Choose another place.") from error
    total.failures.sort(key=lambda failure: failure.index)
    total.n_images, total.seconds = n_images, dict(seconds)
    return total, (written, width)


def _without(rows: np.ndarray, failures: list[Failure]) -> np.ndarray:
    """Return the rows without those of images that could not be read; the array itself if there are none."""
    return np.delete(rows, [failure.index for failure in failures], axis=0) if failures else rows


def _write_rows(written: h5py.Dataset, start: int, part: ExtractionResult) -> int:
    """Write the rows of the images of a part that could be read, and return how many these are."""
    rows = _without(part.embeddings[0], part.failures)
    written[start : start + len(rows)] = rows
    return len(rows)


def _describe(file: h5py.File, dataset: ImageDataset, spec: dict[str, str | int]) -> None:
    """Write what is known about the images of the rows, a part at a time."""
    text = h5py.string_dtype()
    file.attrs.update(spec)
    parts = [slice(start, start + ROWS_AT_A_TIME) for start in range(0, len(dataset), ROWS_AT_A_TIME)]

    def write(name: str, dtype: Any, values_of: Callable[[slice], Any]) -> None:
        written = file.create_dataset(name, len(dataset), dtype)
        for part in parts:
            written[part.start : min(part.stop, len(dataset))] = values_of(part)

    write("paths", text, lambda part: [_storable(name) for name in dataset.names[part]])
    if (labels := dataset.coded("labels")) is not None:
        used = np.unique(labels.codes)
        write("labels", "<i8", lambda part: np.searchsorted(used, labels.codes[part]))
        file.create_dataset("classes", data=[_storable(str(name)) for name in labels.values[used]], dtype=text)
    if (split := dataset.coded("split")) is not None:
        write("split", text, lambda part: [str(name) for name in split[part].texts])


def _storable(name: str) -> str:
    """Return the name with what HDF5 cannot store as text replaced: bytes that are not UTF-8, and NUL."""
    return os.fsencode(name).decode(errors="replace").replace("\0", "\ufffd")
