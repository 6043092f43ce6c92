"""Numbers as text: counts with their nouns, durations, percentages, p-values, sizes in bytes."""

from __future__ import annotations

__all__ = [
    "all_text",
    "count_text",
    "duration_text",
    "p_value_text",
    "percent_text",
    "plural",
    "points_text",
    "probability_text",
    "size_text",
]

PLURALS = {
    "MB": "MB",
    "batch": "batches",
    "class": "classes",
    "hidden entry": "hidden entries",
    "pass": "passes",
    "strategy": "strategies",
    "stratum": "strata",
}


def plural(noun: str) -> str:
    """Return the plural of a noun that messages count."""
    return PLURALS.get(noun, noun + "s")


def count_text(number: int, noun: str) -> str:
    """Return a number with its noun in the right form, such as "1 image" or "1,200 images"."""
    return f"{number:,} {noun if number == 1 else plural(noun)}"


def all_text(number: int, noun: str) -> str:
    """Return all of so many things, such as "both classes" or "all 5 classes"."""
    return f"both {plural(noun)}" if number == 2 else f"all {count_text(number, noun)}"


def duration_text(seconds: float) -> str:
    """Return a time in at most two units, such as "9.5 s", "45 s", "3 min 5 s" or "2 h 5 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours:,} h {minutes} min"


def p_value_text(p_value: float) -> str:
    """Return a p-value as a table shows it."""
    return "<0.001" if p_value < 0.001 else f"{p_value:.3f}"


def percent_text(share: float | None) -> str:
    """Return a share in percent with one decimal, or a dash for None."""
    return "-" if share is None else f"{100 * share:.1f} %"


def probability_text(probability: float) -> str:
    """Return a probability in percent; one that only rounding, here or by the model, makes 1 reads "> 99.9 %"."""
    text = percent_text(probability)
    return "> 99.9 %" if text == percent_text(1.0) else text


def points_text(difference: float, form: str = ".1f") -> str:
    """Return a difference of two shares in percentage points, such as "2.5 points"; the form "g" gives "1 point"."""
    number = f"{100 * difference:{form}}"
    return f"{number} point{'' if float(number) == 1 else 's'}"


def size_text(number: float) -> str:
    """Return a number of bytes in a readable unit."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"
