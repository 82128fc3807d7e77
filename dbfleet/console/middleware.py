"""What stands around every page: the headers, the gate, and errors as pages.

Rule: a view that does not say what it needs is refused. What is open to everybody is in `OPEN`, by the URL's name.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any, Final

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.db.utils import InterfaceError, OperationalError
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.functional import SimpleLazyObject
from ninja.utils import check_csrf

from dbfleet.console import errors, standing
from dbfleet.console.access import NotLoggedIn, Rights, rights, second, sessions, tokens
from dbfleet.console.access.outside import WAYS_IN
from dbfleet.errors import DbfleetError

log = logging.getLogger("dbfleet.web")

OPEN: Final = frozenset({"healthz", "login", "logout", "link", "csp-report", "login-second", "auth-admin"})
"""The names of the URLs that need no login; beside them another service's ways in (access/outside.py)."""
FIRST: Final = OPEN | WAYS_IN | {"access-second"}
"""What is left to somebody who lacks a second factor: to set one up, or to leave."""
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; report-uri /csp-report"
)
"""data: is for the small pictures in Pico's own style sheet."""
_HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cache-Control": "no-store",
}
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_HIDDEN: Final = re.compile(
    rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xaa-\xae]|\xe2\x81[\xa6-\xa9]"
)
"""Control characters, and those that turn the direction of text, in UTF-8: no page of ours has one of its own."""
_CONTROL: Final = bytes([*range(9), 11, 12, *range(14, 32), 127])
_WIDE: Final = (re.compile(rb"\xc2[\x80-\x9f]"), re.compile(rb"\xe2(?:\x80[\xaa-\xae]|\x81[\xa6-\xa9])"))
"""The same in three looks, each at one byte at a time: a page of 19 kB takes 0.03 ms so, and 0.4 ms by the pattern."""


class Frame:
    """Headers, and errors of the control database or of ours as pages. Hidden characters in pages become visible."""

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> Any:
        """One request."""
        response = self.get_response(request)
        if response.status_code == 405:
            response = errors.wrong_method(request, response.headers.get("Allow", ""))
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        if not response.streaming and response.headers.get("Content-Type", "").startswith("text/html"):
            response.content = shown(response.content)
        return response

    def process_exception(self, request: Any, error: Exception) -> Any:
        """What a view raised."""
        if isinstance(error, NotLoggedIn):
            return _login(request)
        if isinstance(error, DbfleetError):
            return errors.of_ours(request, error)
        if isinstance(error, OperationalError | InterfaceError):
            return errors.control_is_away(request, error)
        return None


class Guard:
    """Who asks, and whether the view has said what it needs."""

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> Any:
        """One request."""
        bearer = request.headers.get("Authorization", "") if errors.takes_token(request) else ""
        request.has_token = bool(bearer)
        if bearer:  # then the session counts for nothing
            token = SimpleLazyObject(lambda: tokens.find(bearer.removeprefix("Bearer ").strip()))
            request.user = SimpleLazyObject(lambda: token.user if token else AnonymousUser())
            request.rights = SimpleLazyObject(lambda: tokens.rights(token) if token else Rights())
        else:
            request.rights = SimpleLazyObject(lambda: _rights(request))
        return self.get_response(request)

    def process_view(self, request: Any, view: Any, args: Any, kwargs: Any) -> Any:
        """Refuse a view without a need. The API's operations are checked when they are collected (api/frame.py)."""
        match = request.resolver_match
        request.session.beside = _beside(request, view)
        if match.url_name not in FIRST and second.lacking(request):
            if errors.wants_json(request):
                return errors.answer(request, 403, "a second factor is required", hint="set one up: /access/second")
            return redirect("access-second")
        if match.app_names == ["ninja"] and request.method not in _SAFE and not request.has_token:
            if check_csrf(request):
                return errors.csrf_failed(request)
            return None
        if match.url_name in WAYS_IN:
            return None
        if hasattr(view, "needs") or match.url_name in OPEN or match.app_names == ["ninja"]:
            return None
        log.error("%s does not say which role it needs: it is refused", match.view_name or view)
        return errors.forbidden(request)


def _beside(request: Any, view: Any) -> Any:
    """What is read with the session: what the view says; for a page that says nothing, what its frame shows."""
    if (said := getattr(view, "beside", None)) is not None:
        return said
    framed = request.method == "GET" and not request.headers.get("HX-Request") and not errors.wants_json(request)
    return standing.FRAME if framed else None


def _rights(request: Any) -> Rights:
    user = request.user
    return rights.of_user(user, grants=sessions.grants(request.session, user) if user.is_authenticated else None)


def _login(request: Any) -> Any:
    if errors.wants_json(request) or request.has_token:
        return errors.answer(request, 401, "log in first, or give a token", hint="Authorization: Bearer dbf_…")
    if request.headers.get("HX-Request"):
        response = HttpResponse(status=204)  # the page reloads, and is led to the login
        response.headers["HX-Refresh"] = "true"
        return response
    return redirect_to_login(request.get_full_path() if request.method == "GET" else "/", settings.LOGIN_URL)


def shown(page: bytes) -> bytes:
    """The page with its hidden characters made visible."""
    if len(page.translate(None, _CONTROL)) == len(page) and not any(each.search(page) for each in _WIDE):
        return page
    return _HIDDEN.sub(_visible, page)


def _visible(found: re.Match[bytes]) -> bytes:
    code = ord(found[0].decode())
    if code < 0x20:
        return chr(0x2400 + code).encode()
    return "␡".encode() if code == 0x7F else f"[U+{code:04X}]".encode()
