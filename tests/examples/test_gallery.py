"""The gallery: its script makes every picture that its page shows, by the lines that the page shows."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8")
SCRIPT = ROOT / "examples" / "gallery.py"


def test_the_script_makes_the_pictures_of_the_page(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", str(SCRIPT), str(tmp_path / "new")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    shown = re.findall(r"\(images/(gallery_\w+\.png)\)", PAGE)
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == sorted(shown)
    assert all((tmp_path / "new" / name).stat().st_size < 60_000 for name in shown)


def test_the_page_shows_the_scripts_own_lines() -> None:
    script = SCRIPT.read_text(encoding="utf-8")
    lines = [line for code in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) for line in code.splitlines()]
    assert [line for line in lines if line not in script] == []
