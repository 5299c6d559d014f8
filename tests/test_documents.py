"""What the documents claim: their Python runs, their tables are those of the results, their links lead somewhere."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def code_of(page: Path) -> str:
    return "\n".join(re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL))


def test_the_readmes_python_runs_and_learns() -> None:
    code = code_of(ROOT / "README.md")
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) > 0.85


CHINESE = {page: page.parents[1] / page.name for page in sorted((ROOT / "docs" / "zh").glob("*.md"))}
CHINESE[ROOT / "README.zh-CN.md"] = ROOT / "README.md"
GUIDES = [page for page in PAGES if ROOT / "docs" in page.parents and page not in CHINESE and code_of(page)]


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_python_of_every_guide_runs(page: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", code_of(page)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def tokens_of(page: Path) -> list[str]:
    tokens = tokenize.generate_tokens(io.StringIO(code_of(page)).readline)
    return [token.string for token in tokens if token.type not in (tokenize.COMMENT, tokenize.NL)]


@pytest.mark.parametrize("page", CHINESE, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_translation_has_the_python_of_its_page_in_all_but_comments_and_labels(page: Path) -> None:
    pairs = zip(tokens_of(page), tokens_of(CHINESE[page]), strict=True)
    assert [(ours, theirs) for ours, theirs in pairs if ours != theirs and ours.isascii()] == []


def test_every_table_is_that_of_its_results() -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "tables.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_inside_the_project_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []
