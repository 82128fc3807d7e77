"""From a target to a session: the URL's options, TLS, and what the server says of itself.

    mysql://user@host:3306/database?ssl_mode=verify_identity&ssl_ca=/path/ca.pem

ssl_mode is disabled, preferred, required, verify_ca or verify_identity, as in MySQL's own client (`sslmode` and
`ssl-mode` are the same). Without it TLS is preferred; but with a server on this machine, where TLS would halve the
speed of a scan, it is used only if the server asks for it. `socket` names a Unix socket. With `local_infile=off` rows
go by INSERT, not by LOAD DATA LOCAL.

Network timeouts are a day. The server's own are 30 seconds for a source that makes it wait for rows (net_read_timeout),
and 60 for a sink (net_write_timeout).
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from dbfleet.engines._mysql import guard
from dbfleet.engines._mysql.driver import driver_errors, load_driver
from dbfleet.engines._mysql.errors import connecting, number_and_message
from dbfleet.engines._mysql.server import Server
from dbfleet.engines._mysql.types import LEXIS
from dbfleet.engines._mysql.wire import Wire
from dbfleet.errors import Unavailable, UsageError, did_you_mean, translated
from dbfleet.spec import EngineSpec, ServerPlan
from dbfleet.target import Target

_SSL: Final[Mapping[str, Mapping[str, Any]]] = {
    "disabled": {"ssl_disabled": True},
    "preferred": {},
    "required": {},
    "verify_ca": {"ssl_verify_cert": True},
    "verify_identity": {"ssl_verify_cert": True, "ssl_verify_identity": True},
}
_SSL_NAMES: Final = {
    "disable": "disabled",
    "prefer": "preferred",
    "require": "required",
    "verify_full": "verify_identity",
}
_OPTIONS: Final = ("ssl_mode", "ssl_ca", "ssl_cert", "ssl_key", "socket", "local_infile", "compress", "charset")
_WANTS_TLS: Final = frozenset({1045, 1251, 2061, 3159})
"""Errors for a login without TLS that the server would take with TLS."""
_SEVERAL_STATEMENTS: Final = 1 << 16
"""The driver's flag for texts of several statements. dbfleet sends one by one."""
_FILES: Final = "/nonexistent/dbfleet"
"""A folder that does not exist. It tells the server that LOCAL files are possible, and gives it none: a server may ask
for any file at any time. `pipe` allows one folder of its own while it writes."""


def opened(spec: EngineSpec, target: Target, timeout_s: float) -> tuple[Wire, Server]:
    """A connection to the server of this target, with the session set; and what the server says of itself."""
    options = _options(target)
    load_driver()
    arguments: dict[str, Any] = {
        "host": target.host or "127.0.0.1",
        "port": target.port or spec.default_port,
        "user": target.user or "",
        "password": target.password or "",
        "charset": "utf8mb4",
        "collation": "utf8mb4_general_ci",  # the only collation of utf8mb4 that every server knows
        "autocommit": True,
        "connection_timeout": max(1, math.ceil(timeout_s)),
        "allow_local_infile_in_path": _FILES,
    }
    if target.read_only:
        arguments["client_flags"] = [-_SEVERAL_STATEMENTS]
    if target.database:
        arguments["database"] = target.database
    if "socket" in options:
        arguments["unix_socket"] = options["socket"]
    if options.get("compress", "").lower() in ("1", "on", "true", "yes"):
        arguments["compress"] = True
    arguments |= {name: options[name] for name in ("ssl_ca", "ssl_cert", "ssl_key") if name in options}
    with translated(connecting, engine=spec.name, target=target.name):
        wire = _open(arguments, options.get("ssl_mode"), "socket" in options)
        try:
            if options.get("ssl_mode") == "required" and not wire.rows("SHOW SESSION STATUS LIKE 'Ssl_cipher'")[0][1]:
                raise Unavailable("the server offers no TLS, and ssl_mode=required asks for it")
            server = _server(wire, options)
            if target.read_only:
                wire.execute(guard.SESSION)
            return wire, server
        except BaseException:
            wire.close()
            raise


