"""Pages of the site that are files of the repository outside docs/, and links to them.

The pages of docs/project hold a link to such a file, for those who read them in the repository. On the site they have
its content, and every link to it, as the repository needs it, leads to the page. A link to a script of the gallery
leads to the page that sphinx-gallery makes of it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
EXAMPLES = ROOT / "examples"
PAGES = {
    "benchmarks/README.md": "project/benchmarks",
    "CHANGELOG.md": "project/changelog",
    "CONTRIBUTING.md": "project/contributing",
    "SECURITY.md": "project/security",
    "README.md": "index",
}
_FILES = {page: file for file, page in PAGES.items() if page != "index"}
_LINK = re.compile(r"\[([^\[\]]*)\]\((?!\w+:|#)([^)#\s]+)(#[^)\s]*)?\)")


def _read(app: Sphinx, docname: str, content: list[str]) -> None:
    """Put the file in the place of the page that stands for it, and have links lead to pages."""
    folder = (DOCS / docname).parent
    if docname in _FILES:
        source = ROOT / _FILES[docname]
        app.env.note_dependency(str(source))
        content[0], folder = source.read_text(encoding="utf-8"), source.parent
    elif not (folder / f"{Path(docname).name}.md").is_file():
        return
    content[0] = _LINK.sub(lambda link: _moved(folder, *link.groups(default="")), content[0])


def _moved(folder: Path, text: str, place: str, anchor: str) -> str:
    """Return a relative link of a file as the site needs it: its text alone where the site has no such page."""
    found = (folder / place).resolve()
    if not found.is_relative_to(ROOT) or (found.is_relative_to(DOCS) and folder.is_relative_to(DOCS)):
        return f"[{text}]({place}{anchor})"
    if found.is_relative_to(EXAMPLES) and found.name.startswith("plot_"):
        return f"[{text}](/gallery/{found.relative_to(EXAMPLES).with_suffix('.rst').as_posix()})"
    if page := PAGES.get(found.relative_to(ROOT).as_posix()):
        return f"[{text}](/{page}.md{anchor})"
    if found.is_relative_to(DOCS) or found.suffix == ".png":
        return f"[{text}](/{os.path.relpath(found, DOCS)}{anchor})"
    return text


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("source-read", _read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
