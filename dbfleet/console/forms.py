"""Reading what a form or a query string says, into plain values; UsageError for what makes no sense.

No form classes: a page's fields are few, and the ops check what they are given.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from dbfleet.errors import UsageError, did_you_mean


def text(values: Any, name: str, *, most: int = 1000, needed: bool = False) -> str:
    """A field as one line, without blanks around it."""
    found = str(values.get(name, "")).strip()
    if needed and not found:
        raise UsageError(f"{name} is missing")
    if len(found) > most:
        raise UsageError(f"{name} is longer than {most:,} characters")
    if "\0" in found:
        raise UsageError(f"{name} has the character U+0000")
    if any("\ud800" <= each <= "\udfff" for each in found):
        raise UsageError(f"{name} has half of a pair of characters")
    return found


def whole(values: Any, name: str, *, default: int | None = None, least: int = 0, most: int = 10**15) -> int | None:
    """A field as a whole number."""
    found = text(values, name, most=30)
    if not found:
        return default
    if not found.isascii() or not found.isdecimal() or not least <= int(found) <= most:
        raise UsageError(f"{name} is a whole number from {least:,} to {most:,}")
    return int(found)


def seconds(values: Any, name: str) -> float | None:
    """A field as a number of seconds above nothing."""
    found = text(values, name, most=30)
    try:
        value = float(found) if found else None
    except ValueError:
        value = -1.0
    if value is not None and not 0 < value <= 86400:
        raise UsageError(f"{name} is a number of seconds, up to a day")
    return value


def zone(values: Any, name: str = "time_zone") -> str:
    """A field as the name of a time zone; UTC where it is empty."""
    found = text(values, name, most=60) or "UTC"
    try:
        ZoneInfo(found)
    except (ValueError, OSError, KeyError):
        raise UsageError(f"there is no time zone {found!r}", hint="for example Europe/Berlin") from None
    return found


def moment(values: Any, name: str, time_zone: str) -> datetime:
    """A field of a calendar and a clock, in the time zone."""
    found = text(values, name, most=40, needed=True)
    try:
        at = datetime.fromisoformat(found)
    except ValueError:
        raise UsageError(f"{name} is a date and a time, such as 2026-03-01T22:00") from None
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=ZoneInfo(time_zone)).astimezone(UTC)


def clock(values: Any, name: str) -> time | None:
    """A field as a time of day."""
    found = text(values, name, most=10)
    try:
        return time.fromisoformat(found) if found else None
    except ValueError:
        raise UsageError(f"{name} is a time of day, such as 22:00") from None


def one_of(value: str, known: Collection[str], what: str) -> str:
    """A word of a closed list, or nothing. UsageError, with the nearest or all of them, for another one: it would find
    nothing, or everything."""
    if value and value not in known:
        raise UsageError(
            f"no {what} is called {value!r}", hint=did_you_mean(value, known, f"they are: {', '.join(known)}")
        )
    return value


def size(value: int, most: int) -> int:
    """How many of a list are asked for."""
    if not 1 <= value <= most:
        raise UsageError(f"limit is a whole number from 1 to {most:,}")
    return value
