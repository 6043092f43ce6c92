"""Text for a terminal: control characters escaped, sentences wrapped to its width."""

from __future__ import annotations

import os
import re
import shutil
import sys
import unicodedata
from collections.abc import Iterator

__all__ = ["fill", "line_width", "printable"]

# Control characters, format characters (which can reverse the direction of text), surrogates, line separators.
ESCAPED_CATEGORIES = frozenset(["Cc", "Cf", "Cs", "Zl", "Zp"])
# Line ends are featx's own; joiners are parts of words and of emoji.
UNESCAPED = "\n\u200c\u200d"
# Longer lines of prose are hard to read; longer lines of tables are not.
WIDEST_SENTENCE = 100
# Narrower terminals are treated as this wide.
NARROWEST = 40
HANGING_INDENT = "  "
# Not broken across lines: commands to copy, options with their values, quoted names with blanks, numbers with their
# units and intervals.
UNBREAKABLE = re.compile(
    r"""(?: `[^`\n]*` | (?<![^\s(\[]) (?: '[^'\n]*'(?=[\s,.;:)\]]|$) | --[a-z][a-z-]+[ ](?=\S) )
    | (?<=\d)[ ](?=(?:%|s|min|h|B|kB|MB|GB|TB)(?!\w)) | (?<=%)[ ](?=\(\d) | \S )+""",
    re.VERBOSE,
)
# Parts of paths, URLs, commands and options, which users copy.
TO_COPY = re.compile(r"[/\\`]|^-")


def printable(text: str) -> str:
    """Return the text with control characters escaped: names of files and classes may hold terminal commands."""
    if text.isprintable():
        return text
    return "".join(
        c.encode("unicode_escape").decode()
        if c not in UNESCAPED and unicodedata.category(c) in ESCAPED_CATEGORIES
        else c
        for c in text
    )


def line_width(*, err: bool = False) -> int | None:
    """Return how many cells a line may take: the width of the terminal, or COLUMNS; None if the output is no terminal.

    Output into a pipe or a file is for programs, for grep and for later: it keeps every column, name and line whole, as
    that of git, gh and kubectl does. COLUMNS counts on a terminal only, because GNU readline sets it for all programs
    that a Python prompt starts, whose output may be captured.
    """
    stream = sys.stderr if err else sys.stdout
    if not stream.isatty():
        return None
    try:
        known = os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        known = 0
    # COLUMNS takes precedence over the terminal's own width, as elsewhere.
    chosen = shutil.get_terminal_size((known or 80, 24)).columns if "COLUMNS" in os.environ else known or 80
    return max(NARROWEST, chosen)


def fill(text: str, width: int | None) -> str:
    """Return printable sentences, each wrapped at blanks separately.

    Commands in backticks, paths, URLs and quoted names are never broken, whatever their length; other words that are
    longer than a line are.
    """
    text = printable(text)
    if width is None:
        return text
    return "\n".join(line for sentence in text.split("\n") for line in _lines(sentence, min(width, WIDEST_SENTENCE)))


def _lines(sentence: str, width: int) -> Iterator[str]:
    from .short_names import cell_width

    indent = sentence[: len(sentence) - len(sentence.lstrip(" "))]
    if cell_width(sentence) <= width:
        yield sentence
        return
    line, empty = indent, True
    files = [re.escape(name) for name in _named_files(sentence)]
    words = (
        re.compile("|".join([*(rf"{file}\S*" for file in files), UNBREAKABLE.pattern]), re.VERBOSE)
        if files
        else UNBREAKABLE
    )
    for word in words.findall(sentence):
        for piece in _pieces(word, width - len(indent + HANGING_INDENT)):
            if empty:
                line, empty = line + piece, False
            elif cell_width(line) + 1 + cell_width(piece) <= width:
                line += " " + piece
            else:
                yield line
                line = indent + HANGING_INDENT + piece
    yield line


def _named_files(sentence: str) -> Iterator[str]:
    """Yield the names of existing files with blanks that are followed by a colon."""
    for part in sentence.split(": "):
        words = part.split(" ")
        names = (" ".join(words[start:]) for start in range(len(words) - 1))
        yield from [name for name in names if name.strip() and os.path.lexists(name)][:1]


def _pieces(word: str, width: int) -> Iterator[str]:
    """Yield a word, or its pieces if it is longer than a line and not something to be copied."""
    from .short_names import cell_width

    if cell_width(word) <= width or TO_COPY.search(word) or os.path.lexists(word.rstrip(":;,.")):
        yield word
        return
    if " " in word:
        for part in word.split(" "):
            yield from _pieces(part, width)
        return
    piece = ""
    for character in word:
        if cell_width(piece + character) > width:
            yield piece
            piece = ""
        piece += character
    yield piece
