"""Tables as HTML for a notebook, without scripts and in the colours of the page."""

from __future__ import annotations

import html
from collections.abc import Sequence

from .tables import Part, Table
from .terminal import printable

__all__ = ["MOST_ROWS", "render_html"]

# Most rows of a table that a notebook shows.
MOST_ROWS = 60
LINE = "1px solid rgba(128, 128, 128, 0.4)"
BOX = "overflow-x: auto; max-width: 100%"
TABLE = "border-collapse: collapse; margin: 0.5em 0; font-variant-numeric: tabular-nums"
CAPTION = "caption-side: top; text-align: left; padding: 0.25em 0"
CELL = "padding: 0.15em 0.75em; max-width: 24em; overflow-wrap: break-word; vertical-align: top"
TEXT = "margin: 0.5em 0; max-width: 60em; white-space: pre-wrap"


def render_html(parts: Sequence[Part], *, rest: str = "") -> str:
    """Return tables and sentences as HTML.

    Parameters
    ----------
    parts : sequence of Table or str
        Names in them are escaped, whatever characters they hold.
    rest : str, default=""
        Where to find what a table does not show.
    """
    blocks = [f'<p style="{TEXT}">{_text(p)}</p>' if isinstance(p, str) else _table(p, rest) for p in parts]
    return f'<div style="{BOX}">{"".join(blocks)}</div>'


def _table(table: Table, rest: str) -> str:
    sides = ["right" if i in table.right else "left" for i in range(len(table.header))]
    head = "".join(_cell("th", cell, side) for cell, side in zip(table.header, sides, strict=True))
    rows = [
        "".join(_cell("td", cell, side) for cell, side in zip(row, sides, strict=True))
        for row in table.rows[:MOST_ROWS]
    ]
    left = len(table.rows) - len(rows)
    more = "; ".join(filter(None, [f"{left:,} more rows" if left else "", table.more]))
    below = f'<p style="{TEXT}">not shown: {_text(more)}{": " if rest else ""}{_text(rest)}</p>' if more else ""
    caption = f'<caption style="{CAPTION}">{_text(table.title)}</caption>' if table.title else ""
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f'<table style="{TABLE}">{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{below}'


def _cell(tag: str, text: str, side: str) -> str:
    line = f"; border-bottom: {LINE}" if tag == "th" else ""
    return f'<{tag} style="{CELL}; text-align: {side}{line}">{_text(text)}</{tag}>'


def _text(text: str) -> str:
    return html.escape(printable(text))
