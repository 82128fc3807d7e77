"""A copy that is cut off before its first row resumes with all of its collections, wherever that was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from moving import Pair

from dbfleet.engines.sqlite.adapter import SqliteAdapter
from dbfleet.ops.copy import copy
from dbfleet.ops.diff import diff
from dbfleet.values import Column, Schema, Type

SCHEMAS = [
    Schema(name, (Column("id", Type.INT, False), Column("v", Type.TEXT)), ("id",)) for name in ("a", "b", "c", "d")
]
CALLS = {"by the closed set": ("count", "create"), "natively": ("count", "take")}


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair.made(tmp_path)


@pytest.mark.parametrize("moment", range(4))
@pytest.mark.parametrize(("lane", "call"), [(lane, call) for lane, calls in CALLS.items() for call in calls])
def test_it_resumes_with_all_of_them(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, lane: str, call: str, moment: int
) -> None:
    if lane != "natively":
        monkeypatch.setattr(SqliteAdapter, "carries", lambda _: False)
    for schema in SCHEMAS:
        pair.fill(pair.a, schema, [(number, schema.name) for number in range(30)])
    real, left = getattr(SqliteAdapter, call), [moment]

    def cut_off(self: Any, *given: Any, **options: Any) -> Any:
        if not left[0]:
            left[0] = -1
            raise KeyboardInterrupt
        left[0] -= 1
        return real(self, *given, **options)

    monkeypatch.setattr(SqliteAdapter, call, cut_off)
    with pytest.raises(KeyboardInterrupt):
        list(copy(pair.fleet, pair.a, pair.b))
    found = list(copy(pair.fleet, pair.a, pair.b, resume=True, verify=True))
    assert [(each.rows, each.same) for each in found] == [(30, True)] * 4
    assert not list(diff(pair.fleet, pair.a, pair.b))
