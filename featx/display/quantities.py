"""Numbers as text: counts with their nouns, durations, percentages, p-values, sizes in bytes."""

from __future__ import annotations

__all__ = [
    "count_text",
    "duration_text",
    "minutes_text",
    "p_value_text",
    "percent_text",
    "plural",
    "rough_duration_text",
    "size_text",
]

PLURALS = {"class": "classes", "hidden entry": "hidden entries", "strategy": "strategies", "stratum": "strata"}


def plural(noun: str) -> str:
    """Return the plural of a noun that messages count."""
    return PLURALS.get(noun, noun + "s")


def count_text(number: int, noun: str) -> str:
    """Return a number with its noun in the right form, such as "1 image" or "1,200 images"."""
    return f"{number:,} {noun if number == 1 else plural(noun)}"


def duration_text(seconds: float) -> str:
    """Return a time in seconds or in minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


def rough_duration_text(seconds: float) -> str:
    """Return a time to three digits at most: in seconds below one minute, without seconds from ten minutes on."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 600 else f"{round(whole / 60)} min"


def minutes_text(seconds: float) -> str:
    """Return a time in minutes, with two decimals below one minute; in seconds below a tenth of a minute."""
    value = seconds / 60
    return f"{seconds:.1f} s" if value < 0.1 else f"{value:.2f} min" if value < 1 else f"{value:,.1f} min"


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
