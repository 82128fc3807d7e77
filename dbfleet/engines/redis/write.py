"""Rows written and removed whole, by scripts on the server.

Rows travel as one JSON text of columns for CHUNK rows, and a script stores them: hash, index and sets of a row are
there together or not at all, whatever dies when, and an `insert` never overwrites, whoever else inserts. Measured with
rows of nine fields: the server takes 12 µs a row, as for plain HSET, ZADD and SADD, and packing takes us 6 µs, not 10.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, Final

from dbfleet.adapter import Rejected, Written
from dbfleet.columns import shortened
from dbfleet.engines.redis.large import store
from dbfleet.engines.redis.values import ROW_NUMBERS, Encoder, dumps, index_of, key_encoder, reference_sets
from dbfleet.engines.redis.wire import Pending, ReplyError, Wire
from dbfleet.errors import NotFound
from dbfleet.values import Batch, Row, Schema

CHUNK: Final = 250
"""Rows a script call: 3 ms during which the server answers nobody else; 500 rows are no faster."""
CHUNK_BYTES: Final = 4 << 20
IN_FLIGHT: Final = 3
"""Script calls that are sent and not yet answered: the server has work while we pack the next."""
_REMOVED_AT_ONCE: Final = 500
_NO_ROWS_FAULT: Final = (b"MISCONF ", b"READONLY ", b"NOREPLICAS ")
"""How a server begins that takes no writes at all: to list each row as refused would name the wrong culprit."""
_STOPS: Final = tuple(each.decode() for each in _NO_ROWS_FAULT)
MOST_COLUMNS: Final = 3900
"""Lua hands at most 8000 values to a command: a field is two."""


class Writer:
    """One `write`: chunks go out, replies come in, `written` adds up."""

    def __init__(self, wire: Wire, schema: Schema, *, upsert: bool) -> None:
        self.written = Written()
        self._wire = wire
        self._schema = schema
        self._encoder = Encoder(schema)
        self._upsert = upsert and bool(schema.key)
        words = ["EVAL", UPSERT if self._upsert else INSERT, 1, index_of(schema.name), ""]
        self._head = wire.packed(words).removesuffix(b"$0\r\n\r\n")
        self._flying: deque[tuple[Pending, Batch]] = deque()

    def write(self, batches: Iterable[Batch]) -> Written:
        try:
            for batch in shortened(self._schema.columns, batches):
                for chunk in in_chunks(batch):
                    self._send(chunk)
            while self._flying:
                self._land()
        finally:
            for pending, _ in self._flying:
                pending.drop()
        return self.written

    def _send(self, chunk: Batch) -> None:
        """Send the rows to the server, in halves where they are too much for one call."""
        encoder = self._encoder
        if encoder.least(chunk) > CHUNK_BYTES:
            if len(chunk) == 1:
                self._send_alone(chunk[0])
            else:
                self._halves(chunk)
            return
        if not encoder.keyed(chunk):
            chunk = self._without_faults(chunk)
        while chunk:
            try:
                packed = encoder.chunk(chunk, None if self._schema.key else self._numbers(len(chunk)))
                break
            except UnicodeEncodeError:
                chunk = self._without_faults(chunk)
        if not chunk:
            return
        if len(packed) > CHUNK_BYTES:
            del packed
            if len(chunk) == 1:
                self._send_alone(chunk[0])
            else:
                self._halves(chunk)
            return
        pending = self._wire.send(b"%b$%d\r\n%b\r\n" % (self._head, len(packed), packed))
        self._flying.append((pending, chunk))
        if len(self._flying) > IN_FLIGHT:
            self._land()

    def _halves(self, chunk: Batch) -> None:
        middle = len(chunk) // 2
        self._send(chunk[:middle])
        self._send(chunk[middle:])

    def _send_alone(self, row: Row) -> None:
        """A row that is too large for a script: after all that were before it."""
        while self._flying:
            self._land()
        why = self._encoder.fault(row)
        if why is None:
            number = None if self._schema.key else self._numbers(1)[0]
            try:
                why = store(self._wire, self._schema, row, number, upsert=self._upsert)
            except ReplyError as reply:
                raise self._not_found() if "NOTFOUND" in str(reply) else reply  # noqa: B904
        if why is None:
            self.written.rows += 1
        elif why.startswith(_STOPS):
            raise ReplyError(why)
        else:
            self.written.rejected.append(Rejected(row, why))

    def _not_found(self) -> NotFound:
        return NotFound(f"no collection {self._schema.name!r}", hint="create it, or let seed or copy do it")

    def _numbers(self, count: int) -> list[str]:
        """Names for rows without a key, that nobody else gets."""
        last = self._wire.ask("HINCRBY", ROW_NUMBERS, self._schema.name, count)
        return [str(number) for number in range(last - count + 1, last + 1)]

    def _without_faults(self, chunk: Batch) -> Batch:
        good = []
        for row in chunk:
            fault = self._encoder.fault(row)
            if fault is None:
                good.append(row)
            else:
                self.written.rejected.append(Rejected(row, fault))
        return good

    def _land(self) -> None:
        """Count what the oldest call stored."""
        pending, chunk = self._flying.popleft()
        (reply,) = self._wire.take(pending)
        if isinstance(reply, ReplyError):
            if "NOTFOUND" in str(reply):
                raise self._not_found()
            if reply.code != "OOM":
                raise reply
            reply = [item for place in range(1, len(chunk) + 1) for item in (place, str(reply).encode())]
        if reply and reply[1].startswith(_NO_ROWS_FAULT):
            raise ReplyError(reply[1].decode("utf-8", "replace"))
        self.written.rows += len(chunk) - len(reply) // 2
        for place, why in zip(reply[::2], reply[1::2], strict=True):
            self.written.rejected.append(Rejected(chunk[place - 1], why.decode("utf-8", "replace")))


def remove(wire: Wire, schema: Schema) -> int:
    """Remove all rows; gives how many of them had no hash any more, so that some set may still hold their keys."""
    instructions = dumps({"most": _REMOVED_AT_ONCE, **references_of(schema)})
    gone = 0
    while True:
        removed: int
        strays: int
        removed, strays = wire.ask("EVAL", REMOVE, 1, index_of(schema.name), instructions)
        gone += strays
        if not removed:
            return gone


def remove_keys(wire: Wire, schema: Schema, keys: Batch) -> int:
    """Remove the rows with these keys, each whole; how many there were."""
    encode, references = key_encoder(schema), references_of(schema)
    removed = 0
    for some in in_chunks(keys, _REMOVED_AT_ONCE):
        names = list(dict.fromkeys(encode(list(zip(*some, strict=True)))))
        count: int = wire.ask("EVAL", DELETE, 1, index_of(schema.name), dumps({"keys": names, **references}))
        removed += count
    return removed


def references_of(schema: Schema) -> dict[str, Any]:
    """What the scripts need to find the sets that a row is in."""
    fields = list(dict.fromkeys(name for reference in schema.references for name in reference.columns))
    places = [[fields.index(name) + 1 for name in reference.columns] for reference in schema.references]
    return {"fields": fields, "refs": places, "by": reference_sets(schema)}


def in_chunks(rows: Batch, size: int = CHUNK) -> Iterator[Batch]:
    if len(rows) <= size:
        if rows:
            yield rows
        return
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


# --- the scripts, in Lua 5.1 -----------------------------------------------------------------------------------------

LUA_SHARED: Final = """
local call, pcall, null, find, gsub = redis.call, redis.pcall, cjson.null, string.find, string.gsub
local d = cjson.decode(ARGV[1])
local index = KEYS[1]
local prefix = index .. ':'
local refs, by = d.refs, d.by

