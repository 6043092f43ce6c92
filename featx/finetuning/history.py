"""The history of a training: the names of its curves, and the line that is printed after an epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..display.quantities import duration_text, percent_text

__all__ = ["HISTORY_KEYS", "describe_epoch"]

HISTORY_KEYS = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds")


def describe_epoch(history: Mapping[str, Sequence[float | None]], epochs: int) -> str:
    """Return a line about the last epoch, with the time that the remaining ones take at the speed so far.

    Parameters
    ----------
    history : mapping of str to sequence
        One entry for each epoch that was run, keyed as `HISTORY_KEYS`.
    epochs : int
        The most that will be run.
    """
    last = {name: values[-1] for name, values in history.items()}
    text = f"epoch {last['epoch']}/{epochs}: loss {last['loss']:.3f}, accuracy {percent_text(last['accuracy'])}"
    if last["val_accuracy"] is not None:
        text += f", validation loss {last['val_loss']:.3f}, accuracy {percent_text(last['val_accuracy'])}"
    spent = [seconds for seconds in history["seconds"] if seconds is not None]
    text += f"; {duration_text(spent[-1])}"
    left = (epochs - len(spent)) * sum(spent) / len(spent)
    return f"{text}, at most {duration_text(left)} left" if left else text
