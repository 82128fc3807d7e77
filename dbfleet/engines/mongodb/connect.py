"""A client that is logged in. The driver alone would connect only at the first operation, and try again for a while."""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING, Any, Final

from dbfleet.errors import AuthFailed, Unavailable, UsageError
from dbfleet.target import Target

if TYPE_CHECKING:
    from pymongo import MongoClient

BESIDE: Final = "_dbfleet"
"""The collection that keeps the schemas of those that dbfleet made."""
STAGED: Final = "_dbfleet_"
"""The beginning of a staged collection's name: it is being filled, and is not listed yet."""


def database_name(target: Target) -> str:
    """The target's database; without one `test`, as in mongosh."""
    return target.database or "test"


def client_of(target: Target, timeout_s: float) -> MongoClient[dict[str, Any]]:
    """A client that has logged in. Raises Unavailable, UsageError and the driver's own errors, within about
    `timeout_s`.

    A user without an authSource is looked for in the target's database, then in admin."""
    from pymongo.errors import InvalidName

    from dbfleet.engines.mongodb.errors import translate

    sources = [target.options.get("authSource")]
    if target.user is not None and sources == [None] and not target.scheme.endswith("+srv"):
        first = database_name(target)
        sources = [first, *({"admin"} - {first})]
    _reach(target, timeout_s)
    for source in sources:
        client = _client(target, source, timeout_s)
        try:
            # By a name: the answer is one batch, and no cursor stays open on the server.
            client[database_name(target)].command(
                "listCollections", nameOnly=True, authorizedCollections=True, filter={"name": BESIDE}
            )
        except BaseException as exc:
            client.close()
            if isinstance(exc, InvalidName):
                raise UsageError(str(exc)) from exc
            if source != sources[-1] and isinstance(translate(exc), AuthFailed):
                continue
            raise
        return client
    raise AssertionError("unreachable")


_HELLO_ID: Final = 0x6462666C
_HELLO: Final = struct.pack("<iiiii", 52, _HELLO_ID, 0, 2013, 0) + (
    b"\0\x1f\0\0\0\x10hello\0\x01\0\0\0\x02$db\0\x06\0\0\0admin\0\0"
)
"""OP_MSG of {hello: 1, $db: "admin"}."""
_REPLIES: Final = (1, 2012, 2013)


def _reach(target: Target, timeout_s: float) -> None:
    """Raise Unavailable at once where nothing listens, or something that is no MongoDB: the driver would try again
    until its timeout. We send one hello and read the head of the answer. TLS and several hosts are left to the
    driver."""
    if target.scheme.endswith("+srv") or not target.host or not target.port or "/" in target.host:
        return
    where = f"{target.host}:{target.port}"
    try:
        with socket.create_connection((target.host, target.port), timeout_s) as connection:
            if any(option.lower() in ("tls", "ssl") for option in target.options):
                return
            connection.sendall(_HELLO)
            head = connection.recv(16, socket.MSG_WAITALL)
    except TimeoutError as exc:
        raise Unavailable(f"{where} does not answer within {timeout_s:g} s", hint="is a MongoDB server there?") from exc
    except OSError as exc:
        raise Unavailable(
            f"cannot connect to {where}: {exc.strerror or exc}",
            hint="is the server up, and is this its port?",
        ) from exc
    if not head:
        raise Unavailable(f"{where} closed the connection at once", hint="does it ask for TLS? Then add ?tls=true")
    if len(head) < 16 or struct.unpack("<iiii", head)[2:] not in [(_HELLO_ID, code) for code in _REPLIES]:
        raise Unavailable(f"what answers at {where} is no MongoDB server", hint="is this its port?")


def _client(target: Target, source: str | None, timeout_s: float) -> MongoClient[dict[str, Any]]:
    from pymongo import MongoClient

    options: dict[str, Any] = {
        "appname": "dbfleet",
        "serverSelectionTimeoutMS": int(timeout_s * 1000),
        "connectTimeoutMS": int(timeout_s * 1000),
        **target.options,
    }
    if source is not None:
        options["authSource"] = source
    if target.user is not None:
        options["username"] = target.user
        if target.password is not None:
            options["password"] = target.password
    host = target.host or "127.0.0.1"
    if ":" in host and "," not in host:
        host = f"[{host}]"
    port = f":{target.port}" if target.port and not target.scheme.endswith("+srv") else ""
    try:
        return MongoClient(f"{target.scheme}://{host}{port}/", **options)
    except (ValueError, TypeError) as exc:  # an option's value
        raise UsageError(str(exc)) from exc
