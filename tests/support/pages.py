"""The code blocks of Markdown pages: run in their order, and what they print compared with what the page shows.

A block of `text` below a block of `bash` or `python` is what that prints on a terminal of 80 columns, without the
remarks on standard error; a line `...` stands for any lines. A comment above a block changes what is done with it:
`<!-- not run: REASON -->`, `<!-- exit code 2 -->`, whose message is compared too, or `<!-- numbers vary -->` with the
machine, so that words are compared alone.
"""

import contextlib
import glob
import io
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from click.testing import CliRunner

from featx.cli import main

ROOT = Path(__file__).parents[2]
OUTSIDE = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "benchmarks/README.md"]
# What installs, and what was done before the page begins.
NOT_RUN = ("pip install ", "npm ", "apt-get ", "python benchmarks/study_data.py ", "python -m venv ")
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?(?:e-?\d+)?")
# Times, sizes and speeds are those of a machine; `2 min 17 s` is one.
_OF_A_MACHINE = re.compile(rf"(?:{_NUMBER.pattern}\s(?:ms|s|min|h|days?|kB|MB|GB|bytes|B|images a second)\b\s*)+")


def pages():
    """Return the names of all pages of the site that are written by hand, and of README."""
    found = [path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")]
    written = [name for name in found if not re.match(r"docs/(_build|gallery|project|reference/commands)", name)]
    return ["README.md", *sorted(written)]


def read(page):
    return (ROOT / page).read_text(encoding="utf-8")


@dataclass(frozen=True)
class Block:
    """A block of `bash` or `python` with the comment above it, what the page says that it prints, and where that is."""

    language: str
    text: str
    line: int
    comment: str
    shown: str | None
    place: tuple[int, int] | None

    @property
    def commands(self):
        """The lines of a shell, each in one piece, without those that install."""
        lines = self.text.replace("\\\n", " ").splitlines()
        return [" ".join(line.split()) for line in lines if line.strip() and not line.startswith(("#", *NOT_RUN))]

    def difference(self, printed):
        """Return the first words that are shown and were not printed, or None."""
        return differences(self.shown, printed, numbers=self.comment != "numbers vary")


def blocks(page):
    """Return the blocks of a page in their order."""
    text, found = read(page), []
    matches = list(_BLOCK.finditer(text))
    for match, after in zip_longest(matches, matches[1:]):
        if match[1] in ("bash", "python"):
            above = re.search(r"<!-- ([^>]*) -->\s*\Z", text[: match.start()])
            # Nothing but blank lines lies between a block and what it prints.
            follows = after and after[1] == "text" and not text[match.end() : after.start()].strip()
            found.append(Block(
                match[1], match[2], text.count("\n", 0, match.start()) + 1, above[1] if above else "",
                after[2] if follows else None, after.span(2) if follows else None,
            ))  # fmt: skip
    return found


def by_a_shell(command):
    """Return the exit code, and what a command prints to each stream, as a shell runs it."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", command], env={**os.environ, "PATH": path}, capture_output=True, text=True, encoding="utf-8"
    )
    return done.returncode, done.stdout, done.stderr


def here(command):
    """Do the same for a command of featx in this process, which spares it the start of one."""
    words = [sorted(glob.glob(word)) or [word] for word in shlex.split(command, comments=True)]
    program, *arguments = [word for found in words for word in found]
    assert program == "featx"
    done = CliRunner().invoke(main, arguments)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout, done.stderr


def run(page, names=None):
    """Run the blocks of a page; yield each that shows something, with what it printed."""
    names = {} if names is None else names
    for block in blocks(page):
        if block.comment.startswith("not run: "):
            continue
        if block.language == "python":
            with contextlib.redirect_stdout(io.StringIO()) as stream:
                exec(compile("\n" * block.line + block.text, page, "exec"), names)
            printed = stream.getvalue()
        else:
            printed = "".join(_run(page, block, command) for command in block.commands)
        if block.shown is not None:
            yield block, printed


def _run(page, block, command):
    expected = int(block.comment.removeprefix("exit code ")) if block.comment.startswith("exit code ") else 0
    alone = command.startswith("featx ") and not re.search(r"[|<>;&$]", re.sub(r"'[^']*'", "", command))
    code, printed, remarks = (here if alone else by_a_shell)(command)
    assert code == expected, f"{page}:{block.line}: {command}\n{printed}{remarks}"
    return printed + remarks if expected else printed


def write(page, printed):
    """Put what the blocks of a page printed in the place of what it shows; of those that show all lines."""
    text = read(page)
    for block, lines in reversed(printed):
        if "\n...\n" not in f"\n{block.shown}":
            start, end = block.place
            text = f"{text[:start]}{lines.strip(chr(10))}\n{text[end:]}"
    (ROOT / page).write_text(text, encoding="utf-8")


def differences(shown, printed, *, numbers=True):
    """Return the first words that a page shows and that were not printed, or None; without numbers, compare words.

    Numbers may differ as they do between processors, which round otherwise: percentages by a point, other fractions by
    a fifth; those of the machine, such as times, by anything. Whole numbers and words have to be the same, wherever
    the lines end.
    """
    pieces = re.split(r"^\.\.\.$", shown, flags=re.MULTILINE)
    words, *split = (_words(text) if numbers else re.findall(r"[a-z]{2,}", text) for text in (printed, *pieces))
    place, anything = 0, False
    for piece in split:
        starts = range(place, len(words) - len(piece) + 1) if anything else [place]
        found = next((start for start in starts if _alike(piece, words[start : start + len(piece)])), None)
        if found is None:
            n = place if anything else next(
                (n for n in range(place, len(words)) if not _alike(piece[: n + 1 - place], words[place : n + 1])),
                len(words),
            )  # fmt: skip
            start = 0 if anything else n - place
            return f"shown: {' '.join(piece[start : start + 8])!r}, printed: {' '.join(words[n : n + 8])!r}"
        place, anything = found + len(piece), True
    # What is below the last line that is shown was printed, but for a line `...`.
    return None if place == len(words) or not pieces[-1].strip() else f"printed: {' '.join(words[place : place + 8])!r}"


def _words(text):
    """Return the words of a text, with those of the machine and the widths of columns left out."""
    return re.sub(r"(?<!\S)-+(?!\S)", "--", _OF_A_MACHINE.sub("of-a-machine ", text)).split()


def _alike(shown, printed):
    return len(shown) == len(printed) and all(map(_same, shown, printed))


def _same(shown, printed):
    if _NUMBER.sub("0", shown) != _NUMBER.sub("0", printed):
        return False
    return all(map(_near, _NUMBER.findall(shown), _NUMBER.findall(printed)))


def _near(one, other):
    if "." not in one + other:
        return one == other
    first, second = (float(number.replace(",", "")) for number in (one, other))
    # Percentages are printed with one digit.
    percent = re.search(r"\.\d$", one)
    return abs(first - second) <= (1 if percent and first > 1 else 0.01 + 0.2 * abs(first))
