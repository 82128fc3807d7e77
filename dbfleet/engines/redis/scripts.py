"""The scripts that write and remove rows on the server, in Lua 5.1.

Each takes one key, the collection's index, and one argument, its instructions as JSON (`redis.write`). A script stores
or removes each row whole: its hash, its key in the index and in the sets of its references.
"""

from __future__ import annotations

from typing import Final

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

RESTORE: Final = (
    LUA_SHARED
    + """
-- Stores rows by the bytes of their hashes, ARGV[2] and what follows; each whole, or the reason why nothing of it was
-- stored. Which sets a row is in is read of the hash that is there then. A call from here is 1 µs of its own: rows that
-- come one after the other are often in one set, and go there together.
if call('HEXISTS', '_dbfleet', d.collection) == 0 then return redis.error_reply('NOTFOUND') end
call('ZCARD', index)
local keys, fields, scores, n, refused, why, sets = d.keys, d.fields, {}, 0, {}, {}, {}

local function failed(reply) return type(reply) == 'table' and reply.err end

for i = 1, #keys do
  local row = prefix .. keys[i]
  local err = failed(pcall('RESTORE', row, '0', ARGV[i + 1]))
  if err then
    why[i] = find(err, 'BUSYKEY', 1, true) and 'ERR ' .. row .. ' exists' or err
  else
    local values = pcall('HMGET', row, unpack(fields))
    err = values.err or not values[#fields] and 'GONE'
    if err then
      call('UNLINK', row)
      why[i] = err
    else
      for r = 1, #refs do
        local set = set_of(r, values)
        if set then
          local mine = sets[set]
          if mine then mine[#mine + 1] = i else sets[set] = {i} end
        end
      end
    end
  end
end

for set, mine in next, sets do
  local members = {}
  for m = 1, #mine do members[m] = keys[mine[m]] end
  local err = failed(pcall('SADD', set, unpack(members)))
  if err then
    for m = 1, #mine do why[mine[m]] = err end
  end
end
if next(why) then
  for set, mine in next, sets do
    for m = 1, #mine do
      if why[mine[m]] then pcall('SREM', set, keys[mine[m]]) end
    end
  end
end

for i = 1, #keys do
  local key = keys[i]
  if why[i] then
    if not find(why[i], ' exists', 1, true) then call('UNLINK', prefix .. key) end
    refused[#refused + 1] = i
    refused[#refused + 1] = why[i]
  else
    scores[n + 1] = d.scored and key or '0'
    scores[n + 2] = key
    n = n + 2
  end
end
if n > 0 then call('ZADD', index, unpack(scores, 1, n)) end
return refused
"""
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
