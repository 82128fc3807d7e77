"""CouchDB's requests and answers as text: bodies, query values, ids as numbers, and lists read as they arrive."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, Final
from urllib.parse import quote

from dbfleet.errors import StatementError

ID_DIGITS: Final = 24
ID_FIRST: Final = 0x20
ID_BASE: Final = 0x7F - ID_FIRST
"""Ids as numbers: ID_DIGITS digits, each a character of ASCII from ID_FIRST on."""


def id_text(number: int) -> str:
    """The id that the number stands for; a larger number gives a later id."""
    digits = []
    for _ in range(ID_DIGITS):
        number, digit = divmod(number, ID_BASE)
        digits.append(chr(digit + ID_FIRST))
    return "".join(reversed(digits))


def is_design(id_: str) -> bool:
    """Whether it is the id of a design document, which is no row."""
    return id_.startswith("_design/")


def json_query(value: str) -> str:
    """The value as JSON, quoted for a URL."""
    return quote(json.dumps(value), safe="")


dumps: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode


def body_of(text: str, bad: Callable[[str], StatementError]) -> dict[str, Any]:
    """The JSON object of a request's body. `bad` makes the error for a text that is none."""
    try:
        body = json.loads(text)
    except json.JSONDecodeError as exc:
        raise bad(f"the body is not JSON: {exc.msg} at line {exc.lineno}, column {exc.colno}") from exc
    if not isinstance(body, dict):
        raise bad("the body is not a JSON object")
    return body


def records_of(response: Any) -> Iterator[Any]:
    """The answer's records: the items of its list as they arrive, where it is a list or has one; else the answer itself
    as one record."""
    decoder = json.JSONDecoder()
    chunks = response.iter_content(1 << 16)
    response.encoding = "utf-8"
    buffer, partial = "", b""
    listed = False
    for chunk in chunks:
        partial += chunk
        text, partial = _decoded(partial)
        buffer += text
        if not listed:
            opening = re.match(r'\s*(?:\[|\{[^\[{]*?"(?:rows|docs|results)"\s*:\s*\[)', buffer)
            if not opening:
                continue
            listed, buffer = True, buffer[opening.end() :]
        place = 0
        while True:
            rest = re.compile(r"[\s,]*").match(buffer, place)
            place = rest.end() if rest else place
            if place >= len(buffer) or buffer[place] == "]":
                break
            try:
                record, end = decoder.raw_decode(buffer, place)
            except json.JSONDecodeError:
                break
            if end == len(buffer) and not isinstance(record, dict | list | str):
                break  # a number may go on in the next chunk
            yield record.get("doc") or record if isinstance(record, dict) else {"value": record}
            place = end
        buffer = buffer[place:]
    if not listed:
        yield json.loads(buffer) if buffer.strip() else {}


def whole_rows(text: str) -> Iterator[Any]:
    """The items of the answer's list that are there whole. The text may end anywhere; no item is a number, which could
    go on behind the end."""
    opening = re.match(r'\s*\{[^\[{]*?"rows"\s*:\s*\[', text)
    if not opening:
        return
    decoder, place = json.JSONDecoder(), opening.end()
    while True:
        rest = re.compile(r"[\s,]*").match(text, place)
        place = rest.end() if rest else place
        try:
            row, place = decoder.raw_decode(text, place)
        except json.JSONDecodeError:
            return
        yield row


def _decoded(data: bytes) -> tuple[str, bytes]:
    """The text of all whole characters, and the bytes of one that goes on in the next chunk."""
    for cut in range(4):
        try:
            return data[: len(data) - cut].decode(), data[len(data) - cut :]
        except UnicodeDecodeError:
            continue
    return data.decode(errors="replace"), b""
