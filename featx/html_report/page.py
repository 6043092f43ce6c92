"""The page of a report: a template, a style sheet and a script in one file, which runs and loads nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .._version import __version__
from ..exceptions import MissingDependencyError, ParameterError
from .svg_chart import one_line

__all__ = ["check_report_file", "data_as_json", "render_page"]

SUFFIXES = (".html", ".htm")
TEMPLATES = Path(__file__).with_name("templates")
# The sections in their order, by the name of what the template shows there: the anchor, and the text that leads to it.
SECTIONS = {
    "answer": ("answer", "Answer"),
    "candidates": ("candidates", "Candidates"),
    "pairs": ("pairs", "Near-duplicates"),
    "similar": ("similar", "Similar images"),
    "suspects": ("suspects", "Suspected labels"),
    "odd": ("odd", "Odd images"),
    "shortcuts": ("shortcuts", "Shortcuts"),
    "confusions": ("confusion", "Confusion matrix"),
    "orders": ("images", "Images"),
    "per_class": ("classes", "Classes"),
    "confidence": ("confidence", "How sure"),
    "map": ("map", "Map"),
    "trainings": ("training", "Training"),
    "curves": ("curves", "Curves"),
    "data_set": ("data", "Data"),
    "provenance": ("provenance", "Where from"),
}

# What a page of another kind does not show.
NOTHING: dict[str, Any] = {**dict.fromkeys(SECTIONS), "figures": [], "notes": [], "classes": [], "thresholds": None,
           "no_map": None, "models": [], "images_note": "", "has_samples": False}  # fmt: skip


def check_report_file(path: str | os.PathLike[str]) -> None:
    """Refuse a report whose name does not end in .html, or whose package is missing.

    Raises
    ------
    ParameterError, MissingDependencyError
    """
    if Path(path).suffix.lower() not in SUFFIXES:
        raise ParameterError(f"got {path} for an HTML report", "End it in .html.")
    try:
        import jinja2  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError("jinja2", "an HTML report", "report") from error


def _contents_of(content: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the anchor and text of each section that there is something to show in."""
    titled = content["candidates"]["title"] if content.get("candidates") else ""
    shown = {key: section for key, section in SECTIONS.items() if content.get(key)}
    return [(anchor, titled if key == "candidates" else text) for key, (anchor, text) in shown.items()]


def render_page(content: Mapping[str, Any], data: Mapping[str, Any]) -> bytes:
    """Return the page as UTF-8.

    Every text of `content` is escaped by jinja2, after line ends, controls and marks that change the direction of text
    have been written out. The Content-Security-Policy names the style sheet and the script by their hashes: nothing
    else applies or runs, and nothing is fetched.

    Parameters
    ----------
    content : mapping of str to object
        What the template shows; sections that are not in it are left out. What is SVG already is `Markup`.
    data : mapping of str to object
        What the script reads, as types that JSON can hold.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES, encoding="utf-8"),
        autoescape=True,
        finalize=lambda value: one_line(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    style, script = ((TEMPLATES / name).read_text(encoding="utf-8") for name in ("report.css", "report.js"))
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    text = environment.get_template("page.html").render(
        {**NOTHING, **content, "contents": _contents_of(content), "policy": policy, "version": __version__},
        style=_trusted(style),
        script=_trusted(script),
        data=_trusted(data_as_json(data)),
    )
    return text.encode("utf-8")


def data_as_json(data: Any) -> str:
    """Return JSON that can stand in an element of a page: no text in it ends the element or begins a comment."""
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _trusted(text: str) -> Any:
    from markupsafe import Markup

    return Markup(text)


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode()}"
