"""CNNFeatureTransformer, the scikit-learn transformer from images to embeddings of a frozen network."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from ..choices import Auto, OnError, Pooling, Precision, Resize
from ..constraints import BATCH, check_values, shown
from ..display.notes import note_once
from ..exceptions import ParameterError
from ..images.pixels import checked_value_range
from ..images.sources import ImageSource
from ..networks.backbone import BackboneSource
from ..networks.device import resolve_device, resolve_precision
from ..networks.pooling import View
from .estimator import ImageEstimator, open_cache
from .extract import ExtractionResult, extract_embeddings
from .steps import Passes

if TYPE_CHECKING:
    from torch import nn

__all__ = ["CNNFeatureTransformer"]


class CNNFeatureTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ImageEstimator):
    """Turn images into the embeddings of a frozen, pretrained network.

    Each embedding is computed once and kept in a cache keyed by the image's content and by everything that made
    the embedding, so that cross-validation and grid searches over what follows cost one pass over the images.

    Parameters
    ----------
    backbone : str or nn.Module, default="efficientnet_lite0"
        ``efficientnet_lite0``, whose ImageNet weights come with featx's installation; a torchvision classification
        network; ``timm:NAME`` with the extra; or a module of your own, which gets images normalised with ImageNet's
        mean and standard deviation; for what its embeddings are, see `layer`.
    weights : str, PathLike or None, default="DEFAULT"
        "DEFAULT", a torchvision name such as "IMAGENET1K_V1", a local file or checkpoint, or None for random weights,
        which the ``reset_parameters`` of the layers of a module of your own draw; the module is not changed.
    layer : str, default=None
        A stage (``featx backbones --stages NAME``) or a node of the network's graph; None means the last
        convolutional or attention stage, and for a module the input of its final pooling, as the module computes it
        on the way. "output" is what calling it returns, and the default for a module without such a pooling.
    pooling : {"auto", "avg", "max", "avgmax", "gem", "flatten", "cls"}, default="auto"
        How a feature map becomes a vector; "auto" is the network's own: "cls" for vision transformers, else "avg".
        "avgmax" is both, one after the other; "flatten" keeps every value.
    prefetch : sequence of (layer, pooling), default=()
        Other views that the same pass puts into the cache, for a search that will ask for them.
    cache_key : str, default=None
        Names the code of a module of your own where featx says that it does not understand it; its tensors and plain
        attributes are compared all the same. Choose another key whenever the code changes.
    image_size : int, default=None
        Side of the network's input in pixels; None means what the weights were trained with.
    resize : {"crop", "squash"}, default="crop"
        "crop" keeps the aspect ratio and cuts the central square, as the weights' own preprocessing does;
        "squash" resizes the whole image.
    image_shape : tuple of int, default=None
        (h, w), (h, w, c) or (c, h, w) of rows of flattened images, where c is 1, 3 or 4; if both could be meant, the
        channels are last. None takes squares: see Notes.
    value_range : (low, high), "minmax" or None, default=None
        The values that mean black and white, of arrays and of files and PIL images of more than 8 bits; "minmax" takes
        each image's own. None means 0 to 255 for uint8, 0 to 65535 for 16 bits, 0 to 1 for floats. Files and PIL images
        of 8 bits are read as they are.
    precision : {"auto", "float32", "bfloat16", "float16"}, default="auto"
        Arithmetic of the forward pass. "auto" is bfloat16 where the device computes it natively and the network's
        embeddings of photographs hardly change by it (see `choose_precision`), else float32.
    device : str, default="auto"
        "auto" takes CUDA, else Apple's MPS, else the CPU.
    batch_size : int or "auto", default="auto"
        How many images are in the network at once. On a CPU they are divided into up to 8 batches that run in parallel,
        each on its share of the cores; "auto" is 6 for each batch, 32 for a module of your own, and 128 on an
        accelerator.
    n_jobs : int, default=None
        Threads that read and decode; None and -1 mean one for each processor.
    random_state : int, default=0
        Seed of random weights (``weights=None``); without these None and a RandomState have no effect.
    on_error : {"raise", "skip"}, default="raise"
        Whether an unreadable or missing image raises, or is skipped: its row is NaN, and ``failures_`` names it. Most
        heads refuse NaN; put ``SimpleImputer`` between, or drop the rows.
    cache : str, PathLike, EmbeddingCache or None, default="auto"
        Folder of the cache; "auto" is ``$FEATX_CACHE`` or the user's cache folder; None keeps nothing.
    verbose : bool, default=False
        Show a progress bar while files are read and the network works, or print a line now and then into a pipe.

    Attributes
    ----------
    embedding_dim_ : int
        Number of features of an embedding.
    precision_ : {"float32", "bfloat16", "float16"}
        What `precision` stands for. A saved model keeps it: "auto" stands for the same wherever it is loaded.
    n_features_in_ : int
        Values of a row; only after fitting on a 2-D array.
    failures_ : list of Failure
        The images that the last ``transform`` could not read; only with ``on_error="skip"``.

    See Also
    --------
    extract_embeddings : The same without scikit-learn.

    Notes
    -----
    ``fit`` trains nothing. X may be a list, an array, a Series or another column, or a frame of one column, of pandas,
    polars or pyarrow. Each of its cells is a path or a URL (text, bytes or PathLike), the content of a file (bytes,
    bytearray, memoryview, BytesIO), ``{"bytes": ..., "path": ...}`` of Hugging Face, a PIL image, or an array (h, w) or
    (h, w, c) of NumPy, torch or another library; kinds and sizes may differ. Bytes are a path if they have no control
    characters and at most 4,096 bytes, and do not begin as JPEG, HTML, XML or JSON do. None, NaN, ``pd.NA`` and "" are
    missing images. The content of a file has the embedding of the file.

    X may also be an array (n, h, w) or (n, h, w, c), or rows of flattened images. A row of s * s values is taken as a
    square grey image, one of 3 * s * s values as a square RGB image, any other as a strip one pixel high, unless
    `image_shape` says otherwise.

    The loaded network is shared by all transformers of the process with the same parameters and is never pickled.

    Examples
    --------
    >>> from sklearn.datasets import load_sample_images
    >>> from featx import CNNFeatureTransformer
    >>> photos = load_sample_images().images
    >>> CNNFeatureTransformer(cache=None).fit_transform(photos).shape
    (2, 1280)
    """

    # Saved models name this place, whichever module the class is in.
    __module__ = "featx"

    def __init__(
        self,
        backbone: str | nn.Module = "efficientnet_lite0",
        *,
        weights: Any = "DEFAULT",
        layer: str | None = None,
        pooling: Pooling = "auto",
        prefetch: Sequence[View] = (),
        cache_key: str | None = None,
        image_size: int | None = None,
        resize: Resize = "crop",
        image_shape: tuple[int, ...] | None = None,
        value_range: tuple[float, float] | str | None = None,
        precision: Precision = "auto",
        device: str = "auto",
        batch_size: int | Auto = "auto",
        n_jobs: int | None = None,
        random_state: int = 0,
        on_error: OnError = "raise",
        cache: Any = "auto",
        verbose: bool = False,
    ) -> None:
        self.backbone = backbone
        self.weights = weights
        self.layer = layer
        self.pooling = pooling
        self.prefetch = prefetch
        self.cache_key = cache_key
        self.image_size = image_size
        self.resize = resize
        self.image_shape = image_shape
        self.value_range = value_range
        self.precision = precision
        self.device = device
        self.batch_size = batch_size
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.on_error = on_error
        self.cache = cache
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> CNNFeatureTransformer:
        """Check the parameters and X; nothing is trained.

        Parameters
        ----------
        X : array-like of images
        y : ignored
            Only its length is compared.

        Returns
        -------
        self

        Raises
        ------
        ParameterError, BackboneError, WeightsError, LayerError
            If a parameter holds a value that it does not accept.
        ValueError
            If X is not a collection of images.
        """
        self._fit(X, y)
        self.precision_ = self.arithmetic(self.source())
        return self

    def _fit(self, X: Any, y: Any) -> Sequence[ImageSource]:
        images = self._images(X, reset=True)
        if y is not None:
            check_consistent_length(images, y)
        self.embedding_dim_, *_ = self.check_parameters()
        self.__dict__.pop("precision_", None)
        return images

    def check_parameters(self) -> list[int]:
        """Check all parameters, as ``fit`` does, without any image.

        Returns
        -------
        list of int
            The number of features of the view, and of each prefetched one.

        Raises
        ------
        ParameterError, BackboneError, WeightsError, LayerError
        """
        source = self.source()
        checked = ("batch_size", "n_jobs", "on_error")
        check_values({name: getattr(self, name) for name in checked}, batch_size=BATCH)
        checked_value_range(self.value_range)
        resolve_precision(self.precision)
        if self.device not in ("auto", "cpu"):
            resolve_device(self.device)
        views = self._views(source)
        if open_cache(self.cache) is None and len(self.prefetch):
            note_once("prefetch has no effect with cache=None: the other views are computed and not kept")
        return [self.width(source, view) for view in views]

    def fit_transform(self, X: Any, y: Any = None) -> np.ndarray:
        """Check the parameters and X, and return the embeddings; as ``fit(X, y).transform(X)``.

        Parameters
        ----------
        X : array-like of images
        y : ignored

        Returns
        -------
        ndarray of float32, shape (n_samples, n_features)
        """
        rows = self._embed(self._fit(X, y))
        self.precision_ = self.arithmetic(self.source())
        return rows

    def transform(self, X: Any) -> np.ndarray:
        """Return the embeddings of the images.

        Parameters
        ----------
        X : array-like of images

        Returns
        -------
        ndarray of float32, shape (n_samples, n_features)

        Raises
        ------
        ImageDecodeError
            If an image cannot be read and `on_error` is "raise".
        CacheError
        """
        check_is_fitted(self)
        return self._embed(self._images(X, reset=False))

    def _embed(self, images: Sequence[ImageSource]) -> np.ndarray:
        result = self.extract(images)
        if self.on_error == "skip":
            self.failures_ = result.failures
        rows = result.embeddings[0]
        # If no image could be read, the width of the rows is not known from the result.
        return rows if rows.shape[1] else np.full((len(rows), self.embedding_dim_), np.nan, dtype=np.float32)

    def extract(self, images: Sequence[ImageSource], *, keys: Sequence[Any] | None = None) -> ExtractionResult:
        """Return the embeddings of this view and the prefetched ones; `keys` are what `content_keys` has returned."""
        with self._early_images(images) as early:
            options = {**self.plan(np.arange(len(images))).options, "keys": keys, "early": early}
            return extract_embeddings(images, cache=open_cache(self.cache), on_error=self.on_error, **options)

    def plan(self, rows: np.ndarray) -> Passes:
        """Return the passes that `extract` makes of some images, without making them.

        Parameters
        ----------
        rows : ndarray of int
            The positions of the images.

        Raises
        ------
        ParameterError, BackboneError, WeightsError, LayerError, CacheError
        """
        source = self.source()
        how = {name: getattr(self, name) for name in ("device", "batch_size", "n_jobs", "verbose")}
        return Passes(source, self._views(source), rows, self.arithmetic(source), **how)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    @property
    def _n_features_out(self) -> int:
        return self.embedding_dim_

    def _views(self, source: BackboneSource) -> list[View]:
        pairs = list(self.prefetch) if isinstance(self.prefetch, Collection) else [self.prefetch]
        named = [isinstance(p, tuple | list) and len(p) == 2 and isinstance(p[0], str | None) for p in pairs]
        if not all(named) or isinstance(self.prefetch, str):
            raise ParameterError(f"got prefetch={shown(self.prefetch)}; expected pairs (layer, pooling)")
        others = [source.view(layer, pooling) for layer, pooling in pairs]
        return list(dict.fromkeys([self.view(source), *others]))
