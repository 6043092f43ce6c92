"""The figures of an epoch go in, the line that tells of it comes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

__all__ = ["HISTORY_KEYS", "describe_epoch"]

HISTORY_KEYS = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds")


def describe_epoch(history: Mapping[str, Sequence[float | None]], epochs: int) -> str:
    """Return a line about the last epoch, with the time that the others take at the pace so far.

    Parameters
    ----------
    history : mapping of str to sequence
        One entry for each epoch that was run, keyed as `HISTORY_KEYS`.
    epochs : int
        That are planned.
    """
    figures = {name: values[-1] for name, values in history.items()}
    text = f"epoch {figures['epoch']}/{epochs}: loss {figures['loss']:.3f}, accuracy {figures['accuracy']:.1%}"
    if figures["val_accuracy"] is not None:
        text += f", validation loss {figures['val_loss']:.3f}, accuracy {figures['val_accuracy']:.1%}"
    spent = [seconds for seconds in history["seconds"] if seconds is not None]
    minutes, seconds = divmod(round((epochs - len(spent)) * sum(spent) / len(spent)), 60)
    left = f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
    return f"{text}; {figures['seconds']:.1f} s, at most {left} left".replace("%", " %")
