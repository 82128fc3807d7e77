"""Literals that are neither text nor a plain number, and the few functions of literals that the adapter writes.

-1 · 1.5e-300d · BINARY_DOUBLE_NAN · BINARY_DOUBLE_INFINITY · DATE '…' · TIMESTAMP '… [+00:00]'
HEXTORAW('…') · TO_BLOB(HEXTORAW('…')) · TO_CLOB('…') · CHR(n) · text || text, of literals only
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.doubles.oracle import wire
from tests.doubles.oracle.sql import Constant, Literal, OraError, refused

_CLOB_BYTES = 4000
_DOUBLES = {"BINARY_DOUBLE_NAN": float("nan"), "BINARY_DOUBLE_INFINITY": float("inf")}


def read(parser: Any) -> Literal | Constant | None:
    """The literal that comes next, with what is joined to it; None for anything else."""
    found = _one(parser)
    if found is None:
        return None
    while parser.found("|", "|") or parser.found("||"):
        other = _one(parser)
        if other is None:
            raise refused("|| of anything but literals")
        found = _joined(found, other)
    return found


def _one(parser: Any) -> Literal | Constant | None:
    token = parser.now
    word = token.text.upper() if token.kind == "word" else ""
    following = parser.tokens[min(parser.place + 1, len(parser.tokens) - 1)]
    if token.kind == "symbol" and token.text == "-":
        parser.next()
        return _number("-", parser)
    if token.kind == "number":
        return _number("", parser)
    if token.kind == "text":
        text = parser.next().text
        if len(text.encode()) > _CLOB_BYTES:
            raise OraError(1704, "string literal too long", token.start)
        return Literal(text, True)
    if word in _DOUBLES:
        parser.next()
        return Constant(wire.double(_DOUBLES[word]), wire.BINARY_DOUBLE)
    if word in ("DATE", "TIMESTAMP") and following.kind == "text":
        parser.next()
        return moment(word, parser.next().text)
    if word in ("HEXTORAW", "TO_CLOB", "TO_BLOB", "CHR") and following.text == "(":
        parser.next()
        parser.need("(")
        inner = read(parser)
        parser.need(")")
        return _called(word, inner)
    return None


def _number(sign: str, parser: Any) -> Literal | Constant:
    token = parser.now
    if token.kind == "word" and token.text.upper() in _DOUBLES:
        parser.next()
        return Constant(wire.double(-_DOUBLES[token.text.upper()]), wire.BINARY_DOUBLE)
    if token.kind != "number":
        raise parser.unknown()
    text = sign + parser.next().text
    if text[-1] in "dD":
        return Constant(wire.double(float(text[:-1])), wire.BINARY_DOUBLE)
    return Literal(text, False)


def moment(word: str, text: str) -> Constant:
    """DATE '…' or TIMESTAMP '…'."""
    zoned = text.endswith(" +00:00")
    if word == "DATE" and len(text) != 10:
        raise OraError(1861, "literal does not match format string")
    try:
        value = datetime.fromisoformat(text.removesuffix(" +00:00"))
    except ValueError:
        raise OraError(1861, "literal does not match format string") from None
    data = bytes((value.year // 100 + 100, value.year % 100 + 100, value.month, value.day,
                  value.hour + 1, value.minute + 1, value.second + 1))  # fmt: skip
    if word == "DATE":
        return Constant(data, wire.DATE)
    data += (value.microsecond * 1000).to_bytes(4, "big")
    return Constant(data + b"\x14\x3c", wire.TIMESTAMP_TZ) if zoned else Constant(data, wire.TIMESTAMP)


def _called(word: str, inner: Any) -> Literal | Constant:
    is_text = isinstance(inner, Literal) and inner.is_text
    if word == "CHR" and isinstance(inner, Literal) and not inner.is_text:
        return Literal(chr(int(inner.value)), True)
    if word == "HEXTORAW" and is_text:
        return Constant(bytes.fromhex(inner.value), wire.RAW)
    if word == "TO_CLOB" and is_text:
        return Constant(inner.value.encode(), wire.CLOB)
    if word == "TO_BLOB" and isinstance(inner, Constant) and inner.code == wire.RAW:
        return Constant(inner.data, wire.BLOB)
    raise refused(f"{word} of this")


def _joined(left: Literal | Constant, right: Literal | Constant) -> Literal | Constant:
    texts = []
    for each in (left, right):
        if isinstance(each, Literal) and each.is_text:
            texts.append(each.value)
        elif isinstance(each, Constant) and each.code == wire.CLOB:
            texts.append(each.data.decode())
        else:
            raise refused("|| of what is no text")
    if any(isinstance(each, Constant) for each in (left, right)):
        return Constant("".join(texts).encode(), wire.CLOB)
    return Literal("".join(texts), True)
