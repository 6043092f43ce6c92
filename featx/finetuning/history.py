"""The history of a training: the names of its curves, and the line that is printed after an epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
    text = f"epoch {last['epoch']}/{epochs}: loss {last['loss']:.3f}, accuracy {last['accuracy']:.1%}"
    if last["val_accuracy"] is not None:
        text += f", validation loss {last['val_loss']:.3f}, accuracy {last['val_accuracy']:.1%}"
    spent = [seconds for seconds in history["seconds"] if seconds is not None]
    minutes, seconds = divmod(round((epochs - len(spent)) * sum(spent) / len(spent)), 60)
    left = f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
    return f"{text}; {last['seconds']:.1f} s, at most {left} left".replace("%", " %")
