"""The training loop: epochs, validation, early stopping and checkpoints.

Every epoch draws its order, augmentation and dropout from its own seed, so that a training that was stopped and is
resumed from a checkpoint has the same result as an uninterrupted one.
"""

from __future__ import annotations

import copy
import math
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..display.progress import print_above_bars, progress_bar
from ..exceptions import TrainingError, TrainingWarning
from ..networks.device import precision_context
from ..torch_modules.seeds import seeded
from .checkpoint import Checkpoint
from .feeds import Feed, stream
from .head import DenseHead
from .history import HISTORY_KEYS, describe_epoch, empty_history
from .iterations import IterationCurves
from .micro_batches import MicroBatches
from .optimization import make_optimizer, make_scaler, make_scheduler
from .settings import ResolvedSettings
from .trunk import Trunk
from .warm_up import WarmUp

__all__ = ["Training"]

# Enough for statistics (Wu and Johnson 2021, arXiv 2105.07576), and cheap compared with an epoch of more images.
ESTIMATED_IMAGES = 1024


@dataclass
class Training:
    """One training from the first epoch to the last.

    Parameters
    ----------
    trunk : Trunk
    head : DenseHead
    feed : Feed
    targets : Tensor of int64, shape (n,)
        Class numbers.
    train, validation : ndarray of int
        Rows; without validation rows there is no early stopping, and the last epoch's weights are kept.
    settings : ResolvedSettings
        With `verbose`, a progress bar is shown in each epoch, and a line is printed after it.
    class_weights : Tensor of float32, shape (n_classes,), default=None
        In the loss, on the device.
    checkpoint : Checkpoint, default=None
    warm_up : WarmUp, default=None
        What trains the head before the first epoch, if anything does.

    Attributes
    ----------
    history : dict of str to list
        Keyed as `HISTORY_KEYS`, one entry for each epoch that was run.
    warm_up_history : dict of str to list or None
        The same of the warm-up.
    iterations : IterationCurves
    best_epoch : int
        The epoch whose weights are kept; 0 if training improved nothing.
    """

    trunk: Trunk
    head: DenseHead
    feed: Feed
    targets: Tensor
    train: np.ndarray
    validation: np.ndarray
    settings: ResolvedSettings
    class_weights: Tensor | None = None
    checkpoint: Checkpoint | None = None
    warm_up: WarmUp | None = None
    history: dict[str, list[Any]] = field(default_factory=empty_history)
    warm_up_history: dict[str, list[Any]] | None = None
    iterations: IterationCurves = field(default_factory=IterationCurves)
    best_epoch: int = 0
    initial: tuple[float, float] | None = None

    def run(self, *, untrained_head: bool) -> None:
        """Train, and leave the network and the head with the best weights.

        Parameters
        ----------
        untrained_head : bool
            Whether the head is random, so that the state before the first epoch is not a result.

        Raises
        ------
        TrainingError
            If the loss becomes NaN or infinite before anything was learnt, or one image is too much for the memory.
        """
        settings = self.settings
        # A batch of one image has no statistics.
        smallest = 2 if self.trunk.part.updated_norms(self.trunk.update_statistics) else 1
        named = {"device": settings.device, "network": self.trunk.source.name}
        self._micro_batches = MicroBatches(settings.batch_size, smallest=smallest, **named)
        self._steps = self._micro_batches.count_parts(len(self.train), settings.batch_size)
        heads = [name for name, _ in self.head.named_parameters()]
        stages = self.trunk.module, self.trunk.trained, settings.learning_rate
        self._optimizer = make_optimizer(settings, [stages, (self.head, heads, settings.head_learning_rate)])
        self._scheduler = make_scheduler(settings, self._optimizer, settings.epochs * self._steps)
        self._scaler = make_scaler(settings)
        self._score: tuple[float, float] | None = None
        self._best: dict[str, Any] | None = None
        if not self._resume():
            self._begin(untrained_head)
        for epoch in range(len(self.history["epoch"]) + 1, settings.epochs + 1):
            if self._is_exhausted(epoch - 1):
                break
            try:
                self._epoch(epoch)
            except FloatingPointError as error:
                self._diverged(epoch, error)
                break
            if self.checkpoint is not None:
                self.checkpoint.save(self._state())
            if settings.verbose:
                print_above_bars(describe_epoch(self.history, settings.epochs))
        if self._best is not None:
            self._restore(self._best)
        else:
            self.best_epoch = len(self.history["epoch"])
        self.trunk.train(False)
        self.head.eval()

    def _is_exhausted(self, epoch: int) -> bool:
        """Tell whether the best epoch is as long ago as the patience allows."""
        patience = self.settings.patience
        return patience is not None and self._best is not None and epoch - self.best_epoch >= patience

    def _begin(self, untrained_head: bool) -> None:
        if self.warm_up is not None:
            self.warm_up.run(self.iterations)
            self.warm_up_history = self.warm_up.history
        if len(self.validation) and not untrained_head:
            self.initial = self._evaluate()
            self._keep_if_better(0, *self.initial)
            if self.warm_up is None:
                self.iterations.add_validation(*self.initial)

    def _epoch(self, epoch: int) -> None:
        began = time.perf_counter()
        settings = self.settings
        order = np.random.default_rng([settings.random_state, epoch]).permutation(self.train)
        losses, hits, rate = 0.0, 0, self._optimizer.param_groups[0]["lr"]
        seed = int(np.random.default_rng([settings.random_state, epoch, 1]).integers(2**63))
        name, shown = f"epoch {epoch}/{settings.epochs}", settings.verbose
        with seeded(seed, settings.device), progress_bar(self._steps, name=name, unit="batch", shown=shown) as bar:
            self.trunk.train()
            self.head.train()
            for rows, batch in stream(self.feed, np.array_split(order, self._steps), epoch):
                loss, right = self._step(rows, batch)
                losses += loss * len(rows)
                hits += right
                self.iterations.add_steps([loss], [right / len(rows)])
                bar.update()
        scores: dict[str, Any] = dict.fromkeys(HISTORY_KEYS)
        scores |= {"epoch": epoch, "loss": losses / len(order), "accuracy": hits / len(order), "learning_rate": rate}
        if self.trunk.part.initial_norms:
            # From training images, for the present weights.
            with self.trunk.estimating():
                for _ in self._predict(order[:ESTIMATED_IMAGES], epoch):
                    pass
        if len(self.validation):
            scores["val_loss"], scores["val_accuracy"] = self._evaluate()
            if not math.isfinite(scores["val_loss"]):
                raise FloatingPointError(f"the validation loss became {scores['val_loss']}")
            self._keep_if_better(epoch, scores["val_loss"], scores["val_accuracy"])
            self.iterations.add_validation(scores["val_loss"], scores["val_accuracy"])
        elif not all(bool(value.isfinite().all()) for part in self._tensors().values() for value in part.values()):
            # The weights after the last step have not been seen by any loss.
            raise FloatingPointError("a weight became NaN or infinite")
        scores["seconds"] = time.perf_counter() - began
        for name in HISTORY_KEYS:
            self.history[name].append(scores[name])

    def _step(self, rows: np.ndarray, batch: Tensor) -> tuple[float, int]:
        """Take one step; when the memory does not suffice, accumulate the gradients of smaller parts."""
        targets = self.targets[torch.from_numpy(rows)].to(self.settings.device)
        total = len(rows) if self.class_weights is None else float(self.class_weights[targets].sum()) or 1.0
        while True:  # until parts of single images fail: every failure halves them
            self._optimizer.zero_grad(set_to_none=True)
            try:
                parts = self._micro_batches.slices(len(rows))
                losses, hits = zip(*(self._backward(batch[p], targets[p], total) for p in parts), strict=True)
            except RuntimeError as error:
                self._micro_batches.halve(len(rows), error)
                continue
            scale = self._scaler.get_scale()
            self._scaler.step(self._optimizer)
            self._scaler.update()
            if self._scaler.get_scale() >= scale:
                self._scheduler.step()
                return sum(losses), sum(hits)
            # The scaled gradients were infinite, and no step was taken: the batch is computed again with a lower scale.
            if scale <= 1.0:
                raise FloatingPointError("the gradients became infinite")

    def _backward(self, batch: Tensor, targets: Tensor, total: float) -> tuple[float, int]:
        """Add the gradients of a part of a batch; return its loss and how many answers were right."""
        # In a frame of its own, which `halved` clears: that of the loop would keep the outputs of all layers.
        logits = self._logits(batch)
        loss = self._loss(logits, targets) / total
        if not math.isfinite(value := float(loss.detach())):
            raise FloatingPointError(f"the loss became {value}")
        self._scaler.scale(loss).backward()
        return value, int((logits.argmax(1) == targets).sum())

    def _logits(self, batch: Tensor) -> Tensor:
        inputs = self.feed.finish(batch)
        with precision_context(self.settings.training_precision, self.settings.device):
            features = self.trunk.features(inputs)
        return self.head(features.float())

    def _loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the sum of the losses of the images, so that the parts of a batch add up to the whole."""
        return nn.functional.cross_entropy(
            logits, targets, weight=self.class_weights, label_smoothing=self.settings.label_smoothing, reduction="sum"
        )

    def _evaluate(self) -> tuple[float, float]:
        """Return loss and accuracy on the validation rows, without augmentation."""
        self.trunk.train(False)
        self.head.eval()
        loss, hits = 0.0, 0
        with torch.inference_mode():
            for rows, logits in self._predict(self.validation, None):
                targets = self.targets[torch.from_numpy(rows)].to(self.settings.device)
                loss += float(nn.functional.cross_entropy(logits, targets, reduction="sum"))
                hits += int((logits.argmax(1) == targets).sum())
        return loss / len(self.validation), hits / len(self.validation)

    def _predict(self, chosen: np.ndarray, epoch: int | None) -> Iterator[tuple[np.ndarray, Tensor]]:
        """Yield rows and their logits, batch by batch; when the memory does not suffice, in smaller parts."""
        parts = self._micro_batches.count_parts(len(chosen), self.settings.batch_size)
        for rows, batch in stream(self.feed, np.array_split(chosen, parts), epoch):
            while len(rows):
                size = self._micro_batches.slices(len(rows))[0].stop
                try:
                    logits = self._logits(batch[:size])
                except RuntimeError as error:
                    self._micro_batches.halve(len(rows), error)
                    continue
                yield rows[:size], logits
                rows, batch = rows[size:], batch[size:]

    def _keep_if_better(self, epoch: int, loss: float, accuracy: float) -> None:
        score = (accuracy, -loss)
        if math.isfinite(loss) and (self._score is None or score > self._score):
            self._score, self.best_epoch = score, epoch
            self._best = copy.deepcopy(self._tensors())

    def _diverged(self, epoch: int, error: FloatingPointError) -> None:
        settings = self.settings
        rates = f"learning_rate={settings.learning_rate:g} and head_learning_rate={settings.head_learning_rate:g}"
        message = f"{error} in epoch {epoch} with {rates}"
        if self._best is None:
            raise TrainingError(message, "Choose lower rates, a tenth of these.") from error
        warnings.warn(
            f"{message}; training stopped and the weights of epoch {self.best_epoch} are kept. Choose lower rates.",
            TrainingWarning,
            stacklevel=2,
        )

    def curves(self) -> dict[str, Any]:
        """Return the history of the epochs, with those of the warm-up and of the iterations in it."""
        warm_up = {} if self.warm_up_history is None else {"warmup": self.warm_up_history}
        return {**self.history, **warm_up, "iterations": self.iterations.arrays()}

    def _tensors(self) -> dict[str, Any]:
        return {"trunk": self.trunk.state(), "head": self.head.state_dict()}

    def _restore(self, tensors: dict[str, Any]) -> None:
        with torch.no_grad():
            for name, value in self.trunk.state().items():
                value.copy_(tensors["trunk"][name])
        self.head.load_state_dict(tensors["head"])

    def _state(self) -> dict[str, Any]:
        return {
            "tensors": self._tensors(),
            "best": self._best,
            "best_epoch": self.best_epoch,
            "score": self._score,
            "initial": self.initial,
            "history": self.history,
            "warm_up_history": self.warm_up_history,
            "iterations": self.iterations.state(),
            "optimizer": self._optimizer.state_dict(),
            "scheduler": self._scheduler.state_dict(),
            "scaler": self._scaler.state_dict(),
        }

    def _resume(self) -> bool:
        """Restore the state after the last epoch of the checkpoint, if there is one."""
        state = self.checkpoint.load() if self.checkpoint is not None else None
        if state is None:
            return False
        self._restore(state["tensors"])
        self._best, self._score, self.best_epoch = state["best"], state["score"], state["best_epoch"]
        self.initial, self.history = state["initial"], state["history"]
        if "iterations" in state:  # earlier versions kept neither
            self.warm_up_history = state["warm_up_history"]
            self.iterations.restore(state["iterations"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._scheduler.load_state_dict(state["scheduler"])
        if state.get("scaler"):  # empty but in float16
            self._scaler.load_state_dict(state["scaler"])
        return True
