"""Warm-up: train the head alone, on features of the network as it is, before its stages are trained."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..display.progress import print_above_bars, progress_bar
from ..exceptions import TrainingError
from ..networks.device import precision_context
from ..torch_modules.seeds import seeded
from .feeds import Feed, stream
from .head import DenseHead
from .history import describe_warm_up, empty_history
from .iterations import IterationCurves
from .micro_batches import MicroBatches
from .optimization import make_optimizer
from .settings import ResolvedSettings
from .trunk import Trunk

__all__ = ["WarmUp"]

# The usual rate of Adam, for a head on standardised features with random weights.
WARM_UP_RATE = 1e-3
# Features that the head scores at once.
SCORED_AT_ONCE = 4096


@dataclass
class WarmUp:
    """The training of the head alone.

    By itself it takes the embeddings of the images as they are, which are cached, and AdamW at `head_learning_rate` or,
    if that is lower, 1e-3. With `warmup_learning_rate` it is trained as the stages are afterwards, at that rate: by the
    same optimizer, and on augmented draws, which pass through the network in evaluation mode.

    Parameters
    ----------
    trunk, head, feed, targets, train, validation, settings, class_weights
        As for `Training`; the head is changed in place.
    features : ndarray of float32, shape (n_train, width)
        Embeddings of the training images as they are.

    Attributes
    ----------
    history : dict of str to list
        Keyed as `HISTORY_KEYS`, one entry for each epoch. The first one, epoch 0, is the head as it started.
    """

    trunk: Trunk
    head: DenseHead
    feed: Feed
    targets: Tensor
    train: np.ndarray
    validation: np.ndarray
    features: np.ndarray
    settings: ResolvedSettings
    class_weights: Tensor | None = None
    history: dict[str, list[Any]] = field(default_factory=empty_history)

    def run(self, iterations: IterationCurves) -> None:
        """Train the head, and add each step to the curves by iteration."""
        settings, rate = self.settings, self.settings.warmup_learning_rate
        network = self.trunk.source.name
        self._micro_batches = MicroBatches(settings.batch_size, smallest=1, device=settings.device, network=network)
        self.trunk.train(False)
        held_out = [values for _, values in self._pooled(self.validation, None)] if len(self.validation) else []
        self._held_out = torch.cat(held_out) if held_out else None
        if rate is None:
            rate = max(settings.head_learning_rate, WARM_UP_RATE)
            optimizer: torch.optim.Optimizer = torch.optim.AdamW(
                self.head.parameters(), lr=rate, weight_decay=settings.weight_decay
            )
        else:
            optimizer = make_optimizer(settings, [(self.head, [n for n, _ in self.head.named_parameters()], rate)])
        embeddings = torch.from_numpy(self.features)
        self._rng = np.random.default_rng(settings.random_state)
        scores = self._scores(embeddings, self.targets[torch.from_numpy(self.train)])
        self._end_epoch(0, scores, None, 0.0, iterations)
        total = settings.warmup_epochs * math.ceil(len(self.train) / settings.batch_size)
        with (
            seeded(settings.random_state, settings.device),
            progress_bar(total, name="training the head alone", unit="batch", shown=settings.verbose) as bar,
        ):
            plain = None if settings.warmup_learning_rate is not None else embeddings.to(settings.device)
            for epoch in range(1, settings.warmup_epochs + 1):
                began = time.perf_counter()
                losses, hits, sizes = [], [], []
                self.head.train()
                for rows, values in self._drawn(epoch) if plain is None else self._plain(plain):
                    loss, right = self._step(optimizer, rows, values)
                    losses.append(loss)
                    hits.append(right)
                    sizes.append(len(rows))
                    bar.update()
                # Read at once: the steps of a head are so short that a GPU would wait for each number.
                of_steps = torch.stack(losses).double().cpu().numpy()
                right_of_steps = torch.stack(hits).cpu().numpy()
                if not np.isfinite(of_steps).all():
                    self._diverged(epoch, rate)
                iterations.add_steps(of_steps.tolist(), (right_of_steps / sizes).tolist())
                n_images = sum(sizes)
                figures = float(of_steps @ sizes) / n_images, int(right_of_steps.sum()) / n_images
                self._end_epoch(epoch, figures, rate, began, iterations)
        iterations.n_warmup = iterations.n_steps
        self.head.eval()
        if settings.verbose:
            print_above_bars(describe_warm_up(self.history))

    def _step(self, optimizer: torch.optim.Optimizer, rows: np.ndarray, values: Tensor) -> tuple[Tensor, Tensor]:
        """Take one step, and return the mean loss of the batch before it, and how many answers were right."""
        settings = self.settings
        wanted = self.targets[torch.from_numpy(rows)].to(settings.device)
        smoothing = 0.0 if settings.warmup_learning_rate is None else settings.label_smoothing
        logits = self.head(values)
        right = (logits.argmax(1) == wanted).sum()
        if self.class_weights is not None and not bool(self.class_weights[wanted].any()):
            return logits.new_zeros(()), right  # a mean by weights of zero would be NaN
        loss = nn.functional.cross_entropy(logits, wanted, weight=self.class_weights, label_smoothing=smoothing)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss.detach(), right

    def _plain(self, embeddings: Tensor) -> Iterator[tuple[np.ndarray, Tensor]]:
        """Yield the rows and embeddings of the batches of an epoch, of images as they are."""
        order = self._rng.permutation(len(self.train))
        for places in np.array_split(order, math.ceil(len(order) / self.settings.batch_size)):
            yield self.train[places], embeddings[torch.from_numpy(places).to(embeddings.device)]

    def _drawn(self, epoch: int) -> Iterator[tuple[np.ndarray, Tensor]]:
        """Yield the rows and features of the batches of an epoch, of one augmented draw of each image."""
        # The epochs of the training itself have the numbers from 1 on, by which draws and orders are chosen.
        number = self.settings.epochs + epoch
        order = np.random.default_rng([self.settings.random_state, number]).permutation(self.train)
        yield from self._pooled(order, number)

    def _pooled(self, chosen: np.ndarray, epoch: int | None) -> Iterator[tuple[np.ndarray, Tensor]]:
        """Yield rows and their features, batch by batch; when the memory does not suffice, computed in parts."""
        parts = math.ceil(len(chosen) / self.settings.batch_size)
        for rows, batch in stream(self.feed, np.array_split(chosen, parts), epoch):
            while True:  # until parts of single images fail: every failure halves them
                try:
                    pieces = [self._features(batch[piece]) for piece in self._micro_batches.slices(len(rows))]
                    break
                except RuntimeError as error:
                    self._micro_batches.halve(len(rows), error)
            yield rows, torch.cat(pieces)

    def _features(self, batch: Tensor) -> Tensor:
        with torch.no_grad():
            inputs = self.feed.finish(batch)
            with precision_context(self.settings.training_precision, self.settings.device):
                return self.trunk.features(inputs).float()

    def _scores(self, values: Tensor, wanted: Tensor) -> tuple[float, float]:
        """Return loss and accuracy of the head as it is, without dropout."""
        self.head.eval()
        loss, hits = 0.0, 0
        with torch.no_grad():
            for some, targets in zip(values.split(SCORED_AT_ONCE), wanted.split(SCORED_AT_ONCE), strict=True):
                logits = self.head(some.to(self.settings.device))
                targets = targets.to(self.settings.device)
                loss += float(nn.functional.cross_entropy(logits, targets, reduction="sum"))
                hits += int((logits.argmax(1) == targets).sum())
        return loss / len(values), hits / len(values)

    def _end_epoch(
        self, epoch: int, figures: tuple[float, float], rate: float | None, began: float, iterations: IterationCurves
    ) -> None:
        scores: dict[str, Any] = dict.fromkeys(self.history)
        scores |= {"epoch": epoch, "loss": figures[0], "accuracy": figures[1], "learning_rate": rate}
        if self._held_out is not None:
            found = self._scores(self._held_out, self.targets[torch.from_numpy(self.validation)])
            scores["val_loss"], scores["val_accuracy"] = found
            iterations.add_validation(*found)
        scores["seconds"] = time.perf_counter() - began if epoch else 0.0
        for name, value in scores.items():
            self.history[name].append(value)

    def _diverged(self, epoch: int, rate: float) -> None:
        name = "head_learning_rate" if self.settings.warmup_learning_rate is None else "warmup_learning_rate"
        raise TrainingError(
            f"the loss became NaN or infinite in epoch {epoch} of the warm-up with {name}={rate:g}",
            "Choose a lower rate, a tenth of this.",
        )
