"""How `make docs` builds the site: the project's own folder is the source, so that links lead as on a forge."""

from __future__ import annotations

import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

project = "layerwise"
author = "the layerwise developers"
release = version = version_of("layerwise")

extensions = ["myst_parser", "sphinx.ext.autodoc", "numpydoc", "chinese", "mathml", "reference", "tables_of_contents"]
include_patterns = ["*.md", "docs/**"]
exclude_patterns = [".*", "build", "docs/images", "docs/site", "runs", "site", "src", "tests"]
root_doc = "docs/index"

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
suppress_warnings = [
    # Folders and files that are no pages lead somewhere on a forge, and tests/test_documents.py looks whether they do.
    "myst.xref_missing",
    # A docstring lists what it is drawn from, whether or not a sentence of it says where.
    "ref.citation",
]

autodoc_typehints = "none"  # shapes and types stand in the docstrings
autodoc_member_order = "groupwise"
numpydoc_show_class_members = False  # autodoc lists them

# Nothing is loaded from elsewhere: equations are MathML, letters are those of the reader's machine.
html_theme = "furo"
html_title = f"layerwise {release}"
html_math_renderer = "mathml"
html_additional_pages = {"index": "front_door.html"}
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
html_static_path = ["static"]
templates_path = ["templates"]
pygments_style = "friendly"
pygments_dark_style = "monokai"
