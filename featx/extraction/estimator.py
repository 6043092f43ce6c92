"""The base class of estimators whose X is images: parameters of the network, conversion of X, the cache, cloning."""

from __future__ import annotations

import contextlib
import copy
import inspect
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, ClassVar, Literal

from sklearn.base import BaseEstimator, clone
from sklearn.utils import Tags

from ..cache import EmbeddingCache, EmbeddingSpec, default_cache_dir
from ..cache.interface import EmbeddingStore
from ..cache.memory import MemoryStore
from ..choices import Pooling, Precision, Resize, ResolvedPrecision
from ..constraints import NONE, PATH, check_values
from ..display.notes import is_noted, note_once
from ..exceptions import WeightsError
from ..images.inputs import check_images
from ..images.sources import ImageSource, as_sources
from ..networks.architectures import EMBEDDED
from ..networks.backbone import BackboneSource
from ..networks.device import resolve_precision
from ..networks.pooling import View
from ..networks.precision import choose_precision, is_to_be_measured, note_slow_precision
from ..networks.resolve import resolve_backbone
from ..networks.verified_stores import store_to_read
from ..networks.weights import is_file_name
from ..process import remember
from ..runtime.deadlines import map_with_deadline
from ..runtime.resources import thread_count
from ..runtime.seeds import check_weights_seed
from .digests import image_keys
from .early_images import EarlyImages, early_images

__all__ = ["ImageEstimator", "ParameterGroup", "note_ignored_value_range", "open_cache", "open_store"]

ParameterGroup = Literal["embedding", "machine", "running", "failures", "training"]
WEIGHTS = replace(PATH | NONE, expected="'DEFAULT', the name of published weights, a file of weights or None")
FOLDER = replace(PATH, expected="a folder, 'auto', an EmbeddingCache or None")
_opened: dict[str, EmbeddingCache] = remember("files", {})