local function escaped(text)
  if find(text, '[%%:]') then return (gsub(gsub(text, '%%', '%%25'), ':', '%%3A')) end
  return text
end

-- The set of the rows that refer as this one does, by the values of its fields; nil where a part is NULL.
local function set_of(r, values)
  local name, places = by[r], refs[r]
  for p = 1, #places do
    local text = values[places[p]]
    if not text or text == null then return nil end
    name = (p == 1) and (name .. escaped(text)) or (name .. ':' .. escaped(text))
  end
  return name
end
"""

_STORE: Final = """
if call('HEXISTS', '_dbfleet', d.collection) == 0 then return redis.error_reply('NOTFOUND') end
call('ZCARD', index)  -- an error, before anything is written, where it is no sorted set
local names, cols, keys = d.names, d.cols, d.keys
if type(keys) == 'number' then keys = cols[keys] end
local rows = {}
for i = 1, #keys do rows[i] = prefix .. keys[i] end
local some = call('EXISTS', unpack(rows)) > 0
local seen, scores, n, refused, args, values, now = {}, {}, 0, {}, {}, {}, {}

local function failed(reply) return type(reply) == 'table' and reply.err end

-- Takes the key out of the sets that it was put into, but for those it was in before.
local function back(key, now, was, last)
  for r = 1, last do
    if now[r] and not (was and was[r] == now[r]) then call('SREM', now[r], key) end
  end
