"""Geometries as text, both ways, without the server's functions.

The servers keep a geometry as its reference system's number and its WKB, and so it comes and goes over the wire. Their
own functions are no help: ST_AsText leaves the reference system out and, in MySQL, may turn the axes; MariaDB's
ST_GeomFromText makes NULL of what it does not understand, without a word. Here x always comes first.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Final

_SHAPES: Final = (
    "", "POINT", "LINESTRING", "POLYGON", "MULTIPOINT", "MULTILINESTRING", "MULTIPOLYGON", "GEOMETRYCOLLECTION"
)  # fmt: skip


def geometry_text(value: bytes) -> str:
    """A geometry in the server's own form (SRID, then WKB), as `SRID=4326;POINT(8.5 47.25)`; x comes first."""
    (srid,) = struct.unpack_from("<I", value)
    name, body, _ = _shape(value, 4)
    return f"SRID={srid};{name}{body}" if srid else name + body


def _shape(data: bytes, place: int) -> tuple[str, str, int]:
    """The shape's name, its coordinates in parentheses, and the place where the next shape begins."""
    order = "<" if data[place] else ">"
    (kind,) = struct.unpack_from(order + "I", data, place + 1)
    body, place = _body(data, place + 5, kind, order)
    return _SHAPES[kind], body or " EMPTY", place


def _body(data: bytes, place: int, kind: int, order: str) -> tuple[str, int]:
    if kind == 1:
        return f"({_pair(data, place, order)})", place + 16
    (count,) = struct.unpack_from(order + "I", data, place)
    place += 4
    parts = []
    for _ in range(count):
        if kind == 2:
            part, place = _pair(data, place, order), place + 16
        elif kind == 3:
            part, place = _body(data, place, 2, order)
        else:
            name, part, place = _shape(data, place)
            if kind == 7:  # only a collection's parts say what they are
                part = name + part
            elif kind == 4:  # MariaDB reads MULTIPOINT(1 2,3 4) only
                part = part[1:-1]
        parts.append(part)
    return f"({','.join(parts)})" if parts else "", place


def _pair(data: bytes, place: int, order: str) -> str:
    x, y = struct.unpack_from(order + "2d", data, place)
    return " ".join(repr(number).removesuffix(".0") for number in (x, y))


_TOKENS: Final = re.compile(r"\s*([A-Za-z]+|[(),]|[-+]?[\d.]+(?:[eE][-+]?\d+)?)")
_PARTS: Final = {3: 2, 4: 1, 5: 2, 6: 3}
"""The shape of the parts, of shapes whose parts do not name theirs."""


def geometry_bytes(text: str) -> bytes:
    """The server's own form of a text of `geometry_text`, or of any WKT of two dimensions. ValueError for another
    text."""
    head, _, rest = text.rpartition(";")
    srid = re.fullmatch(r"SRID=(\d+)", head)
    if head and not srid:
        raise ValueError(text)
    tokens = _tokens(rest)
    found = struct.pack("<I", int(srid[1]) if srid else 0) + _geometry(tokens, next(tokens, ""))
    if next(tokens, None) is not None:
        raise ValueError(text)
    return found


def _tokens(text: str) -> Iterator[str]:
    place = 0
    text = text.rstrip()
    while place < len(text):
        found = _TOKENS.match(text, place)
        if not found:
            raise ValueError(text)
        yield found[1]
        place = found.end()


def _geometry(tokens: Iterator[str], name: str) -> bytes:
    kind = _SHAPES.index(name.upper(), 1)
    return _wkb(kind, tokens, next(tokens, ""))


def _wkb(kind: int, tokens: Iterator[str], first: str) -> bytes:
    return struct.pack("<BI", 1, kind) + _content(kind, tokens, first)


def _content(kind: int, tokens: Iterator[str], first: str) -> bytes:
    """What follows a shape's name: its coordinates or parts, in parentheses; `first` is the token there."""
    if first.upper() == "EMPTY" and kind != 1:
        return struct.pack("<I", 0)
    if first != "(":
        raise ValueError(first)
    if kind == 1:
        return _point(tokens, next(tokens, ""), ")")[0]
    parts = []
    end = ","
    while end == ",":
        piece = next(tokens, "")
        if kind == 2 or (kind == 4 and piece != "("):
            point, end = _point(tokens, piece, ",)")
            parts.append(point if kind == 2 else struct.pack("<BI", 1, 1) + point)
            continue
        if kind == 7:
            parts.append(_geometry(tokens, piece))
        elif kind == 3:
            parts.append(_content(2, tokens, piece))
        else:
            parts.append(_wkb(_PARTS[kind], tokens, piece))
        end = next(tokens, "")
    if end != ")":
        raise ValueError(end)
    return struct.pack("<I", len(parts)) + b"".join(parts)


def _point(tokens: Iterator[str], x: str, ends: str) -> tuple[bytes, str]:
    found = struct.pack("<2d", float(x), float(next(tokens, "")))
    end = next(tokens, "")
    if not end or end not in ends:
        raise ValueError(end)
    return found, end
