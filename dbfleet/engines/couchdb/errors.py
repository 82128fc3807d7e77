"""CouchDB's errors as ours: every status from 400 on, and every exception of `requests`."""

from __future__ import annotations

import json
import re
from typing import Any

from dbfleet.errors import (
    AlreadyExists,
    AuthFailed,
    ConstraintViolated,
    Damaged,
    DbfleetError,
    NotFound,
    StatementError,
    Unavailable,
    UsageError,
)
from dbfleet.target import Target


def translate(exc: BaseException) -> DbfleetError | None:
    """Our error for an exception of `requests`, and for JSON that Python cannot read; None for any other."""
    import requests

    if isinstance(exc, RecursionError):
        return Damaged("a document has more levels than can be read")
    if isinstance(exc, ValueError) and "integer string conversion" in str(exc):
        return Damaged("a document has a number of more than 4,300 digits")

    if isinstance(exc, json.JSONDecodeError):
        return Unavailable("the answer was cut off, or what answers is not CouchDB: it is not JSON")
    if isinstance(exc, requests.Timeout):
        return Unavailable("no answer in time")
    if isinstance(exc, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
        return UsageError("the URL is not one that HTTP knows")
    if isinstance(exc, requests.RequestException):
        text = re.sub(r"^<.*?>:? ?|HTTPConnection\(.*?\): ", "", str(_innermost(exc)))
        return Unavailable(f"no connection: {text}")
    return None


def _innermost(exc: Exception) -> Any:
    """The reason behind the exception: urllib3 wraps it several times."""
    reason: Any = exc.args[0] if exc.args else exc
    while True:
        try:
            inner = reason.reason
        except AttributeError:
            return reason
        if inner is None:
            return reason
        reason = inner


def refused(response: Any, target: Target) -> DbfleetError:
    """The error for a response that refuses the request: by its status, in the server's words."""
    status = response.status_code
    try:
        answer = response.json()
        said = f"{answer.get('error', status)}: {answer.get('reason', '')}".rstrip(": ")
    except ValueError:
        said = f"HTTP {status} {response.reason}"
    if status == 401:
        return AuthFailed(said, engine="couchdb", target=target.name)
    if status in (502, 503, 504):
        return Unavailable(said, engine="couchdb", target=target.name)
    kind = {404: NotFound, 409: ConstraintViolated, 412: AlreadyExists}.get(status, StatementError)
    return kind(said, code=str(status), engine="couchdb", target=target.name)
