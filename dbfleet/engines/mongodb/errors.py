"""pymongo's errors as ours, by MongoDB's codes (https://www.mongodb.com/docs/manual/reference/error-codes/). Needs
pymongo: imported behind a connection only.

No message of the driver holds a password. Messages of a lost connection end in a description of the whole topology,
which is cut off.
"""

from __future__ import annotations

from typing import Final

from bson.errors import BSONError
from pymongo import errors

from dbfleet.errors import (
    AlreadyExists,
    AuthFailed,
    ConstraintViolated,
    DbfleetError,
    NotFound,
    StatementError,
    Unavailable,
    Unsupported,
    UsageError,
    nearest,
)

_LOGIN: Final = frozenset({18, 8000})
_REFUSED: Final = frozenset({121, 11000, 11001, 12582})


def translate(exc: BaseException) -> DbfleetError | None:
    """Ours for a driver's exception; None for what is not this driver's."""
    if isinstance(exc, errors.InvalidOperation) and "after close" in str(exc):
        return Unavailable("the connection is closed")
    if isinstance(exc, errors.BulkWriteError):
        first = exc.details["writeErrors"][0] if exc.details.get("writeErrors") else {}
        stored = exc.details.get("n", exc.details.get("nInserted", 0))
        return _of_code(
            first.get("code"), (first.get("errmsg") or str(exc)) + (f" ({stored} stored)" if stored else "")
        )
    if isinstance(exc, errors.OperationFailure):
        return _of_code(exc.code, str((exc.details or {}).get("errmsg") or exc))
    if isinstance(exc, errors.ConfigurationError | errors.InvalidURI):
        return _of_configuration(str(exc))
    if isinstance(exc, errors.ConnectionFailure):
        # The rest is a description of the topology, a paragraph a server.
        return Unavailable(str(exc).partition(", Timeout:")[0].partition(" (configured timeouts")[0])
    if isinstance(exc, errors.PyMongoError | BSONError):
        return StatementError(str(exc))
    return None


def _of_code(code: int | None, text: str) -> DbfleetError:
    text = " ".join(text.split())  # some are several lines
    if code in _LOGIN:
        return AuthFailed(text.rstrip("."), hint="wrong user or password, or another authSource than where the user is")
    if code == 13 and "requires authentication" in text:
        return AuthFailed("the server wants a user and a password", hint="mongodb://user:password@host/database")
    if code in (11600, 91, 189, 10107, 11602, 13435, 13436):  # shutting down, or no primary any more
        return Unavailable(text)
    if code == 13:  # its text holds the whole command, with what the driver added to it
        text, _, command = text.partition(" { ")
        text = f"{text} {command.partition(':')[0]}".rstrip()
    error = StatementError
    if code in _REFUSED:
        error = ConstraintViolated
    elif code == 48:
        error = AlreadyExists
    elif code == 26:
        error = NotFound
    elif code == 73:
        return Unsupported(text)
    return error(text, code=None if code is None else str(code))


_OPTIONS: Final = (
    "appName", "authMechanism", "authMechanismProperties", "authSource", "compressors", "connectTimeoutMS",
    "directConnection", "loadBalanced", "maxPoolSize", "readConcernLevel", "readPreference", "readPreferenceTags",
    "replicaSet", "retryReads", "retryWrites", "serverSelectionTimeoutMS", "socketTimeoutMS", "timeoutMS", "tls",
    "tlsAllowInvalidCertificates", "tlsAllowInvalidHostnames", "tlsCAFile", "tlsCertificateKeyFile", "tlsInsecure", "w",
)  # fmt: skip
"""Options as MongoDB spells them. pymongo takes them in any case, and some more."""


def _of_configuration(text: str) -> DbfleetError:
    if "DNS" in text:  # mongodb+srv: the name may be there in a moment
        return Unavailable(text)
    option, unknown, word = text.partition("Unknown option")
    if not unknown:
        return UsageError(text)
    name = word.strip(" :").split(".")[0].strip(" '\"")
    close = nearest(name, {each.lower(): each for each in _OPTIONS})
    shown = next((each for each in _OPTIONS if each.lower() == close), None)
    return UsageError(f"{option}unknown option {name}", hint=f"did you mean {shown}?" if shown else None)
