"""Dates that Python has not, read by a rule: those that a small table shows, and the one that a large one hides."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from dbfleet.fleet import Fleet
from dbfleet.ops.copy import copy
from dbfleet.rules import parsed
from dbfleet.target import Target

pytestmark = pytest.mark.engines("postgres")


@pytest.mark.parametrize("rows", [3, 250_000])
def test_infinite_dates_become_null_and_the_others_stay(
    adapter: Any, target: Target, name: str, tmp_path: Path, rows: int
) -> None:
    adapter.query(
        f"CREATE TABLE {name} AS SELECT g AS id, date '2020-01-02' AS d, timestamptz '2020-01-02 03:04:05+02' AS tz,"
        f" repeat('x', 40) AS p FROM generate_series(1, {rows}) g"
    ).close()
    adapter.query(f"UPDATE {name} SET d = '-infinity', tz = 'infinity' WHERE id = {rows}").close()
    adapter.query(f"ALTER TABLE {name} ADD PRIMARY KEY (id)").close()
    try:
        fleet = Fleet.open("t", environ={"DBFLEET_STATE_DIR": str(tmp_path), "DBFLEET_CONFIG": ""}, directory=tmp_path)
        sink = fleet.target(f"sqlite:///{tmp_path}/b.db").with_(create=True)
        rules = [parsed("d: infinity=null"), parsed(f"{name}.tz: infinity=null")]
        (done,) = copy(fleet, target.with_(managed=False), sink, [name], rules=rules, verify=True)
        assert (done.rows, done.same) == (rows, True)
        with fleet.connect(sink) as there:
            schema = there.describe(name)
            found = list(there.get(schema, [(1,), (rows,)]))
        assert [row[1:3] for row in found] == [
            (date(2020, 1, 2), datetime(2020, 1, 2, 1, 4, 5, tzinfo=UTC)),
            (None, None),
        ]
    finally:
        adapter.drop(name)
