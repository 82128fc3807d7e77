"""The account that can only read: an ACL user with the commands of @read, and no right to write any key.

The server knows it until it stops: ACL users stand in no data file, and the stack's server has no configuration file to
write them to. `up` and `restart` make it at each start.

- Not of @read: PFCOUNT, which stores the count that it finds in the key; KEYS, one command of which may hold up a large
  server for seconds (dangerous); scripts and functions, as there is nothing that dbfleet reads by them.
- Besides @read: INFO, SORT_RO, FUNCTION LIST, and what a connection says of itself.
- It reads every database of the server: an ACL before Valkey 9.1 knows no databases.

The password goes to the server as its SHA-256, so that no log holds it.

A connection for reading only is refused where it may change a key, which two commands tell that change none: they are
about a key that is not there. A replica refuses such commands too, and so may be read from.
"""

from __future__ import annotations

import uuid
from typing import Final

from dbfleet.engines.redis.wire import ReplyError, Wire
from dbfleet.errors import Unsupported
from dbfleet.target import Target

_READS: Final = ("+@read", "-@write", "-@admin", "-@dangerous", "-pfcount")
_BESIDES: Final = (
    "info", "sort_ro", "select", "ping", "echo", "command", "function|list",
    "client|id", "client|info", "client|getname", "client|setname", "json.get",
)  # fmt: skip
_KEYS: Final = ("%R~*", "~*")
"""Every key, for reading; before Redis 7 an ACL does not tell reading a key from writing it, so the commands alone do
(tried on 6.2, where @read has MEMORY PURGE, too)."""


def make_reader(wire: Wire, user: str, password: str) -> None:
    """Make the account, or put it right."""
    from hashlib import sha256  # here: see values.digest_rows

    known = [name for name in _BESIDES if _is_known(wire, name)]
    rules = ["resetchannels", "-@all", *_READS, *(f"+{name}" for name in known)]
    secret = f"#{sha256(password.encode()).hexdigest()}"
    for keys in _KEYS:
        try:
            wire.ask("ACL", "SETUSER", user, "reset", "on", secret, keys, *rules)
            return
        except ReplyError as exc:
            if keys == _KEYS[-1] or "%R" not in str(exc):
                raise


def prove(wire: Wire, target: Target) -> None:
    """Unsupported where this connection may change a key."""
    nowhere = f"_dbfleet_nowhere:{uuid.uuid4().hex}"
    for reply in wire.ask_all([["UNLINK", nowhere], ["SETRANGE", nowhere, "0", ""]], keep=True):
        if not isinstance(reply, ReplyError):
            raise Unsupported(
                "not enforced: this user may change keys",
                engine="redis",
                target=target.name,
                hint="name an ACL user that has +@read, and no other right",
            )
        if reply.code not in ("NOPERM", "READONLY"):
            raise reply


def _is_known(wire: Wire, command: str) -> bool:
    """Whether this server has the command: an ACL that names another is refused."""
    (reply,) = wire.ask_all([["COMMAND", "INFO", command]], keep=True)
    return isinstance(reply, list) and any(reply)
