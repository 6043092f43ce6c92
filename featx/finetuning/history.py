"""The history of a training: the names of its curves, and the lines that are printed after an epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..display.quantities import count_text, duration_text, percent_text

__all__ = ["HISTORY_KEYS", "describe_epoch", "describe_warm_up", "empty_history"]

HISTORY_KEYS = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds")


def empty_history() -> dict[str, list[Any]]:
    """Return the history of no epoch."""
    return {name: [] for name in HISTORY_KEYS}


def describe_epoch(history: Mapping[str, Sequence[float | None]], epochs: int) -> str:
    """Return a line about the last epoch, with the time that the remaining ones take at the speed so far.

    Parameters
    ----------
    history : mapping of str to sequence
        One entry for each epoch that was run, keyed as `HISTORY_KEYS`.
    epochs : int
        The most that will be run.
    """
    spent = [seconds for seconds in history["seconds"] if seconds is not None]
    text = f"epoch {history['epoch'][-1]}/{epochs}: {_scores(history)}; {duration_text(spent[-1])}"
    left = (epochs - len(spent)) * sum(spent) / len(spent)
    return f"{text}, at most {duration_text(left)} left" if left else text


def describe_warm_up(history: Mapping[str, Sequence[float | None]]) -> str:
    """Return a line about a finished warm-up of the head.

    Parameters
    ----------
    history : mapping of str to sequence
        One entry for each epoch of the warm-up, keyed as `HISTORY_KEYS`; the first is epoch 0.
    """
    epochs = count_text(len(history["epoch"]) - 1, "epoch")
    spent = sum(seconds or 0.0 for seconds in history["seconds"])
    return f"warm-up of the head, {epochs}: {_scores(history)}; {duration_text(spent)}"


def _scores(history: Mapping[str, Sequence[float | None]]) -> str:
    last = {name: values[-1] for name, values in history.items()}
    text = f"loss {last['loss']:.3f}, accuracy {percent_text(last['accuracy'])}"
    if last["val_accuracy"] is None:
        return text
    return f"{text}, validation loss {last['val_loss']:.3f}, accuracy {percent_text(last['val_accuracy'])}"
