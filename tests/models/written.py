"""What is written for Django, held: to a golden file, and to the formatter."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

GOLDEN = Path(__file__).parent / "golden"


def same_as_golden(name: str, text: str) -> None:
    """The text is that of the golden file; DBFLEET_GOLDEN=write writes it anew. The formatter would leave it as it is,
    and finds no fault with it."""
    file = GOLDEN / name
    if os.environ.get("DBFLEET_GOLDEN") == "write":
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    assert text == file.read_text("utf-8")
    formatted(text)


def formatted(text: str) -> None:
    """The formatter would leave the text as it is, and the linter finds no fault with it."""
    ruff = str(Path(sys.executable).with_name("ruff"))
    options = ["--isolated", "--line-length", "120", "--target-version", "py311", "--stdin-filename", "x.py", "-"]
    run = subprocess.run([ruff, "format", *options], input=text, capture_output=True, text=True, check=True)
    assert run.stdout == text
    checked = subprocess.run([ruff, "check", *options], input=text, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout
