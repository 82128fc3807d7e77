"""Lengths of time as people type them: `90`, `90s`, `1.5m`, `5 min`, `2h`, `1d`, `1w`, `250ms`."""

from __future__ import annotations

import re
from typing import Final

from dbfleet.errors import UsageError

_YEAR_S: Final = 366 * 86400
_UNITS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_WORDS: Final = {
    "": "s", "sec": "s", "secs": "s", "second": "s", "seconds": "s", "min": "m", "mins": "m", "minute": "m",
    "minutes": "m", "hr": "h", "hrs": "h", "hour": "h", "hours": "h", "day": "d", "days": "d", "week": "w",
    "weeks": "w",
}  # fmt: skip


def seconds(text: str, option: str, *, what: str = "length of time") -> float:
    """A length of time in seconds; a number alone is one of seconds. UsageError, about the option, for another form and
    for more than a year."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([a-z]*)\s*", text.lower(), re.ASCII)
    unit = _UNITS.get(_WORDS.get(found[2], found[2])) if found else None
    if found is None or unit is None:
        raise UsageError(f"{option} {text}: that is no {what}", hint=f"for example: {option} 60s, 5m or 2h")
    length = float(found[1]) * unit
    if length > _YEAR_S:
        raise UsageError(f"{option} {text}: that is longer than a year")
    return length
