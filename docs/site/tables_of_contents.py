"""The site's navigation is the lists of links on docs/index.md, which a forge shows as they are."""

from __future__ import annotations

import re

from sphinx.application import Sphinx

LINK = re.compile(r"^- \[([^\]]+)\]\(([^)#:]+)\)", re.MULTILINE)


def append_toctrees(app: Sphinx, page: str, source: list[str]) -> None:
    """Give each section of the first page a table of contents of the pages that it lists."""
    if page != app.config.root_doc:
        return
    for section in re.split(r"^## ", source[0], flags=re.MULTILINE)[1:]:
        caption = section.partition("\n")[0]
        pages = [f"{title} <{target.removesuffix('.md')}>" for title, target in LINK.findall(section)]
        if caption == "Reference":
            pages += sorted(f"reference/{path.stem}" for path in app.srcdir.glob("docs/reference/*.rst"))
        source[0] += "\n".join(["", "```{toctree}", ":hidden:", f":caption: {caption}", *pages, "```", ""])


def setup(app: Sphinx) -> dict[str, bool]:
    """Wait for the first page."""
    app.connect("source-read", append_toctrees)
    return {"parallel_read_safe": True}