def _options(target: Target) -> dict[str, str]:
    """The URL's options under their names here. UsageError for one that is unknown."""
    options: dict[str, str] = {}
    for given, value in target.options.items():
        name = given.replace("-", "_").lower()
        name = {"sslmode": "ssl_mode", "unix_socket": "socket"}.get(name, name)
        if name not in _OPTIONS:
            raise UsageError(
                f"the URL's option {given} is unknown",
                target=target.name,
                hint=did_you_mean(name, _OPTIONS, f"the options are {', '.join(_OPTIONS)}"),
            )
        options[name] = value
    if "ssl_mode" in options:
        mode = options["ssl_mode"].lower().replace("-", "_")
        options["ssl_mode"] = mode = _SSL_NAMES.get(mode, mode)
        if mode not in _SSL:
            raise UsageError(f"ssl_mode={mode} is unknown", target=target.name, hint=f"one of {', '.join(_SSL)}")
    if options.get("charset", "utf8mb4").lower() != "utf8mb4":
        raise UsageError("only utf8mb4 holds every character; leave charset out", target=target.name)
    return options


def _open(arguments: Mapping[str, Any], ssl_mode: str | None, socket: bool) -> Wire:
    if ssl_mode is not None:
        return Wire({**arguments, **_SSL[ssl_mode]})
    host = str(arguments["host"])
    if not (socket or host in ("localhost", "::1") or host.startswith("127.")):
        return Wire(arguments)
    try:
        return Wire({**arguments, "ssl_disabled": True})
    except driver_errors() as exc:
        error = number_and_message(exc)
        # MySQL 8 and later want to see a password once: without TLS only a user who has logged in before is let in.
        if socket or error is None or not (error[0] in _WANTS_TLS or "requires SSL" in error[1]):
            raise
    return Wire(arguments)


def _server(wire: Wire, options: Mapping[str, str]) -> Server:
    wire.execute("SET NAMES utf8mb4")  # with the server's own collation of it
    wire.execute(
        "SET SESSION time_zone = '+00:00', SESSION net_read_timeout = 86400, SESSION net_write_timeout = 86400"
    )
    ((version, comment, mode, local, packet, folded),) = wire.rows(
        "SELECT VERSION(), @@version_comment, @@SESSION.sql_mode, @@local_infile, @@max_allowed_packet, "
        "@@lower_case_table_names"
    )
    wire.most_bytes = int(packet or wire.most_bytes)
    wanted = options.get("local_infile", "on").lower() not in ("0", "off", "false", "no")
    return Server(
        product=_product(f"{version} {comment}"),
        # MariaDB's version once began with 5.5.5-, for old replicas.
        version=re.sub(r"^5\.5\.5-", "", str(version)).partition("-")[0],
        mariadb="mariadb" in str(version).lower(),
        sql_mode=tuple(str(mode).split(",")),
        local_files=wanted and str(local).upper() in ("1", "ON") and hasattr(os, "mkfifo"),
        folds_names=folded != "0",
    )


def _product(text: str) -> str:
    for word, product in (
        ("mariadb", "MariaDB"),
        ("percona", "Percona Server"),
        ("tidb", "TiDB"),
        ("vitess", "Vitess"),
    ):
        if word in text.lower():
            return product
    return "MySQL"


def quoted(text: str) -> str:
    """A user's name, host or password in a statement about accounts, which takes no other literal. Letters and digits,
    by the fleet's own rule; quoted all the same."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def make_owner(engine: str, plan: ServerPlan, socket: Path) -> None:
    """Make the fleet's database and user in a new local server, and give root the fleet's password. A second time it
    changes nothing."""
    load_driver()
    # By the socket: MySQL's root is root@localhost only, and to a server that resolves no names no TCP client is that.
    login = {"unix_socket": str(socket), "charset": "utf8mb4", "collation": "utf8mb4_general_ci"}
    with translated(connecting, engine=engine, target=engine):
        try:
            wire = Wire({**login, "user": "root", "password": "", "autocommit": True, "connection_timeout": 5})
        except driver_errors() as exc:
            error = number_and_message(exc)
            if error is None or error[0] != 1045:
                raise
            wire = Wire({**login, "user": "root", "password": plan.password, "autocommit": True})
        try:
            password = quoted(plan.password)
            database = LEXIS.quote(plan.database)
            wire.execute(f"CREATE DATABASE IF NOT EXISTS {database} CHARACTER SET utf8mb4")
            for host in ("127.0.0.1", "localhost"):
                user = f"{LEXIS.quote(plan.user)}@'{host}'"
                wire.execute(f"CREATE USER IF NOT EXISTS {user} IDENTIFIED BY {password}")
                wire.execute(f"GRANT ALL ON {database}.* TO {user}")
            # MariaDB makes a root for this machine's name too. While the server does not resolve names it cannot be
            # changed, nor can anybody log in as it.
            for (place,) in wire.rows("SELECT host FROM mysql.user WHERE user = 'root'"):
                if place in ("localhost", "127.0.0.1", "::1"):
                    wire.execute(f"ALTER USER 'root'@'{place}' IDENTIFIED BY {password}")
        finally:
            wire.close()