class ImageEstimator(BaseEstimator):
    """An estimator whose X is images and whose parameters name a network."""

    # What each parameter decides; the others are of a training. An embedding depends on the first group. The machine
    # may change the last digits of a result. How a call runs changes no figure, and neither do failures.
    parameter_groups: ClassVar[Mapping[ParameterGroup, tuple[str, ...]]] = {
        "embedding": ("backbone", "weights", "layer", "pooling", "cache_key", "image_size", "resize", "image_shape",
                      "value_range", "precision", "random_state"),
        "machine": ("device", "batch_size"),
        "running": ("cache", "n_jobs", "verbose", "prefetch", "checkpoint"),
        "failures": ("on_error",),
    }  # fmt: skip

    backbone: Any  # a name, or an nn.Module
    weights: Any
    layer: str | None
    pooling: Pooling
    cache_key: str | None
    image_size: int | None
    resize: Resize
    image_shape: tuple[int, ...] | None
    value_range: tuple[float, float] | str | None
    precision: Precision
    device: str
    n_jobs: int | None
    random_state: int
    cache: Any
    verbose: bool
    precision_: ResolvedPrecision

    @classmethod
    def parameters_of(cls, *groups: ParameterGroup) -> tuple[str, ...]:
        """Return the names of the parameters in some groups, in the order of the signature.

        Parameters
        ----------
        *groups : {"embedding", "machine", "running", "failures", "training"}
        """
        group_of = {name: group for group, names in cls.parameter_groups.items() for name in names}
        return tuple(name for name in inspect.signature(cls).parameters if group_of.get(name, "training") in groups)

    def source(self) -> BackboneSource:
        """Return what identifies the network before any training; it is not built."""
        self._check_types()
        return resolve_backbone(
            self.backbone,
            weights=self.weights,
            image_size=self.image_size,
            resize=self.resize,
            random_state=self.random_state,
            cache_key=self.cache_key,
            origin=getattr(self, "_origin", None),
        )

    def _check_types(self) -> None:
        values = dict(vars(self))  # a subclass may have fewer parameters
        check_weights_seed(values.pop("random_state"), drawn=self.weights is None)
        check_values(values, weights=WEIGHTS)

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        if "backbone" in state and not isinstance(state["backbone"], str):
            from ..networks.custom_modules import mark_copies, session_id

            mark_copies(state["backbone"])
            # Rows of a module that cannot be fully identified belong to its pickled copies too.
            state = {**state, "_origin": state.get("_origin") or session_id()}
        return state

    def __sklearn_clone__(self) -> Any:
        if not isinstance(self.backbone, str):
            from ..networks.custom_modules import mark_copies

            mark_copies(self.backbone)
        if isinstance(weight := getattr(self, "class_weight", None), Mapping) and not isinstance(weight, dict):
            # Other mappings may not be copyable.
            return clone(copy.copy(self).set_params(class_weight=dict(weight)))
        try:
            new = super().__sklearn_clone__()
        except Exception:
            if isinstance(self.backbone, str):
                raise
            # A module that cannot be copied, because it holds an open file perhaps, is shared: nothing changes it here.
            named = copy.copy(self).set_params(backbone=EMBEDDED)
            new = clone(named).set_params(backbone=self.backbone)
        if hasattr(self, "_origin"):
            new._origin = self._origin
        return new

    def view(self, source: BackboneSource | None = None) -> View:
        """Return the layer and the pooling of this estimator, with the network's own where none is named."""
        return (source or self.source()).view(self.layer, self.pooling)

    def spec(self, source: BackboneSource | None = None) -> EmbeddingSpec:
        """Return what identifies the embeddings of this estimator's view."""
        source = source or self.source()
        return source.spec(self.view(source), self.arithmetic(source))

    def arithmetic(self, source: BackboneSource) -> ResolvedPrecision:
        """Return what `precision` stands for; "auto" stands for what it did in ``fit``, on whichever machine."""
        if isinstance(self.precision, str) and self.precision == "auto" and hasattr(self, "precision_"):
            return resolve_precision(self.precision_)
        note_slow_precision(self.precision, self.device)
        return choose_precision(source, self.precision, device=self.device, cache=open_cache(self.cache))

    def _early_images(self, images: Sequence[ImageSource]) -> AbstractContextManager[EarlyImages | None]:
        """Return the context in which the first images are decoded while the precision is chosen, if it must be."""
        source, cache = self.source(), open_cache(self.cache)
        wanted = not hasattr(self, "precision_") and is_to_be_measured(
            source, self.precision, device=self.device, cache=cache
        )
        return early_images(images, source.preprocessing, threads=thread_count(self.n_jobs), wanted=wanted)

    def width(self, source: BackboneSource, view: View) -> int:
        """Return the number of features of a view; the network is built only where the cache does not know it."""
        if known := source.architecture.width_of(view):
            return known
        spec = source.spec(view, self.arithmetic(source))
        cached = store_to_read(open_store(self.cache), source, [spec]).width(spec)
        return cached or source.load("cpu").width(view, preprocessing=source.preprocessing)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        tags.input_tags.three_d_array = True
        tags.input_tags.string = True
        return tags

    def sources(self, images: Sequence[Any], names: Sequence[str] | None = None) -> Sequence[ImageSource]:
        """Return the images of a data set as this estimator reads them.

        Parameters
        ----------
        images : sequence of str, PIL.Image.Image or ndarray
        names : sequence of str, default=None
            Their names in messages.
        """
        sources = as_sources(images, names=names, value_range=self.value_range)
        note_ignored_value_range(self, sources)
        return sources

    def content_keys(self, images: Sequence[ImageSource], *, fetch: bool = False) -> list[Any]:
        """Return the key of the content of each image, or the error that reading it raised; see `image_keys`.

        Parameters
        ----------
        images : sequence of ImageSource
        fetch : bool, default=False
            Whether URLs are read. If not, each counts as different content.
        """
        memory = open_store(self.cache).digests
        return image_keys(images, memory, threads=thread_count(self.n_jobs), fetch=fetch, verbose=self.verbose)

    def _images(self, X: Any, *, reset: bool) -> Sequence[ImageSource]:
        sources = check_images(self, X, reset=reset, image_shape=self.image_shape, value_range=self.value_range)
        note_ignored_value_range(self, sources)
        self._check_weights(reset=reset)
        return sources

    def _check_weights(self, *, reset: bool) -> None:
        """Remember the digest of a weights file in fit, and refuse to predict with another one."""
        if reset:
            self.__dict__.pop("_weights_digest", None)
        if not is_file_name(self.weights) or not isinstance(self.backbone, str):
            return
        # Without the side of position embeddings, which follows the image size.
        digest = self.source().weights_digest.partition(";")[0]
        then = getattr(self, "_weights_digest", None)
        if reset:
            self._weights_digest = digest
        elif then not in (None, digest):
            raise WeightsError(
                f"{self.weights} holds other weights than when this was fitted: SHA-256 {then[:12]} then, "
                f"{digest[:12]} now",
                "Bring back that file, or fit again.",
            )


def note_ignored_value_range(estimator: ImageEstimator, images: Sequence[ImageSource]) -> None:
    """Log it where `value_range` cannot change the pixels of any image."""
    if estimator.value_range is None:
        return
    text = (
        f"value_range={estimator.value_range!r} has no effect on these images: all of them are read with 8 bits a "
        "channel, of which 0 is black and 255 white"
    )
    if is_noted(text):
        return
    # The search ends at the first image on which it has an effect, or which cannot be read in time.
    with contextlib.closing(
        map_with_deadline(ImageSource.depends_on_value_range, images, threads=1, ahead=8)
    ) as answers:
        if not any(answers):
            note_once(text)


def open_cache(cache: Any) -> EmbeddingCache | None:
    """Return the cache that a `cache` parameter stands for; one object for each folder in this process."""
    if cache is None or isinstance(cache, EmbeddingCache):
        return cache
    FOLDER.check("cache", cache)
    root = os.path.abspath(default_cache_dir() if cache == "auto" else os.path.expanduser(cache))
    return _opened.setdefault(root, EmbeddingCache(root))


def open_store(cache: Any) -> EmbeddingStore:
    """Return the cache that a `cache` parameter stands for; for None, memory that lasts as long as it is used."""
    found = open_cache(cache)
    return MemoryStore() if found is None else found
