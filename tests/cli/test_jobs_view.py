"""What the console's records look like on a terminal of 80 columns."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dbfleet.cli import _jobs_view
from dbfleet.fleet import Fleet
from dbfleet.formats import Page
from dbfleet.ops import drift

PAGE = Page(width=80, coloured=False)
TODAY = datetime(2026, 3, 1, 12, tzinfo=UTC)


def job(number: int, **facts: Any) -> dict[str, Any]:
    return {
        "job": number, "kind": "copy", "state": "done", "verdict": None, "target": "mysql", "source": "postgres",
        "schedule": None, "begun": "2026-03-01T09:00:00Z", "ended": None, "rows": 1_234_567, "error": None, **facts,
    }  # fmt: skip


def test_a_job_is_a_line_on_80_columns() -> None:
    found = [job(8), job(9, kind="drift", verdict="drift", begun="2026-02-01T09:00:00Z"), job(10, state="waiting")]
    lines = list(_jobs_view.jobs(found, PAGE, today=TODAY))
    assert len(lines) == 4
    assert "BEGUN UTC" in lines[0]
    assert max(map(len, lines)) <= 80
    assert [line.split() for line in lines[1:3]] == [
        ["8", "copy", "done", "1,234,567", "09:00:00", "postgres", "→", "mysql"],
        ["9", "drift", "drift", "1,234,567", "2026-02-01", "09:00", "postgres", "→", "mysql"],
    ]


def test_what_went_wrong_is_whole() -> None:
    error = "the server closed the connection unexpectedly while a statement was running " * 3
    lines = list(_jobs_view.jobs([job(8, state="failed", error=error)], PAGE, today=TODAY))
    assert max(map(len, lines)) <= 80
    assert " ".join(" ".join(lines).split()).endswith(error.strip())


def test_schedules_and_receipts_fit_80_columns() -> None:
    schedule = {
        "schedule": "drift postgres mongodb", "kind": "drift", "target": "postgres mongodb", "when": "every 10m",
        "next": "2026-03-01T12:10:00Z", "last": "2026-03-01T12:00:00Z", "state": "ok",
        "verified_through": "2026-03-01T12:00:00Z",
    }  # fmt: skip
    receipt = {
        "receipt": 41, "kind": "copy", "at": "2026-03-01T12:00:00Z", "target": "mysql", "source": "postgres",
        "same": True, "rows": 1_234_567, "hash": "ab" * 32,
    }  # fmt: skip
    for lines in (
        _jobs_view.schedules([schedule], PAGE, today=TODAY),
        _jobs_view.receipts([receipt], PAGE, today=TODAY),
    ):
        found = list(lines)
        assert len(found) == 2
        assert "UTC" in found[0]
        assert max(map(len, found)) <= 80


def test_a_drift_s_job_shows_the_rows_that_differ(tmp_path: Path) -> None:
    for name, total in (("a", 1), ("b", 2)):
        with sqlite3.connect(tmp_path / f"{name}.db") as connection:
            connection.execute("create table t (id integer primary key, total int)")
            connection.execute("insert into t values (7, ?), (8, 5)", [total])
        connection.close()
    fleet = Fleet.open(environ={"DBFLEET_STATE_DIR": str(tmp_path / "state")}, directory=tmp_path)
    a, b = (fleet.target(f"sqlite:///{tmp_path}/{name}.db") for name in "ab")
    records = [json.loads(each.to_json()) for each in drift.drift(fleet, a, b, (), confirm_s=0)]
    found = {"kind": "drift", "result": {"collections": records}}
    text = "\n".join(_jobs_view.found_by(found, PAGE, today=TODAY))
    assert "id 7" in text
    assert "1 → 2" in text
    assert "id 8" not in text
