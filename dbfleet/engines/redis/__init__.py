"""Redis and Valkey, by redis-py and hiredis (https://redis.io/docs/latest/develop/reference/protocol-spec/).

redis-py makes the connection (TLS, Unix sockets, timeouts); requests and replies then go through `redis.wire`. How rows
are kept is said in `redis.values`, what keys are that dbfleet did not make in `redis.foreign`, how a command is read in
`redis.text`, and what its reply is as records in `redis.replies`.

Target: `redis://user:password@host:6379/0`, `rediss://` with TLS, `redis+unix:///path/to/redis.sock?db=1`. The path is
the number of the database. Options: `db`, `protocol` (3, or 2 for a proxy that knows no better), `client_name`, and
redis-py's `ssl_cert_reqs ssl_ca_certs ssl_certfile ssl_keyfile ssl_check_hostname`.

- A scan reads the index page by page, by key (by score, or in order of bytes), and the hashes of a page together. So
  each key comes once, whatever is added and removed meanwhile. A key in the index whose hash is gone (expired, or
  deleted by hand) is no row: scan and get leave it out, and a write of that key makes it a row again. `count` is the
  size of the index, so it still counts that key.
- A write is a script for each 250 rows (`redis.write`). What the server refuses (memory full, a key of another type in
  the row's place) comes back row by row.
- A node of a cluster answers `query` and `ping`; its collections are refused, because one node has a part of the keys.
- Reading only is the matter of an ACL user (`redis.reader`), who may not end a blocked command of his own: there
  `cancel` ends the connection.
"""

from __future__ import annotations

from dbfleet.abilities import CarriesExtras, Identifies, MakesReader, Swaps, TellsLeft
from dbfleet.abilities import Native as CarriesNatively
from dbfleet.adapter import Adapter
from dbfleet.engines.redis import foreign_write as kept
from dbfleet.engines.redis.keys import ENDS
from dbfleet.engines.redis.local import LOCAL, examine, shell
from dbfleet.extras import Native
from dbfleet.spec import Capability, EngineSpec, Fidelity, Limits
from dbfleet.target import Target
from dbfleet.values import Type


def connected(target: Target, *, timeout_s: float = 10.0) -> Adapter:
    """A connection that is logged in and in its database. UsageError for options that Redis does not have."""
    from dbfleet.engines.redis.adapter import connect

    return connect(ENGINE, target, timeout_s)


ENGINE = EngineSpec(
    name="redis",
    title="Redis",
    django_cache="django.core.cache.backends.redis.RedisCache",
    paradigm="key-value",
    language="Redis commands",
    schemes=("redis", "rediss", "redis+unix", "valkey", "valkeys", "unix"),
    driver="redis",
    connect=connected,
    aliases=("valkey", "keydb"),
    types={
        **dict.fromkeys(Type, Fidelity.AS_TEXT),
        Type.TEXT: Fidelity.EXACT,
        Type.BYTES: Fidelity.EXACT,
    },
    capabilities=frozenset(
        {
            Capability.KEYLESS,
            Capability.SPLIT,
            Capability.PARAMETERS,
            Capability.CANCEL,
        }
    ),
    abilities=frozenset({Identifies, Swaps, CarriesExtras, TellsLeft, CarriesNatively, MakesReader}),
    limits=Limits(int_bits=None),
    guard="account",
    guard_note="Its rights are those of an ACL user, on all databases of the server: XREAD BLOCK waits, and an "
    "expensive read (SORT_RO, LCS, SUNION of large keys) holds up every other client. The server forgets the account "
    "when it stops; up and restart make it again.",
    keeps_native=kept.keeps,
    ends=ENDS,
    extras=frozenset({Native}),
    default_port=6379,
    direct=True,
    default_user="default",
    default_database="0",
    local=LOCAL,
    client=(
        "sh",
        "-c",
        'REDISCLI_AUTH="$(cat /run/secrets/password)" exec redis-cli "$@"',
        "redis-cli",
        "-n",
        "{database}",
    ),
    shell=shell,
    examine=examine,
    url_variable="REDIS_URL",
    no_plan="Redis has no plans: a command is itself what is done",
    examples={
        "one": "ECHO 1",
        "all": "ZRANGE {collection} 0 -1",
        "slow": "BLPOP dbfleet_nowhere 60",
        "bad": "HGETALL",
        "parameter": "ECHO :n",
        "missing": "ZRANGE dbfleet_nowhere 0 -1",
    },
    quirks=(
        "Keys under <collection>: belong to the collection; a hash written there by hand is a row once its key is in "
        "the index (ZADD), and a row that expired or was deleted by hand is none, but is still counted.",
        "References are index sets (SMEMBERS orders:by:customer_id:17) and are not enforced.",
        "Keys that dbfleet did not make are collections by the prefix before their first colon, described by a sample; "
        "a scan of them remembers each key, and a table of the whole keyspace (ls) reads every key's name. Copied to "
        "Redis (from 7.0 on) or Valkey they are what they were, but for when a consumer was last seen where bytes of "
        "DUMP are of no use; times to live and consumer groups do not come along to another engine. Nothing is "
        "proven of keys that end while they are copied or compared: copy --verify counts them, diff passes over them.",
        "Writing is a Lua script for each 250 rows, whose keys are computed: an ACL must allow EVAL, and Dragonfly "
        "needs --default_lua_flags=allow-undeclared-keys.",
        "Replacing a collection renames its keys in one script: the server answers nobody else for some 6 seconds a "
        "million rows, and holds the old rows and the new ones in memory until then.",
        "A reply is held whole by the server, however we stream it: read a key of ten million elements in slices.",
        "A cluster's node answers query and health only.",
    ),
    verified_on=("Valkey 9.1.2, real", "Redis 8.0.2, real"),
)
