"""CNNFineTuneClassifier: fine-tune the top stages of a pretrained network, as a scikit-learn classifier."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..choices import Auto, BatchNorm, HeadInit, Optimizer, Pooling, Precision, Resize, Schedule
from ..display.notes import note_once, note_torch
from ..evaluation.units import same_content
from ..exceptions import ParameterError
from ..images.labels import check_labels
from ..images.pixels import checked_value_range
from ..images.sources import ImageSource
from .finetuned_estimator import FineTunedEstimator
from .settings import TrainingSettings
from .validation_part import validation_targets

if TYPE_CHECKING:
    from torch import nn

    from ..images.augmentation import Augmentation

__all__ = ["CNNFineTuneClassifier"]


class CNNFineTuneClassifier(FineTunedEstimator):
    """Fine-tune the top stages of a pretrained network, or train one from scratch.

    First the head: a logistic regression on cached embeddings (LP-FT, Kumar et al. 2022, arXiv 2202.10054). Then the
    last `trainable_stages` at `learning_rate`, and the head at `head_learning_rate`. The stages below stay as they
    are; their outputs are computed once for each image and augmented draw, cached, and read in every epoch. Dropout
    and stochastic depth act in the trained part only.

    Parameters
    ----------
    backbone, weights, layer, pooling, cache_key
        As for `CNNFeatureTransformer`; `layer` is what the head reads.
    trainable_stages : int, sequence of str or "all", default=1
        How many of the last stages to train, or their names (``featx backbones --stages NAME``); 0 trains the head
        only. All of them with ``weights=None``, or of a module whose BatchNorm has no statistics yet, is from scratch.
    trainable_layers : int, default=None
        In place of stages: how many of the last layers up to `layer` to train. A layer is a call of a module of torch:
        as in Keras, activations, normalisations and poolings count; additions, which are functions, do not.
    head_init : {"auto", "logistic", "warmup", "random"}, default="auto"
        "logistic" starts from a tuned logistic regression on embeddings; "warmup" trains the head alone on embeddings
        for `warmup_epochs`; "auto" is "logistic", "warmup" with `hidden_units`, and "random" from random weights.
    warmup_epochs : int, default=20
    warmup_learning_rate : float, default=None
        A number warms up as the stages are trained later, by `optimizer`, on augmented draws and with label smoothing,
        at this constant rate; None by AdamW, whatever `optimizer` is, on images as they are, at `head_learning_rate`
        or, if lower, 1e-3.
    hidden_units : int or sequence of int, default=None
        Of one hidden layer with ReLU, or of each of several, such as ``(512, 256)``; None means no such layer.
    dropout : float, default=0.0, before the class layer and nowhere else in the head
    batch_norm : {"frozen", "update"}, default="frozen"
        Whether BatchNorm in the trained stages keeps its statistics. Where they are those of initialisation (mean 0,
        variance 1) they are always estimated: anew after each epoch, from up to 1,024 training images (precise
        BatchNorm: Wu and Johnson 2021, arXiv 2105.07576).
    optimizer : {"adamw", "adam", "sgd"}, default="adamw"
        PyTorch's. `weight_decay` shrinks the weights in "adamw"; in "adam" and "sgd" it is added to the gradient as an
        L2 penalty, which Adam then rescales. Keras' Adam has none: ``weight_decay=0``.
    learning_rate : float or "auto", default="auto", of the trained stages: 3e-5, and 1e-3 from scratch
    head_learning_rate : float, default=None, which is three times `learning_rate`, and from scratch the same
    momentum : float, default=0.9, of "sgd"
    weight_decay : float, default=1e-2, regularises kernels and matrices; exceptions: `featx.finetuning.weight_decay`
    schedule : {"constant", "cosine", "onecycle"}, default="cosine", of both rates, over all epochs
        "cosine" ends at zero, "onecycle" rises over the first 30 % of the steps.
    epochs : int or "auto", default="auto", which is 10, and 30 from scratch
    batch_size : int, default=32
    label_smoothing : float, default=0.0
    class_weight : "balanced", mapping of label to float, or None, default=None
    early_stopping : bool, default=True
        Hold out a stratified part of the images, or use those passed to ``fit`` for this, stop when the accuracy on
        them has not risen for `patience` epochs, and keep the best epoch's weights; False keeps the last epoch's.
    validation_fraction : float, default=0.15
    patience : int or "auto", default="auto", which is 5, and from scratch half of the epochs if that is more
    augmentation : str, Augmentation or None, default="light"
        "none", "light", "flips", "dihedral", "keras", "crops", "randaugment", or an `Augmentation`.
    augment_draws : int, default=4
        Augmented copies of each image, drawn once for the cached boundary; an epoch shows one of them.
    test_draws : int, default=1
        ``predict_proba`` averages over as many versions of an image: itself and augmented copies.
    boundary_cache_bytes : int, default=8_000_000_000
        The most that the outputs of the frozen stages may take in the cache. Where they would take more, which is
        logged, or with 0, all images are decoded, augmented and forwarded in every epoch.
    checkpoint : str or PathLike, default=None
        A file that is replaced after every epoch; ``fit`` with the same parameters and data resumes from it.
    image_size, resize, image_shape, value_range
        As for `CNNFeatureTransformer`.
    precision : {"auto", "float32", "bfloat16", "float16"}, default="auto"
        Of forward passes, except for the trained part on a CPU; tensors and gradients are float32. "auto" is float32.
    device, n_jobs
        As for `CNNFeatureTransformer`.
    random_state : int, default=0
        Of the validation part, draws, order, dropout and random weights; on a CPU it decides the model.
    cache
        As for `CNNFeatureTransformer`.
    verbose : bool, default=False, which shows no progress bars and prints no line after each epoch

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    n_iter_ : int, epochs that were run
    history_ : dict of str to list, the last two keys to dict
        One entry an epoch: `epoch`, `loss` and `accuracy` (running, on augmented draws), `val_loss` and
        `val_accuracy` (None without a validation part), `learning_rate` at its start, `seconds`. `warmup`, if there was
        one, has the same lists of its epochs; epoch 0 is the head as it started, on images as they are. `iterations`
        has arrays: `loss` and `accuracy` of each mini-batch before its step, the first `n_warmup` those of the warm-up;
        `val_loss` and `val_accuracy` after `val_iteration` steps.
    best_epoch_ : int, whose weights are kept; 0 means the head as it was before any stage was trained
    initial_validation_accuracy_ : float or None, before the first epoch
    precision_ : {"float32", "bfloat16", "float16"}, what `precision` stands for
    trained_stages_ : list of str, the names of the stages, or with `trainable_layers` of the layers
    timings_ : dict of str to float
        Seconds of `extraction` (embeddings and boundary), of its stages as in `ExtractionResult`, and of `training`.
    forwarded_ : dict of str to int
        Passes through the frozen part: those `needed`, and those made because they were not in the cache.
    state_, head_ : dict of str to ndarray, the tensors that were trained
    n_features_in_ : int, values of a row; only after fitting on a 2-D array

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from featx import CNNFineTuneClassifier
    >>> X, y = load_digits(n_class=2, return_X_y=True)
    >>> model = CNNFineTuneClassifier(image_size=32, value_range=(0, 16), epochs=1, augmentation="none", cache=None)
    >>> model.fit(X[:60] , y[:60]).score(X[60:90], y[60:90]) > 0.9
    True
    """

    # Saved models name the class without the module that defines it.
    __module__ = "featx"

    def __init__(
        self,
        backbone: str | nn.Module = "efficientnet_lite0",
        *,
        weights: Any = "DEFAULT",
        layer: str | None = None,
        pooling: Pooling = "auto",
        cache_key: str | None = None,
        trainable_stages: int | Sequence[str] | str = 1,
        trainable_layers: int | None = None,
        head_init: HeadInit = "auto",
        warmup_epochs: int = 20,
        warmup_learning_rate: float | None = None,
        hidden_units: int | Sequence[int] | None = None,
        dropout: float = 0.0,
        batch_norm: BatchNorm = "frozen",
        optimizer: Optimizer = "adamw",
        learning_rate: float | Auto = "auto",
        head_learning_rate: float | None = None,
        momentum: float = 0.9,
        weight_decay: float = 1e-2,
        schedule: Schedule = "cosine",
        epochs: int | Auto = "auto",
        batch_size: int = 32,
        label_smoothing: float = 0.0,
        class_weight: str | Mapping[Any, float] | None = None,
        early_stopping: bool = True,
        validation_fraction: float = 0.15,
        patience: int | Auto = "auto",
        augmentation: str | Augmentation | None = "light",
        augment_draws: int = 4,
        test_draws: int = 1,
        boundary_cache_bytes: int = 8_000_000_000,
        checkpoint: str | os.PathLike[str] | None = None,
        image_size: int | None = None,
        resize: Resize = "crop",
        image_shape: tuple[int, ...] | None = None,
        value_range: tuple[float, float] | str | None = None,
        precision: Precision = "auto",
        device: str = "auto",
        n_jobs: int | None = None,
        random_state: int = 0,
        cache: Any = "auto",
        verbose: bool = False,
    ) -> None:
        self.backbone = backbone
        self.weights = weights
        self.layer = layer
        self.pooling = pooling
        self.cache_key = cache_key
        self.trainable_stages = trainable_stages
        self.trainable_layers = trainable_layers
        self.head_init = head_init
        self.warmup_epochs = warmup_epochs
        self.warmup_learning_rate = warmup_learning_rate
        self.hidden_units = hidden_units
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.head_learning_rate = head_learning_rate
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.epochs = epochs
        self.batch_size = batch_size
        self.label_smoothing = label_smoothing
        self.class_weight = class_weight
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.augmentation = augmentation
        self.augment_draws = augment_draws
        self.test_draws = test_draws
        self.boundary_cache_bytes = boundary_cache_bytes
        self.checkpoint = checkpoint
        self.image_size = image_size
        self.resize = resize
        self.image_shape = image_shape
        self.value_range = value_range
        self.precision = precision
        self.device = device
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.cache = cache
        self.verbose = verbose

    def fit(self, X: Any, y: Any, groups: Any = None, *, X_val: Any = None, y_val: Any = None) -> CNNFineTuneClassifier:
        """Train on labelled images.

        Parameters
        ----------
        X : array-like of images, as for `CNNFeatureTransformer`
        y : array-like of shape (n_samples,)
            Labels.
        groups : array-like of shape (n_samples,), default=None
            Images of one group are either all trained on or all in the validation part.
        X_val : array-like of images, default=None
            Images that decide when to stop and which epoch is kept, in place of a part of X, as in scikit-learn's
            `HistGradientBoostingClassifier`; they are not trained on. Without early stopping they have no effect.
        y_val : array-like of shape (n_validation,), default=None
            Their labels, each of which also occurs in y.

        Returns
        -------
        self

        Raises
        ------
        ParameterError, BackboneError, WeightsError, LayerError, ImageDecodeError, CacheError
        DatasetError
            If there are fewer than two classes, or too few images of one for a validation part.
        ModelFileError
            If the checkpoint belongs to another training, or cannot be written.
        TrainingError
            If the loss becomes NaN before anything was learnt, or one image is too much for the memory.
        """
        finetuning = self.prepare(X, y, groups, X_val=X_val, y_val=y_val)
        finetuning.check()
        # Copies of an image are on one side of the validation split, and of the folds that tune the head.
        finetuning.together = same_content(self.content_keys(finetuning.images[: finetuning.n_train]))
        result = finetuning.run()
        self.__dict__.pop("decision_", None)
        self.history_, self.best_epoch_ = result.history, result.best_epoch
        self.n_iter_ = len(result.history["epoch"])
        self.initial_validation_accuracy_ = result.initial_accuracy
        self.trained_stages_ = result.stages
        self.precision_ = finetuning.given.precision
        self.timings_ = result.timings
        self.forwarded_ = result.forwarded
        self.state_, self.head_ = result.state, result.head
        return self

    def check_parameters(self, y: Any) -> None:
        """Check all parameters, as ``fit`` does, without any image.

        Parameters
        ----------
        y : array-like of shape (n_samples,)
            Labels, each class at least once.

        Raises
        ------
        ParameterError, BackboneError, WeightsError, LayerError
        ModelFileError
            If the checkpoint cannot be written.
        """
        TrainingSettings.of(self)  # before torch is loaded for the other checks
        checked_value_range(self.value_range)
        self.source()
        note_torch()
        from .fit import FineTuning

        classes, targets = np.unique(np.asarray(y), return_inverse=True)
        FineTuning(self, [], classes, targets, None).check()

    def prepare(self, X: Any, y: Any, groups: Any = None, *, X_val: Any = None, y_val: Any = None) -> Any:
        """Return the `FineTuning` that `fit` runs, after checking all that it is given; nothing is computed.

        Parameters
        ----------
        X, y, groups, X_val, y_val : as for ``fit``
        """
        note_torch()
        from .fit import FineTuning

        images = self._images(X, reset=True)
        self.classes_, targets = check_labels(images, y)
        validation = self._validation(X_val, y_val)
        return FineTuning(self, images, self.classes_, targets, groups, validation=validation)

    def _validation(self, X_val: Any, y_val: Any) -> tuple[Sequence[ImageSource], np.ndarray] | None:
        """Return the images to validate on with their class numbers, if they are given and used."""
        if (X_val is None) != (y_val is None):
            raise ParameterError("got one of X_val and y_val", "Pass both, or none.")
        if X_val is None:
            return None
        images = self._images(X_val, reset=False)
        targets = validation_targets(images, y_val, self.classes_)
        if not self.early_stopping:
            note_once("X_val has no effect: training stops at the last epoch with early_stopping=False")
            return None
        return images, targets
