"""A network, its head and a feed of images go in; both come out trained, with the curves of the training.

Every epoch draws its order, augmentation and dropout from its own seed, so that a training that was stopped and is
resumed from a checkpoint gives what an uninterrupted one does.
"""

from __future__ import annotations

import copy
import logging
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
from ..networks.device import out_of_memory, precision_context
from .checkpoint import Checkpoint
from .feeds import Feed, stream
from .head import DenseHead
from .optimization import TrainingPlan
from .training_progress import describe_epoch
from .trunk import Trunk

__all__ = ["CURVES", "Training"]

CURVES = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds")
# Enough for statistics (Wu and Johnson 2021, arXiv 2105.07576), and little beside an epoch of more images.
ESTIMATED_IMAGES = 1024

log = logging.getLogger("featx")


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
        Rows; no validation rows mean no early stopping, and the last epoch's weights are kept.
    plan : TrainingPlan
    checkpoint : Checkpoint, default=None
    verbose : bool, default=False
        Show a progress bar in each epoch, and print a line after it.

    Attributes
    ----------
    history : dict of str to list
        Keyed as `CURVES`, one entry for each epoch that was run.
    best_epoch : int
        The one whose weights are kept; 0 when training made nothing better.
    """

    trunk: Trunk
    head: DenseHead
    feed: Feed
    targets: Tensor
    train: np.ndarray
    validation: np.ndarray
    plan: TrainingPlan
    checkpoint: Checkpoint | None = None
    verbose: bool = False
    history: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in CURVES})
    best_epoch: int = 0
    initial: tuple[float, float] | None = None

    def run(self, *, untrained_head: bool) -> None:
        """Train, and leave the best weights in the network and the head.

        Parameters
        ----------
        untrained_head : bool
            Whether the head is random, so that the state before the first epoch is no result.

        Raises
        ------
        TrainingError
            If the loss becomes NaN or infinite before anything was learnt, or one image is too much for the memory.
        """
        plan = self.plan
        self._micro = plan.batch_size
        self._weights = plan.weights_tensor()
        # A batch of one image has no statistics.
        self._least = 2 if self.trunk.part.updated(self.trunk.update_statistics) else 1
        self._steps = self._n_parts(len(self.train), plan.batch_size)
        self._optimizer = plan.make_optimizer(self.trunk, self.head)
        self._scheduler = plan.make_scheduler(self._optimizer, plan.epochs * self._steps)
        self._score: tuple[float, float] | None = None
        self._best: dict[str, Any] | None = None
        if not self._resume():
            self._begin(untrained_head)
        for epoch in range(len(self.history["epoch"]) + 1, plan.epochs + 1):
            if plan.patience is not None and self._best is not None and epoch - 1 - self.best_epoch >= plan.patience:
                break
            try:
                self._epoch(epoch)
            except FloatingPointError as error:
                self._diverged(epoch, error)
                break
            if self.checkpoint is not None:
                self.checkpoint.save(self._state())
            if self.verbose:
                print_above_bars(describe_epoch(self.history, plan.epochs))
        if self._best is not None:
            self._restore(self._best)
        else:
            self.best_epoch = len(self.history["epoch"])
        self.trunk.train(False)
        self.head.eval()

    def _begin(self, untrained_head: bool) -> None:
        if len(self.validation) and not untrained_head:
            self.initial = self._evaluate()
            self._keep_if_better(0, *self.initial)

    def _epoch(self, epoch: int) -> None:
        began = time.perf_counter()
        plan = self.plan
        order = np.random.default_rng([plan.seed, epoch]).permutation(self.train)
        losses, hits = 0.0, 0
        rate = self._optimizer.param_groups[0]["lr"]
        devices = [plan.device] if torch.device(plan.device).type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(int(np.random.default_rng([plan.seed, epoch, 1]).integers(2**63)))
            self.trunk.train()
            self.head.train()
            name, shown = f"epoch {epoch}/{plan.epochs}", self.verbose
            with progress_bar(self._steps, name=name, unit="batch", shown=shown) as bar:
                for rows, batch in stream(self.feed, np.array_split(order, self._steps), epoch):
                    loss, right = self._step(rows, batch)
                    losses += loss * len(rows)
                    hits += right
                    bar.update()
        figures: dict[str, Any] = dict.fromkeys(CURVES)
        figures |= {"epoch": epoch, "loss": losses / len(order), "accuracy": hits / len(order)}
        figures["learning_rate"] = rate
        if self.trunk.part.young:
            self._estimate_statistics(order, epoch)
        if len(self.validation):
            figures["val_loss"], figures["val_accuracy"] = self._evaluate()
            if not math.isfinite(figures["val_loss"]):
                raise FloatingPointError(f"the validation loss became {figures['val_loss']}")
            self._keep_if_better(epoch, figures["val_loss"], figures["val_accuracy"])
        elif not all(bool(value.isfinite().all()) for part in self._tensors().values() for value in part.values()):
            # What the last step left, no loss has seen.
            raise FloatingPointError("a weight became NaN or infinite")
        figures["seconds"] = time.perf_counter() - began
        for name in CURVES:
            self.history[name].append(figures[name])

    def _step(self, rows: np.ndarray, batch: Tensor) -> tuple[float, int]:
        """Take one step; when the memory does not suffice, sum the gradients of smaller parts."""
        targets = self.targets[torch.from_numpy(rows)].to(self.plan.device)
        total = len(rows) if self._weights is None else float(self._weights[targets].sum()) or 1.0
        while True:  # until parts of single images fail: every failure halves them
            self._optimizer.zero_grad(set_to_none=True)
            try:
                loss, right = 0.0, 0
                for piece in self._pieces(len(rows)):
                    logits = self._logits(batch[piece])
                    share = self._loss(logits, targets[piece]) / total
                    if not math.isfinite(value := float(share.detach())):
                        raise FloatingPointError(f"the loss became {value}")
                    share.backward()
                    loss += value
                    right += int((logits.argmax(1) == targets[piece]).sum())
                self._optimizer.step()
                self._scheduler.step()
                return loss, right
            except RuntimeError as error:
                self._halve(len(rows), error)

    def _n_parts(self, count: int, most: int) -> int:
        """Return into how many parts of like size to cut images, at most so many in one and no fewer than may be."""
        return min(math.ceil(count / most), max(1, count // self._least))

    def _pieces(self, count: int) -> list[slice]:
        """Return the parts of a batch that the memory suffices for."""
        parts = np.array_split(np.arange(count), self._n_parts(count, self._micro))
        return [slice(part[0], part[-1] + 1) for part in parts]

    def _halve(self, size: int, error: RuntimeError) -> None:
        if "modified by an inplace operation" in str(error):
            what = str(error).partition(". Hint:")[0]
            raise TrainingError(
                f"{self.trunk.source.name} writes into a tensor that training needs unchanged: {what}",
                "Let its forward write into copies, such as x = x.clone(), also where it writes into its input.",
            ) from error
        if not out_of_memory(error):
            raise error
        if min(self._micro, size) == 1:
            raise TrainingError(
                f"one image is too much for the memory of {self.plan.device}: {error}",
                "Train fewer stages, choose a smaller image_size, or another network.",
            ) from error
        self._micro = max(1, min(self._micro, size) // 2)
        log.warning("out of memory: batches are computed in parts of %d images from here on", self._micro)
        if torch.device(self.plan.device).type == "cuda":
            torch.cuda.empty_cache()

    def _logits(self, batch: Tensor) -> Tensor:
        inputs = self.feed.finish(batch)
        with precision_context(self.plan.precision, self.plan.device):
            features = self.trunk.features(inputs)
        return self.head(features.float())

    def _loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the sum over images, so that the parts of a batch add up to the whole."""
        return nn.functional.cross_entropy(
            logits, targets, weight=self._weights, label_smoothing=self.plan.label_smoothing, reduction="sum"
        )

    def _estimate_statistics(self, order: np.ndarray, epoch: int) -> None:
        """Take the statistics that training began without from training images, for the weights as they are now."""
        with self.trunk.estimating():
            for _ in self._scores(order[:ESTIMATED_IMAGES], epoch):
                pass

    def _evaluate(self) -> tuple[float, float]:
        """Return loss and accuracy on the validation rows, without augmentation."""
        self.trunk.train(False)
        self.head.eval()
        loss, hits = 0.0, 0
        with torch.inference_mode():
            for rows, logits in self._scores(self.validation, None):
                targets = self.targets[torch.from_numpy(rows)].to(self.plan.device)
                loss += float(nn.functional.cross_entropy(logits, targets, reduction="sum"))
                hits += int((logits.argmax(1) == targets).sum())
        return loss / len(self.validation), hits / len(self.validation)

    def _scores(self, chosen: np.ndarray, epoch: int | None) -> Iterator[tuple[np.ndarray, Tensor]]:
        """Yield rows and their logits, batch by batch; when the memory does not suffice, in smaller parts."""
        parts = self._n_parts(len(chosen), self.plan.batch_size)
        for rows, batch in stream(self.feed, np.array_split(chosen, parts), epoch):
            while len(rows):
                size = self._pieces(len(rows))[0].stop
                try:
                    logits = self._logits(batch[:size])
                except RuntimeError as error:
                    self._halve(len(rows), error)
                    continue
                yield rows[:size], logits
                rows, batch = rows[size:], batch[size:]

    def _keep_if_better(self, epoch: int, loss: float, accuracy: float) -> None:
        score = (accuracy, -loss)
        if math.isfinite(loss) and (self._score is None or score > self._score):
            self._score, self.best_epoch = score, epoch
            self._best = copy.deepcopy(self._tensors())

    def _diverged(self, epoch: int, error: FloatingPointError) -> None:
        plan = self.plan
        rates = f"learning_rate={plan.learning_rate:g} and head_learning_rate={plan.head_learning_rate:g}"
        message = f"{error} in epoch {epoch} with {rates}"
        if self._best is None:
            raise TrainingError(message, "Choose lower rates, a tenth of these.") from error
        warnings.warn(
            f"{message}; training stopped and the weights of epoch {self.best_epoch} are kept. Choose lower rates.",
            TrainingWarning,
            stacklevel=2,
        )

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
            "optimizer": self._optimizer.state_dict(),
            "scheduler": self._scheduler.state_dict(),
        }

    def _resume(self) -> bool:
        """Go back to the last epoch of the checkpoint, if there is one."""
        state = self.checkpoint.load(self.plan.device) if self.checkpoint is not None else None
        if state is None:
            return False
        self._restore(state["tensors"])
        self._best, self._score, self.best_epoch = state["best"], state["score"], state["best_epoch"]
        self.initial, self.history = state["initial"], state["history"]
        self._optimizer.load_state_dict(state["optimizer"])
        self._scheduler.load_state_dict(state["scheduler"])
        return True
