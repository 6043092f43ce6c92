"""Numbers as text: counts with their nouns, durations, percentages, p-values, sizes in bytes."""

from __future__ import annotations

__all__ = ["count_text", "duration_text", "p_value_text", "percent_text", "size_text"]

PLURALS = {"class": "classes", "hidden entry": "hidden entries", "strategy": "strategies"}


def count_text(number: int, noun: str) -> str:
    """Return a number with its noun in the right form, such as "1 image" or "1,200 images"."""
    return f"{number:,} {noun if number == 1 else PLURALS.get(noun, noun + 's')}"


def duration_text(seconds: float) -> str:
    """Return a time in seconds or in minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


def p_value_text(p_value: float) -> str:
    """Return a p-value as a table shows it."""
    return "<0.001" if p_value < 0.001 else f"{p_value:.3f}"


def percent_text(share: float | None) -> str:
    """Return a share in percent, or a dash for None."""
    return "-" if share is None else f"{100 * share:.1f} %"


def size_text(number: float) -> str:
    """Return a number of bytes in a readable unit."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"
