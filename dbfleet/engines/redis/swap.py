"""Collections that take others' places, all of them in one script.

A row's key begins with its collection's name, so the script removes the keys of the old rows and renames those of the
new ones. That takes about 6 µs a row, or 10 where rows refer to others. Meanwhile the server answers nobody else, and
from the fifth second on (busy-reply-threshold; half a million to a million rows) only with BUSY. In return nobody ever
sees half of it, and no kill leaves half: the script's changes are one transaction in the append-only file. Old and new
rows are in memory together until then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from dbfleet.adapter import Swap
from dbfleet.engines.redis.foreign_write import KEPT
from dbfleet.engines.redis.keys import UNPREFIXED, literal, prefix_of, waiting_as
from dbfleet.engines.redis.native.outline import leaves
from dbfleet.engines.redis.scripts import LUA_SHARED
from dbfleet.engines.redis.values import ROW_NUMBERS, SCHEMAS, dumps, index_of, reference_sets, schema_of, schema_text
from dbfleet.engines.redis.wire import Wire
from dbfleet.engines.redis.write import references_of
from dbfleet.errors import NotFound
from dbfleet.values import Reference, Schema


def swap(wire: Wire, swaps: Sequence[Swap]) -> None:
    """Let the staged collections take their places. NotFound where one of them is not there: then nothing has
    changed."""
    final = {one.staged.name: one.name for one in swaps}
    works: list[dict[str, Any]] = []
    leave: list[str] = []
    for one in swaps:
        kept = wire.ask("HGET", KEPT, one.staged.name, decode=True)
        text = kept if kept is not None else wire.ask("HGET", SCHEMAS, one.staged.name, decode=True)
        if text is None:
            raise NotFound(f"no collection {one.staged.name!r}", hint="nothing was changed")
        staged = schema_of(text)
        if kept is not None and leaves(staged):
            leave.append(one.name)
        references = tuple(
            Reference(reference.columns, final.get(reference.collection, reference.collection), reference.keys)
            for reference in staged.references
        )
        new = replace(staged, name=one.name, references=references)
        there = wire.ask("HGET", SCHEMAS, one.name, decode=True)
        foreign = None if one.name == UNPREFIXED else _text(literal(prefix_of(one.name)) + b":*")
        works.append(
            {
                "staged": _side(staged),
                "kept": kept is not None,
                "pattern": _text(literal(waiting_as(one.staged.name)) + b"*"),
                "new": {"name": one.name, "index": index_of(one.name), "by": reference_sets(new)},
                "schema": schema_text(new),
                "old": _side(schema_of(there)) if there is not None else None,
                # Of dbfleet's own rows: the sets that rows are in which have expired. Else all keys.
                "going": _text(literal(index_of(one.name)) + b":by:*") if there is not None else foreign,
            }
        )
    ours = [index_of(name) for name in wire.ask("HKEYS", SCHEMAS, decode=True)]
    instructions = dumps({"works": works, "ours": ours}).encode("utf-8", "surrogateescape")
    wire.ask("EVAL", SCRIPT, 3, SCHEMAS, ROW_NUMBERS, KEPT, instructions)
    if leave:
        wire.ask("HDEL", KEPT, *leave)


def _text(pattern: bytes) -> str:
    return pattern.decode("utf-8", "surrogateescape")


def _side(schema: Schema) -> dict[str, Any]:
    """What the script needs to find a collection's rows and the sets that they are in."""
    return {"name": schema.name, "index": index_of(schema.name), **references_of(schema)}


