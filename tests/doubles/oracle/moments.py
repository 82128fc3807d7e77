"""Texts of moments by a closed list of format models, and moments of such texts, over Oracle's own bytes.

SYYYY MM DD HH24 MI SS FF1 … FF9 TZH TZM TZR, punctuation and "text". A zone is an offset: names of zones are refused.
"""

from __future__ import annotations

import re
from typing import Final

from tests.doubles.oracle import wire
from tests.doubles.oracle.sql import OraError, refused

_ELEMENT: Final = re.compile(r'SYYYY|MM|DD|HH24|MI|SS|FF[1-9]|TZH|TZM|TZR|"[^"]*"|[-:. ]')
_DIGITS: Final = {"MM": 2, "DD": 2, "HH24": 2, "MI": 2, "SS": 2, "TZM": 2}
_OFFSET: Final = re.compile(r"([+-])(\d\d):(\d\d)")


def _elements(form: str) -> list[str]:
    found = _ELEMENT.findall(form)
    if "".join(found) != form:
        raise refused(f"the format model {form!r}")
    return found


def offset_of(data: bytes) -> str:
    """The offset that a moment's bytes hold."""
    minutes = (data[11] - 20) * 60 + data[12] - 60
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def text_of(data: bytes, form: str) -> str:
    """TO_CHAR of a moment, which is in the session's zone, UTC, unless it has its own."""
    data, offset = _local(data)
    year = (data[0] - 100) * 100 + data[1] - 100
    fraction = f"{int.from_bytes(data[7:11], 'big') if len(data) > 7 else 0:09}"
    known = {
        "SYYYY": f"{'-' if year < 0 else ' '}{abs(year):04}", "MM": f"{data[2]:02}", "DD": f"{data[3]:02}",
        "HH24": f"{data[4] - 1:02}", "MI": f"{data[5] - 1:02}", "SS": f"{data[6] - 1:02}",
        "TZH": offset[:3], "TZM": offset[4:], "TZR": offset,
    }  # fmt: skip
    parts = []
    for element in _elements(form):
        if element.startswith("FF"):
            parts.append(fraction[: int(element[2])])
        elif element in known and (not element.startswith("TZ") or offset):
            parts.append(known[element])
        elif element in known:
            raise OraError(1821, "date format not recognized")
        else:
            parts.append(element.strip('"'))
    return "".join(parts)


def _local(data: bytes) -> tuple[bytes, str]:
    """A moment in its own zone, whose bytes are in UTC."""
    if len(data) < 13:
        return data, ""
    offset = offset_of(data)
    if offset != "+00:00":
        data = _shifted(data, _minutes(offset))
    return data, offset


def _minutes(offset: str) -> int:
    found = _OFFSET.fullmatch(offset)
    if found is None:
        raise refused(f"the time zone {offset!r}")
    return int(f"{found[1]}1") * (int(found[2]) * 60 + int(found[3]))


def _shifted(data: bytes, minutes: int) -> bytes:
    from datetime import datetime, timedelta

    year = (data[0] - 100) * 100 + data[1] - 100
    moment = datetime(year, data[2], data[3], data[4] - 1, data[5] - 1, data[6] - 1) + timedelta(minutes=minutes)
    head = (moment.year // 100 + 100, moment.year % 100 + 100, moment.month, moment.day, moment.hour + 1,
            moment.minute + 1, moment.second + 1)  # fmt: skip
    return bytes(head) + data[7:]


def data_of(text: str, form: str, code: int) -> bytes:
    """TO_DATE and its like: the text has all that the format asks for, and nothing else."""
    found: dict[str, str] = {}
    place = 0
    for element in _elements(form):
        width = 9 if element.startswith("FF") else _DIGITS.get(element, 0)
        match element:
            case "SYYYY":
                pattern = r" ?[-+]?\d{4}"
            case "TZH":
                pattern = r"[+-]\d\d"
            case _ if element.startswith("FF"):
                pattern, width = rf"\d{{1,{element[2]}}}", 0
            case _:
                pattern = rf"\d{{{width}}}" if width else re.escape(element.strip('"'))
        match_ = re.compile(pattern).match(text, place)
        if match_ is None:
            raise OraError(1861, "literal does not match format string")
        found["FF" if element.startswith("FF") else element] = match_[0]
        place = match_.end()
    if place < len(text):
        raise OraError(1830, "date format picture ends before converting entire input string")
    return _bytes(found, code)


def _bytes(found: dict[str, str], code: int) -> bytes:
    year = int(found["SYYYY"])
    if not year:
        raise OraError(1841, "(full) year must be between -4713 and +9999, and not be 0")
    century, rest = divmod(abs(year), 100)
    sign = -1 if year < 0 else 1
    data = bytes((sign * century + 100, sign * rest + 100, int(found["MM"]), int(found["DD"]),
                  int(found["HH24"]) + 1, int(found["MI"]) + 1, int(found["SS"]) + 1))  # fmt: skip
    if code == wire.DATE:
        return data
    data += int(found.get("FF", "").ljust(9, "0")).to_bytes(4, "big")
    if code == wire.TIMESTAMP:
        return data
    offset = f"{found['TZH']}:{found['TZM']}"
    return zoned(_shifted(data, -_minutes(offset)) if offset != "+00:00" else data, offset)


def zoned(data: bytes, zone: str) -> bytes:
    """The same moment in this zone."""
    hours, minutes = divmod(abs(_minutes(zone)), 60)
    sign = -1 if _minutes(zone) < 0 else 1
    return data[:11] + bytes((20 + sign * hours, 60 + sign * minutes))
