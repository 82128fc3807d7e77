"""Rows that are too large for the scripts of `redis.write`: JSON and Lua would make three more copies of each value.

Such a row is stored in one transaction that watches its key: hash, index and sets of the row are there together or not
at all, and an insert never overwrites. While the row is stored the server has it three times: as it came, in the hash,
and for the append-only file. A server that has no room for that is killed by its kernel, as maxmemory is looked at only
before a command. So a row that is too large for a server with a maxmemory is refused before it is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from dbfleet.engines.redis.values import (
    SCHEMAS,
    field_texts,
    index_of,
    key_encoder,
    number_field,
    reference_sets_of,
    scored,
)
from dbfleet.engines.redis.wire import ReplyError, Wire
from dbfleet.values import Row, Schema

LONGEST: Final = 512 << 20
"""Bytes of a value: the default of the server's proto-max-bulk-len."""
_AGAIN: Final = 5


def store(wire: Wire, schema: Schema, row: Row, number: str | None, *, upsert: bool) -> str | None:
    """Store the row. Gives the reason why it was not stored, or None. `number` names a row without a key."""
    fields = {name: text.encode("utf-8", "surrogateescape") for name, text in field_texts(schema, row).items()}
    if number is not None:
        fields[str(number_field(schema))] = number.encode()
    key = number or key_encoder(schema)([[row[place]] for place in schema.key_indexes])[0]
    if why := _refused(wire, schema, key, fields):
        return why
    for _ in range(_AGAIN):
        why = _once(wire, schema, key, fields, upsert=upsert)
        if why and why.startswith("OOM"):  # in the server the row was larger than it looked from here
            where, size = _largest(schema, key, fields)
            return f"{where} has {size:,} bytes, for which this server has no room: {why}"
        if why != "":
            return why
    return f"the key {index_of(schema.name)}:{key} is being changed all the time"


def _refused(wire: Wire, schema: Schema, key: str, fields: dict[str, bytes]) -> str | None:
    where, size = _largest(schema, key, fields)
    if size > LONGEST:
        return f"{where} has {size:,} bytes, Redis takes {LONGEST:,}"
    return no_room(wire, where, sum(map(len, fields.values())))


def _largest(schema: Schema, key: str, fields: dict[str, bytes]) -> tuple[str, int]:
    """Where the largest value of the row is, and its bytes."""
    name, value = max(fields.items(), key=lambda field: len(field[1]))
    return f"{schema.name} with key {key[:80]}: {name}", len(value)


def no_room(wire: Wire, what: str, size: int) -> str | None:
    """Why the server has no room for `what`, of `size` bytes; None if it has, or if this user may not ask."""
    (info,) = wire.take(wire.send(wire.packed(["INFO", "memory"])))
    if isinstance(info, ReplyError):  # not for this user
        return None
    memory = dict(line.split(":", 1) for line in info.decode().splitlines() if ":" in line)
    most, used = int(memory.get("maxmemory", 0)), int(memory.get("used_memory", 0))
    room = max(0, (most - used) // 2)
    if most and size > room:
        return (
            f"{what} has {size:,} bytes, this server has room for {room:,} "
            f"(its maxmemory is {most:,}, of which {used:,} are used)"
        )
    return None


def _once(wire: Wire, schema: Schema, key: str, fields: dict[str, bytes], *, upsert: bool) -> str | None:
    """Try to store the row. Gives None where it is stored, "" where somebody else has changed it meanwhile, else the
    reason why it was not stored."""
    index = index_of(schema.name)
    row = f"{index}:{key}"
    names = list(dict.fromkeys(name for reference in schema.references for name in reference.columns))
    asked: list[Sequence[Any]] = [
        ["WATCH", row, SCHEMAS], ["HEXISTS", SCHEMAS, schema.name], ["TYPE", row], ["TYPE", index],
    ]  # fmt: skip
    if names:
        asked.append(["HMGET", row, *names])
    try:
        replies = wire.take(wire.send(b"".join(map(wire.packed, asked)), len(asked)))
        _, exists, kind, index_kind, *before = replies
        for reply in replies[:4]:
            if isinstance(reply, ReplyError):
                raise reply
        if not exists:
            raise ReplyError("NOTFOUND")
        if index_kind not in (b"zset", b"none"):
            raise ReplyError(f"WRONGTYPE the key {index} is no sorted set")
        if kind != b"none" and not upsert:
            return f"ERR {row} exists"
        if kind not in (b"none", b"hash"):
            return f"WRONGTYPE the key {row} is a {kind.decode()}"
        was = dict(zip(names, before[0], strict=True)) if before else {}
        old, new = reference_sets_of(schema, was), reference_sets_of(schema, fields)
        work: list[Sequence[Any]] = [["MULTI"], ["DEL", row]]
        work += [["SREM", name, key] for name in old if name not in new]
        work.append(["HSET", row, *(word for field in fields.items() for word in field)])
        work.append(["ZADD", index, key if scored(schema) else 0, key])
        work += [["SADD", name, key] for name in new]
        work.append(["EXEC"])
        pending = wire.send(b"".join(map(wire.packed, work)), len(work))
        del work
        replies = wire.take(pending)
    finally:
        if not wire.broken:
            wire.send(wire.packed(["UNWATCH"])).drop()
    refusals = [str(reply) for reply in replies[:-1] if isinstance(reply, ReplyError)]
    if refusals:
        return refusals[0]
    done = replies[-1]
    if isinstance(done, ReplyError):
        return str(done)
    if done is None:
        return ""
    return next((str(reply) for reply in done if isinstance(reply, ReplyError)), None)
