"""Links from `fit_model` in the text of a page to the reference of that public name, which has featx's members only."""

from __future__ import annotations

import re

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx

import featx

# `fit_model`, `fit_model(...)` and `featx.fit_model`.
_NAME = re.compile(rf"(?:featx\.)?({'|'.join(featx.__all__)})(?:\.\w+)?(?:\(.*\))?", re.DOTALL)


def _link(app: Sphinx, doctree: nodes.document) -> None:
    if app.env.docname.startswith(("reference/", "gallery/")):
        return
    for literal in list(doctree.findall(nodes.literal)):
        found = _NAME.fullmatch(literal.astext())
        if found and not isinstance(literal.parent, nodes.reference | addnodes.pending_xref):
            link = addnodes.pending_xref("", refdomain="py", reftype="obj", reftarget=f"featx.{found[1]}")
            link["refdoc"] = app.env.docname
            literal.replace_self(link)
            link += literal


def _skip(app: Sphinx, what: str, name: str, found: object, skip: bool, options: object) -> bool | None:
    """Leave out what scikit-learn documents: its texts name pages of its own site."""
    return True if (getattr(found, "__module__", None) or "").startswith("sklearn") else None


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("autodoc-skip-member", _skip)
    app.connect("doctree-read", _link)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
