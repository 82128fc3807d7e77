"""Connections through redis-py (TLS, Unix sockets, timeouts), and which database one is connected to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

from dbfleet.engines.redis.wire import Wire
from dbfleet.errors import UsageError, did_you_mean
from dbfleet.target import Target

_OPTIONS: Final = (
    "db", "protocol", "client_name",
    "ssl_cert_reqs", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_check_hostname",
)  # fmt: skip


SOCKETS: Final = ("redis+unix", "unix")
"""Schemes whose path is that of a Unix socket."""


class Dial(Protocol):
    """Makes a connection like the first one: the wire, and what the server said of itself. Without `select` it stays in
    database 0."""

    def __call__(self, *, select: bool = True) -> tuple[Wire, Mapping[str, Any]]: ...


def database_number(target: Target) -> int:
    """The database's number: the option `db`, else the path. UsageError for what is no number."""
    number = target.options.get("db") or ("0" if target.scheme in SOCKETS else target.database or "0")
    if not number.isascii() or not number.isdecimal():
        raise UsageError(f"a Redis database is a number, not {number!r}", target=target.name, hint="mostly 0")
    return int(number)


def dialer(target: Target, timeout_s: float) -> Dial:
    """A function that makes connections to the target. UsageError for options that Redis does not have."""
    options = dict(target.options)
    unknown = next((name for name in options if name not in _OPTIONS), None)
    if unknown is not None:
        raise UsageError(
            f"Redis has no option {unknown}",
            target=target.name,
            hint=did_you_mean(unknown, _OPTIONS, f"there are {', '.join(_OPTIONS)}"),
        )
    path = "/" + (target.database or "") if target.scheme in SOCKETS else None
    number = database_number(target)
    options.pop("db", None)
    protocol = options.pop("protocol", "3")
    if protocol not in ("2", "3"):
        raise UsageError("the option protocol is 2 or 3", target=target.name)
    name = options.pop("client_name", "dbfleet")
    tls = target.scheme in ("rediss", "valkeys")
    if options and not tls:
        raise UsageError(f"the option {min(options)} needs TLS", target=target.name, hint="write rediss://")
    settings: dict[str, Any] = dict(options)
    if settings.get("ssl_cert_reqs", "none") not in ("none", "optional", "required"):
        raise UsageError("the option ssl_cert_reqs is none, optional or required", target=target.name)
    if "ssl_check_hostname" in settings:
        settings["ssl_check_hostname"] = settings["ssl_check_hostname"].lower() in ("1", "true", "yes")

    def dial(*, select: bool = True) -> tuple[Wire, Mapping[str, Any]]:
        import redis.connection

        common: dict[str, Any] = {
            "socket_timeout": timeout_s,
            "socket_connect_timeout": timeout_s,
            # `greet` logs in, through our own reader.
            "redis_connect_func": lambda connection: None,
            **settings,
        }
        if path:
            common["path"] = path
        else:
            common |= {"host": target.host or "127.0.0.1", "port": target.port or 6379, "socket_keepalive": True}
        kinds: Any = redis.connection  # its classes have no types
        kind = kinds.UnixDomainSocketConnection if path else kinds.SSLConnection if tls else kinds.Connection
        connection = kind(**common)
        connection.connect()
        wire = Wire(connection)
        try:
            hello = wire.greet(
                user=target.user,
                password=target.password,
                name=name,
                database=number if select else 0,
                protocol=int(protocol),
            )
        except BaseException:
            wire.close()
            raise
        return wire, hello

    return dial


def identity(wire: Wire, database: int) -> str:
    """Which database this is: the id of what is replicated, else the server's run. A replica has that id in common with
    its primary; a copied data directory has another one."""
    for section, field in (("replication", b"master_replid"), ("server", b"run_id")):
        (info,) = wire.take(wire.send(wire.packed(["INFO", section])))
        if isinstance(info, bytes):  # INFO may be forbidden
            values = dict(line.split(b":", 1) for line in info.split(b"\r\n") if b":" in line)
            if values.get(field, b"").strip(b"0"):
                return f"redis {values[field].decode()} {database}"
    return f"redis {wire.peer} {database}"
