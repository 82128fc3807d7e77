"""Each case in a folder of its own, with a state of its own and nobody's configuration."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DBFLEET_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("DBFLEET_CONFIG", "")
    monkeypatch.chdir(tmp_path)
    return tmp_path
