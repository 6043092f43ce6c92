"""How Sphinx builds the site: `nox -s docs`."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

# The examples keep their embeddings beside what is built, and not in the cache of whoever builds.
os.environ.setdefault("FEATX_CACHE", str(Path(__file__).parent / "_build" / "embeddings"))

project = "featx"
author = "The featx developers"
copyright = "the featx developers"
version = release = version_of("featx")

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    # of this folder
    "command_reference",
    "mathml",
    "outside_pages",
    "public_names",
]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["_build", "**/*.ipynb", "gallery/**/*.py", "gallery/**/*.md5"]
templates_path = ["_templates"]
nitpicky = False

# Markdown as GitHub shows it, and anchors of headings as GitHub makes them.
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 4

# Docstrings are numpydoc; a name between single backticks is a link where it is a public one.
default_role = "py:obj"
autodoc_typehints = "none"
# Quotation marks of code and of values stay as they are typed.
smartquotes = False
toc_object_entries_show_parents = "hide"
autosummary_generate = True
autosummary_imported_members = True
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

sphinx_gallery_conf = {
    "examples_dirs": ["../examples"],
    "gallery_dirs": ["gallery"],
    # Every example is run unless the build says otherwise: `-D plot_gallery=0`.
    "filename_pattern": r"\.py$",
    # What several examples share is no page, but can be downloaded.
    "ignore_pattern": r"^(?!plot_)",
    "copyfile_regex": r"(?!plot_)\w+\.py",
    "within_subsection_order": "order_of_examples.order",
    "reset_modules": ("matplotlib", "order_of_examples.whole_pictures"),
    "abort_on_example_error": True,
    "remove_config_comments": True,
    "download_all_examples": False,
    "show_signature": False,
    # That page would need scripts from the network.
    "write_computation_times": False,
    "min_reported_time": 1,
    "doc_module": ("featx",),
    "backreferences_dir": "gallery/backreferences",
}

html_theme = "pydata_sphinx_theme"
html_title = "featx"
html_static_path = ["_static"]
html_css_files = ["featx.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "header_links_before_dropdown": 7,
    "navbar_end": ["theme-switcher"],
    "navbar_persistent": ["search-button"],
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": True,
    "show_nav_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_sidebars = {"index": [], "start": [], "studies": [], "from_other_tools": []}
