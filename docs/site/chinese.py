"""Pages in Chinese say so, which chooses the shapes of their characters, and have no gaps at the ends of lines."""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx

MARK = "\u3001-\u3011\uff00-\uff65"
WIDE = MARK + "\u2e80-\u2fff\u3400-\u9fff"
END_OF_LINE = re.compile(rf"(?<=[{WIDE}])\n(?=[{WIDE}])|(?<=[{MARK}])\n(?=[\w`\[])|(?<=\S)\n(?=[{MARK}])")
"""Where a browser would draw a space that no writer of Chinese would put there."""


def is_chinese(page: str) -> bool:
    """Whether the page's name or folder says that it is."""
    return "zh" in re.split(r"[/.-]", page)


def join_lines(app: Sphinx, page: str, source: list[str]) -> None:
    """Take the ends of lines out of the source where they stand between characters."""
    if is_chinese(page):
        source[0] = END_OF_LINE.sub("", source[0])


def say_language(app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object) -> None:
    """Give the page its language."""
    if is_chinese(page):
        context["language"] = "zh-CN"


def setup(app: Sphinx) -> dict[str, bool]:
    """Wait for pages as they are read and as they are written, and have their characters upright."""
    app.add_css_file("chinese.css")
    app.connect("source-read", join_lines)
    app.connect("html-page-context", say_language)
    return {"parallel_read_safe": True}
