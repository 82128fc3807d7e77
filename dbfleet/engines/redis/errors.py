"""Redis's errors as ours, by the word that an error reply begins with."""

from __future__ import annotations

from typing import Final

from dbfleet.engines.redis.wire import ConnectionLost, LoginRefused, ReplyError
from dbfleet.errors import AuthFailed, DbfleetError, StatementError, Unavailable, Unsupported

_REFUSED_LOGIN: Final = ("NOAUTH", "WRONGPASS", "DENIED")
_NOT_NOW: Final = ("LOADING", "MASTERDOWN", "BUSY", "TRYAGAIN", "CLUSTERDOWN")
_HINTS: Final = {
    "OOM": "the server's maxmemory is reached: raise it, or remove data",
    "READONLY": "this is a replica: write to its primary",
    "MISCONF": "the server cannot save to its disk and so takes no writes: see its log",
    "NOPERM": "this user's ACL does not allow it",
    "NOAUTH": "the server asks for a password: redis://:PASSWORD@host",
    "DENIED": "the server is in protected mode and takes connections from its own machine only",
    "EXECABORT": "an earlier line of the transaction was refused; nothing of it was done",
}


def translate(exc: BaseException) -> DbfleetError | None:
    """Our error for an exception of the wire, redis-py or hiredis; None for any other exception."""
    if isinstance(exc, LoginRefused):
        return AuthFailed(_words(exc), hint=_HINTS.get(exc.code))
    if isinstance(exc, ReplyError):
        hint = _HINTS.get(exc.code)
        if exc.code in _REFUSED_LOGIN:
            return AuthFailed(_words(exc), hint=hint)
        if exc.code in _NOT_NOW or "max number of clients" in str(exc):
            return Unavailable(_words(exc))
        if exc.code in ("MOVED", "ASK", "CROSSSLOT"):
            return Unsupported(f"{exc}: a Redis Cluster keeps this on several nodes", hint="query works on each node")
        return StatementError(str(exc), code=exc.code, hint=hint)
    if isinstance(exc, ConnectionLost):
        return Unavailable(f"the connection was lost: {exc}")
    module = type(exc).__module__.partition(".")[0]
    if module == "redis":  # redis-py only connects
        return Unavailable(str(exc).rstrip("."))
    if module == "hiredis":
        return Unavailable(f"what answers there is no Redis server: {exc}")
    return None


def _words(exc: ReplyError) -> str:
    return str(exc).removeprefix("ERR ")
