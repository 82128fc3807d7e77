"""How timestamps are read, and how much one request may hold.

The driver reads a timestamp through a float, which loses digits, and one beyond the year 9999 ends its connection with
an error. So they are read here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

from dbfleet.native import day_text
from dbfleet.values import Row

_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001, the driver's timestamps have no zone
_DAY_MS: Final = 86_400_000


class FarTimestamp:
    """A moment outside the years of Python's datetime, in milliseconds since 1970."""

    def __init__(self, milliseconds: int) -> None:
        self.milliseconds = milliseconds

    def __str__(self) -> str:
        days, rest = divmod(self.milliseconds, _DAY_MS)
        fraction = f".{rest % 1000:03}".rstrip("0") if rest % 1000 else ""
        rest //= 1000
        return f"{day_text(days)}T{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}{fraction}Z"

    def __repr__(self) -> str:
        return str(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FarTimestamp) and self.milliseconds == other.milliseconds

    def __hash__(self) -> int:
        return hash(self.milliseconds)

    def __lt__(self, other: Any) -> bool:
        return str(self) < str(other)


@cache
def timestamp_type() -> Any:
    """The driver's type of timestamps, with our reading."""
    from cassandra import cqltypes

    class Timestamp(cqltypes.DateType):  # type: ignore[misc]
        typename = "timestamp"

        @staticmethod
        def deserialize(data: bytes, protocol_version: int) -> Any:
            milliseconds = int.from_bytes(data, "big", signed=True)
            try:
                return _EPOCH + timedelta(milliseconds=milliseconds)
            except OverflowError:
                return FarTimestamp(milliseconds)

    return Timestamp


@cache
def _take_names_of_digits() -> None:
    """Within a vector a type of the user's own comes with its name in hexadecimal digits, and the driver fails on one
    that has no letter among them ("addr"), as it takes it for a number."""
    from cassandra import cqltypes

    class UserType(cqltypes.UserType):  # type: ignore[misc]  # the driver knows types by the names of their classes
        @classmethod
        def apply_parameters(cls, subtypes: Sequence[Any], names: Sequence[Any]) -> Any:
            named = [cqltypes.mkUnrecognizedType(str(each)) if isinstance(each, int) else each for each in subtypes]
            return super().apply_parameters(named, names)


@cache
def protocol_handler(raw: frozenset[str] = frozenset()) -> Any:
    """The driver's protocol handler, with our reading of timestamps. The columns `raw` come as the server's bytes."""
    from cassandra import cqltypes, protocol

    _take_names_of_digits()
    Timestamp = timestamp_type()  # noqa: N806
    opcode = protocol.ResultMessage.opcode
    base = protocol.ProtocolHandler.message_types_by_opcode[opcode]
    code = next(code for code, type_ in base.type_codes.items() if type_ is cqltypes.DateType)

    codes: Mapping[int, Any] = {**base.type_codes, code: Timestamp}

    def recv_results_metadata(self: Any, stream: Any, types: Any) -> None:
        base.recv_results_metadata(self, stream, types)
        if raw and self.column_metadata:
            self.column_metadata = [
                (*column[:3], cqltypes.BytesType if column[2] in raw else column[3]) for column in self.column_metadata
            ]

    answer = type("Answer", (base,), {"type_codes": codes, "recv_results_metadata": recv_results_metadata})
    opcodes = {**protocol.ProtocolHandler.message_types_by_opcode, opcode: answer}
    return type("Handler", (protocol.ProtocolHandler,), {"message_types_by_opcode": opcodes})


# --- what one request may hold ---------------------------------------------------------------------------------------

SETTINGS: Final = (
    "max_mutation_size", "native_transport_max_frame_size", "native_transport_max_message_size",
)  # fmt: skip
_OVERHEAD: Final = 4096
"""Bytes of a request besides its values, at most."""
_UNITS: Final[Mapping[str, int]] = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def largest_request(settings: Sequence[tuple[str, str | None]]) -> tuple[int, str] | None:
    """How many bytes one statement may hold with its values, and the setting that says so: the smallest of SETTINGS."""
    limits = []
    for name, value in settings:
        sized = re.fullmatch(r"(\d+)(B|KiB|MiB|GiB)", value or "")
        if sized:
            limits.append((int(sized[1]) * _UNITS[sized[2]] - _OVERHEAD, name))
    return min(limits, default=None)


def wide_of(values: Row) -> int:
    """About how many bytes the values of a row are on the wire."""
    size = 8 * len(values)
    for value in values:
        if isinstance(value, str):
            size += len(value) if value.isascii() else len(value.encode(errors="replace"))
        elif isinstance(value, bytes):
            size += len(value)
    return size