end

-- Stores a row whole, or gives the reason why nothing of it was stored.
local function store(i)
  local key, row = keys[i], rows[i]
  local was
  if seen[row] or (some and call('EXISTS', row) == 1) then
    was = replaced(key, row)
    if type(was) == 'string' then return was end
  end
  local m = 1
  for c = 1, #cols do
    local value = cols[c][i]
    values[c] = value
    if value ~= null then
      args[m + 1] = names[c]
      args[m + 2] = value
      m = m + 2
    end
  end
  for r = 1, #refs do
    local set = set_of(r, values)
    now[r] = set
    local why = set and failed(pcall('SADD', set, key))
    if why then
      back(key, now, was, r - 1)
      return why
    end
  end
  if was then
    for r = 1, #refs do
      if was[r] and was[r] ~= now[r] then call('SREM', was[r], key) end
    end
    call('DEL', row)
  end
  args[1] = row
  local why = failed(pcall('HSET', unpack(args, 1, m)))
  if why then
    back(key, now, was, #refs)
    return why
  end
  seen[row] = true
  scores[n + 1] = d.scored and key or '0'
  scores[n + 2] = key
  n = n + 2
end

for i = 1, #keys do
  local why = store(i)
  if why then
    refused[#refused + 1] = i
    refused[#refused + 1] = why
  end
end
if n > 0 then call('ZADD', index, unpack(scores, 1, n)) end
return refused
"""

INSERT: Final = (
    LUA_SHARED
    + """
local function replaced(key, row) return 'ERR ' .. row .. ' exists' end
"""
    + _STORE
)

UPSERT: Final = (
    LUA_SHARED
    + """
local fields = {}
for r = 1, #refs do
  for p = 1, #refs[r] do fields[#fields + 1] = refs[r][p] end
end

-- The sets that the row's key is in now, or why the row cannot be replaced.
local function replaced(key, row)
  local values, was = {}, {}
  if #fields == 0 then
    local length = pcall('HLEN', row)
    if type(length) == 'table' then return length.err end
    return was
  end
  local asked = {}
  for f = 1, #fields do asked[f] = d.names[fields[f]] end
  local found = pcall('HMGET', row, unpack(asked))
  if found.err then return found.err end
  for f = 1, #fields do values[fields[f]] = found[f] end
  for r = 1, #refs do was[r] = set_of(r, values) end
  return was
end
"""
    + _STORE
)

DELETE: Final = (
    LUA_SHARED
    + """
-- Removes the rows of some keys; gives how many there were.
local keys, fields, doomed = d.keys, d.fields, {}
for i = 1, #keys do
  local row = prefix .. keys[i]
  doomed[i] = row
  if #refs > 0 then
    local values = pcall('HMGET', row, unpack(fields))
    for r = 1, values.err and 0 or #refs do
      local set = set_of(r, values)
      if set then call('SREM', set, keys[i]) end
    end
  end
end
local removed = call('ZREM', index, unpack(keys))
call('UNLINK', unpack(doomed))
return removed
"""
)

REMOVE: Final = (
    LUA_SHARED
    + """
-- Removes the first rows of the index; gives how many, and how many of them had no hash any more.
local keys, gone = call('ZRANGE', index, 0, d.most - 1), 0
local doomed, n, sets = {}, 0, {}
local fields = d.fields
for i = 1, #keys do
  local row = prefix .. keys[i]
  n = n + 1
  doomed[n] = row
  if #refs > 0 then
    local values = pcall('HMGET', row, unpack(fields))
    if call('EXISTS', row) == 0 then gone = gone + 1 end
    for r = 1, values.err and 0 or #refs do
      local set = set_of(r, values)
      if set and not sets[set] then
        sets[set] = true
        n = n + 1
        doomed[n] = set
      end
    end
  end
end
for i = 1, n, 4000 do call('UNLINK', unpack(doomed, i, math.min(i + 3999, n))) end
if #keys > 0 then call('ZREM', index, unpack(keys)) end
return {#keys, gone}
"""
)
