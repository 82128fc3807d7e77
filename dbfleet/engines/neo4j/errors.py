"""The driver's errors as ours, by its exceptions and by the code of what the server sends."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dbfleet.errors import AlreadyExists, AuthFailed, ConstraintViolated, DbfleetError, StatementError, Unavailable

if TYPE_CHECKING:
    from neo4j.exceptions import Neo4jError


def translate(exc: BaseException) -> DbfleetError | None:
    """Our error for an exception of the driver; None for an exception that is not the driver's."""
    from neo4j import exceptions

    if isinstance(exc, OverflowError):  # raised while the driver packs a value, before anything is sent
        return StatementError("an integer has more than 64 bits, Neo4j's limit")
    if isinstance(exc, UnicodeEncodeError):
        return StatementError("a name or a text holds half of a pair of surrogates, which is no character")
    if isinstance(exc, exceptions.Neo4jError):
        return _of_the_server(exc, login=isinstance(exc, exceptions.AuthError))
    if isinstance(exc, exceptions.ServiceUnavailable | exceptions.SessionExpired):
        return Unavailable(str(exc).splitlines()[0])
    if isinstance(exc, exceptions.UnsupportedServerProduct):
        return Unavailable("what answers is not Neo4j, or a version of it that this driver does not know")
    if isinstance(exc, exceptions.DriverError):
        return Unavailable(str(exc))
    return None


def _of_the_server(exc: Neo4jError, *, login: bool) -> DbfleetError:
    """The error that the server sent; `login`: it refuses the login."""
    code, text = exc.code or "", exc.message or str(exc)
    if "AuthenticationRateLimit" in code:
        return AuthFailed(text, hint="after three wrong passwords the server refuses all for some seconds: wait")
    if login or "Security" in code or "DatabaseNotFound" in code:
        return AuthFailed(text)
    if "ConstraintValidationFailed" in code:
        return ConstraintViolated(text, code=code)
    if "AlreadyExists" in code:
        return AlreadyExists(text, code=code)
    return StatementError(re.sub(r"\n\s*\^.*", "", text), code=code)
