"""Errors as answers: a page for a person, a fragment for a part of a page, JSON for the API. None needs the control
database, as it may be what is missing.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import Any, Final

from django.db.utils import InterfaceError, OperationalError
from django.http import HttpResponse, HttpResponsePermanentRedirect, JsonResponse
from django.template.loader import render_to_string
from django.urls import Resolver404, resolve
from django.utils.encoding import escape_uri_path

from dbfleet.console import words
from dbfleet.console.control import away
from dbfleet.errors import (
    AlreadyExists,
    DbfleetError,
    LossyRefused,
    NotFound,
    NotReady,
    StatementError,
    Unavailable,
    UnknownEngine,
    Unsupported,
    UsageError,
)

log = logging.getLogger("dbfleet.web")

_STATUS: Final[Mapping[type[DbfleetError], int]] = {
    AlreadyExists: 409,
    NotFound: 404,
    UnknownEngine: 404,
    UsageError: 400,
    LossyRefused: 422,
    Unsupported: 422,
    StatementError: 422,
    NotReady: 504,
    Unavailable: 503,
}
_TITLES: Final[Mapping[int, str]] = {
    400: "This was not understood",
    401: "Log in first",
    403: "Not allowed",
    404: "Not found",
    405: "Not this way",
    409: "It is there already",
    422: "This cannot be done",
    429: "Too many tries",
    500: "A bug",
    503: "Away",
    504: "It took too long",
}


_KINDS: Final[Mapping[int, str]] = {
    401: "NotLoggedIn",
    403: "Refused",
    404: "NotFound",
    405: "WrongMethod",
    429: "TooMany",
    500: "Bug",
    503: "Unavailable",
}
"""What the API calls a refusal that is no error of dbfleet/errors.py."""


def status_of(error: DbfleetError) -> int:
    """The HTTP status of an error of ours."""
    return next((_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS), 500)


def wants_json(request: Any) -> bool:
    """Whether the answer is for a program."""
    return bool(request.path.startswith("/api/"))


def takes_token(request: Any) -> bool:
    """Whether a token counts for this request: of the API, and of Prometheus, which has no session."""
    return wants_json(request) or request.path == "/metrics"


def answer(request: Any, status: int, message: str, *, hint: str = "", title: str = "", kind: str = "") -> HttpResponse:
    """An error in the form in which this request is answered."""
    if wants_json(request):
        body = {"error": message, "hint": hint or None, "kind": kind or _KINDS.get(status, "UsageError")}
        return JsonResponse(body, status=status)
    told = title or _TITLES.get(status, "It did not work")
    facts = {"status": status, "title": told, "message": words.of_page(message), "hint": words.of_page(hint)}
    template = "error_part.html" if request.headers.get("HX-Request") else "error.html"
    return HttpResponse(render_to_string(template, facts), status=status)


def of_ours(request: Any, error: DbfleetError) -> HttpResponse:
    """An error that we know."""
    where = f"{error.target}: " if error.target and not error.message.startswith(error.target) else ""
    return answer(request, status_of(error), where + error.message, hint=error.hint or "", kind=type(error).__name__)


def control_is_away(request: Any, error: Exception) -> HttpResponse:
    """The control database does not answer, or its disk is full. The fleet's servers go on without it."""
    message, hint = away.words(error)
    log.warning("%s: %s", message, away.first_line(error))
    response = answer(request, 503, message, hint=hint, kind="Unavailable")
    response.headers["Retry-After"] = "5"
    return response


def bad_request(request: Any, exception: Exception | None = None) -> HttpResponse:
    """Django refused the request."""
    return answer(request, 400, "the request is not one that the console takes")


def forbidden(request: Any, exception: Exception | None = None) -> HttpResponse:
    """A role is missing."""
    hint = "an admin of this console can grant it, under Access"
    return answer(request, 403, str(exception or "this is not for you"), hint=hint, kind="Refused")


def csrf_failed(request: Any, reason: str = "") -> HttpResponse:
    """A form came from elsewhere, or is older than its session."""
    return answer(
        request, 403, "this form is not from this session: nothing was done", hint="go back, reload the page, try again"
    )


def not_found(request: Any, exception: Exception | None = None) -> HttpResponse:
    """There is nothing at this address; a page whose address differs by the slash at its end is led to."""
    if isinstance(exception, Resolver404) and (other := _by_slash(request)):
        return HttpResponsePermanentRedirect(other)
    return answer(request, 404, "there is nothing at this address")


def _by_slash(request: Any) -> str:
    """The address with a slash at its end, or without it, where something is there; else empty."""
    path = request.path_info
    other = path.rstrip("/") if path.endswith("/") else f"{path}/"
    if request.method not in ("GET", "HEAD") or path.startswith("//") or not other:
        return ""
    try:
        resolve(other)
    except Resolver404:
        return ""
    query = request.META.get("QUERY_STRING", "")
    return escape_uri_path(other) + (f"?{query}" if query else "")


def wrong_method(request: Any, allowed: str) -> HttpResponse:
    """Something is there, and it takes other methods."""
    hint = f"it takes {allowed}" if wants_json(request) else "go to the page that has its button"
    response = answer(request, 405, f"this address takes no {request.method}", hint=hint)
    response.headers["Allow"] = allowed
    return response


def server_error(request: Any) -> HttpResponse:
    """A bug; or the control database is away, where a middleware asked it."""
    error = sys.exc_info()[1]
    if isinstance(error, OperationalError | InterfaceError):
        return control_is_away(request, error)
    return answer(request, 500, "the console failed: this is a bug", hint="web's log has the traceback")
