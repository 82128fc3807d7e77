"""What checks for drift and drills have found, as pages and the API show it; and the sync that follows from a drift."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from dbfleet.console.models import Job
from dbfleet.errors import UsageError

SHOWN: Final = 100
"""Differences of one collection on a page."""


def records(result: Any) -> list[dict[str, Any]]:
    """A record a collection, of whatever a job has found."""
    found = result
    if isinstance(result, dict):
        found = next((result[word] for word in ("collections", "drifted", "records") if word in result), [result])
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def counts(record: Mapping[str, Any]) -> str:
    """What differs, in words."""
    words = [f"{record[word]:,} {word}" for word in ("added", "removed", "changed") if record.get(word)]
    if record.get("schema"):
        words.append(f"{record['schema']} differences of the schema")
    return ", ".join(words)


def differences(record: Mapping[str, Any], first: int = 0) -> list[dict[str, Any]]:
    """The differences as the page shows them: a line a column that differs, `before` on the left, `after` on the
    right."""
    shown = []
    for each in (record.get("differences") or [])[first : first + SHOWN]:
        before, after = each.get("before"), each.get("after")
        if isinstance(before, dict) and isinstance(after, dict):
            names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
        else:
            names = (
                list((before if isinstance(before, dict) else after) or {}) if isinstance(before or after, dict) else []
            )
        shown.append(
            {
                "key": _words(each.get("key")), "change": each.get("change"),
                "columns": [(name, _side(before, name), _side(after, name)) for name in names]
                or [("", _words(before), _words(after))],
            }
        )  # fmt: skip
    return shown


def _side(row: Any, name: str) -> str:
    return "" if not isinstance(row, dict) or name not in row else _words(row[name])


def _words(value: Any) -> str:
    import json

    if isinstance(value, str):
        return value
    if isinstance(value, dict) and len(value) == 1:
        return _words(next(iter(value.values())))
    return "NULL" if value is None else json.dumps(value, ensure_ascii=False, default=str)


def sync_arguments(job: Job, direction: str, collection: str) -> dict[str, Any]:
    """The arguments of a sync after this drift. `direction`: `right` makes the right side like the left one."""
    if job.kind != "drift":
        raise UsageError(f"job {job.pk} is no check for drift")
    if direction not in ("left", "right"):
        raise UsageError("a sync makes left or right like the other side")
    left, right = _end(job.source, collection), _end(job.target, collection)
    source, target = (left, right) if direction == "right" else (right, left)
    given = {name: job.arguments.get(name) for name in ("columns", "ignore", "where")}
    return {"source": source, "target": target, **{name: value for name, value in given.items() if value}}


def _end(end: str, collection: str) -> str:
    return f"{end}.{collection}" if collection and "." not in end else end
