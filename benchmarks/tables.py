"""Write the benchmarks' tables into the documents, from ``results/*.json``; nobody types a figure.

    python benchmarks/tables.py                    README.md, CHANGELOG.md and every page under docs/
    python benchmarks/tables.py --check            exit code 1 where a page does not show the results there are
    python benchmarks/tables.py page.md --check    only these pages

A table stands between ``<!-- benchmark:NAME -->`` and ``<!-- end -->``, each on its own line. NAME is a results file
and the command that wrote it: ``NAME.py`` has a function ``table(result)`` that gives the Markdown.
"""

from __future__ import annotations

import argparse
import importlib
import re
import sys
from pathlib import Path

import environment

from layerwise.runs.numerals import with_minus

ROOT = environment.FOLDER.parent
MARKER = re.compile(r"^[ \t]*<!-- benchmark:(?P<name>\w+) -->[ \t]*$")
END = re.compile(r"^[ \t]*<!-- end -->[ \t]*$")
FENCE = re.compile(r"^[ \t]*(```|~~~)")


class PageError(Exception):
    """A page whose markers do not name a table, or are not a pair."""


def pages() -> list[Path]:
    """Every page that may hold a table."""
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def filled(page: str) -> str:
    """The text of a page with each table as the results have it now.

    Raises
    ------
    PageError
    """
    lines: list[str] = []
    name, fenced, opened_at = None, False, 0
    for number, line in enumerate(page.splitlines(), 1):
        if name is None:
            lines.append(line)
            fenced ^= bool(FENCE.match(line))
            marker = None if fenced else MARKER.match(line)
            if marker:
                name, opened_at = marker["name"], number
                lines += ["", *_table(name, number).splitlines(), ""]
        elif END.match(line):
            lines.append(line)
            name = None
        elif MARKER.match(line):
            break
    if name is not None:
        raise PageError(f"line {opened_at}: benchmark:{name} has no '<!-- end -->' of its own after it")
    return "\n".join(lines) + "\n"


def _table(name: str, line: int) -> str:
    if not (environment.FOLDER / f"{name}.py").exists():
        raise PageError(f"line {line}: benchmark:{name} names no command in benchmarks/")
    try:
        result = environment.load(name)
    except FileNotFoundError:
        remedy = f"run python benchmarks/{name}.py"
        raise PageError(f"line {line}: benchmark:{name} has no results/{name}.json: {remedy}") from None
    return with_minus(importlib.import_module(name).table(result))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pages", nargs="*", type=Path, help="Markdown pages instead of all")
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a page is stale")
    options = parser.parse_args()
    failed = False
    for path in options.pages or pages():
        try:
            old = path.read_text(encoding="utf-8")
            new = filled(old) if "<!-- benchmark:" in old else old
        except (OSError, PageError) as error:
            print(f"tables: {path}: {error}", file=sys.stderr)
            failed = True
            continue
        if new == old:
            continue
        if options.check:
            print(f"tables: {path} is stale: run python benchmarks/tables.py", file=sys.stderr)
            failed = True
        else:
            path.write_text(new, encoding="utf-8")
            print(f"wrote {path}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