SCRIPT: Final = (
    LUA_SHARED
    + """
local works, schemas, numbers, kept, ours = d.works, KEYS[1], KEYS[2], KEYS[3], {}
for i = 1, #d.ours do ours[d.ours[i]] = true end
local function odd(key)
  local kind = call('TYPE', key).ok
  return kind ~= 'none' and kind ~= 'zset'
end
for w = 1, #works do
  local work = works[w]
  if call('HEXISTS', work.kept and kept or schemas, work.staged.name) == 0 then
    return redis.error_reply('NOTFOUND ' .. work.staged.name)
  end
  if odd(work.staged.index) then return redis.error_reply('WRONGTYPE of the key ' .. work.staged.index) end
  -- A key without a colon is nobody's row: it does not go with the collection that wants its name.
  if not work.kept and (work.old == null and call('EXISTS', work.new.index) == 1 or odd(work.new.index)) then
    return redis.error_reply('BUSYKEY there is a key ' .. work.new.index)
  end
end
-- First what a full server would refuse: after the first change it refuses a script nothing.
for w = 1, #works do
  local work = works[w]
  call('HSET', work.kept and kept or schemas, work.new.name, work.schema)
  call('HDEL', work.kept and schemas or kept, work.new.name)
end

-- Calls `visit` with each row's key, its name in the index, and the values of the fields that it refers by.
local function each_row(side, visit)
  local most, from = 1000, 0
  local fields = side.fields
  while true do
    local keys = call('ZRANGE', side.index, from, from + most - 1)
    for i = 1, #keys do
      local row = side.index .. ':' .. keys[i]
      local values = #fields > 0 and pcall('HMGET', row, unpack(fields))
      visit(row, keys[i], values and not values.err and values)
    end
    if #keys < most then return end
    from = from + most
  end
end

-- Calls `visit` with the keys that match, a page at a time; without a pattern with those that have no prefix.
local function each_page(pattern, visit)
  local cursor = '0'
  repeat
    local page = pattern ~= null and call('SCAN', cursor, 'MATCH', pattern, 'COUNT', 10000)
      or call('SCAN', cursor, 'COUNT', 10000)
    cursor = page[1]
    local keys = page[2]
    if pattern == null then
      keys = {}
      for i = 1, #page[2] do
        local key = page[2][i]
        local colon = find(key, ':', 1, true)
        if (not colon or colon == 1) and key ~= '_dbfleet' and not ours[key] then keys[#keys + 1] = key end
      end
    end
    visit(keys)
  until cursor == '0'
end

local function remove(pattern)
  each_page(pattern, function(keys)
    for i = 1, #keys, 4000 do call('UNLINK', unpack(keys, i, math.min(i + 3999, #keys))) end
  end)
end

for w = 1, #works do
  local old, staged, new = works[w].old, works[w].staged, works[w].new
  if old ~= null then
    local doomed, n, strays = {}, 0, false
    refs, by = old.refs, old.by
    each_row(old, function(row, key, values)
      n = n + 1
      doomed[n] = row
      if values then
        for r = 1, #refs do
          local set = set_of(r, values)
          if set then call('UNLINK', set) end
        end
      end
      if n == 4000 then
        -- Of rows that expired nobody knows in which sets they still are.
        strays = call('UNLINK', unpack(doomed, 1, n)) < n or strays
        n = 0
      end
    end)
    if n > 0 then strays = call('UNLINK', unpack(doomed, 1, n)) < n or strays end
    if strays and #refs > 0 then remove(works[w].going) end
  else
    remove(works[w].going)
  end
  if not works[w].kept then call('UNLINK', new.index) end
  if works[w].kept then
    if old ~= null then call('UNLINK', old.index) end
    local before = #staged.index + 2
    each_page(works[w].pattern, function(keys)
      for i = 1, #keys do pcall('RENAME', keys[i], string.sub(keys[i], before)) end
    end)
  end
  refs = staged.refs
  each_row(staged, function(row, key, values)
    pcall('RENAME', row, new.index .. ':' .. key)  -- a row that expired has no key
    if values then
      for r = 1, #refs do
        by = staged.by
        local from = set_of(r, values)
        by = new.by
        if from and call('EXISTS', from) == 1 then call('RENAME', from, set_of(r, values)) end
      end
    end
  end)
  if call('EXISTS', staged.index) == 1 then call('RENAME', staged.index, new.index) end
  local last = call('HGET', numbers, staged.name)
  call('HDEL', numbers, staged.name, new.name)
  if last then call('HSET', numbers, new.name, last) end
  call('HDEL', works[w].kept and kept or schemas, staged.name)
end
return 'OK'
"""
)
