"""What every template knows: the fleet's name, who is logged in, the top of the page with its navigation.

The top is kept as text, by everything that stands in it; the CSRF token is set in at each request.
"""

from __future__ import annotations

import secrets
from functools import lru_cache
from typing import Any, Final

from django.middleware.csrf import get_token
from django.template.loader import render_to_string
from django.utils.functional import SimpleLazyObject
from django.utils.safestring import SafeString, mark_safe

from dbfleet import __version__
from dbfleet.console.access import Rights
from dbfleet.console.bars import bars
from dbfleet.console.rooms import Nav, navigation

_TOKEN: Final = secrets.token_hex(32)
"""Stands where the CSRF token goes. Nobody can know it, so it is in nothing that somebody else has written."""


def sees(rights: Rights, each: Nav) -> bool:
    """Whether a line of the navigation is for these rights."""
    return bool(rights.user) if each.role == "login" else rights.anywhere(each.role)


def page(request: Any) -> dict[str, Any]:
    """Of the page's frame. A part of a page has neither top nor bars."""
    rights = getattr(request, "rights", None)
    at = request.resolver_match.url_name if request.resolver_match else ""
    room = at.partition("-")[0] if at else ""
    token = SimpleLazyObject(lambda: get_token(request))  # masked once for all forms of the page
    return {
        "csrf_token": token,
        "version": __version__,
        "rights": rights,
        "room": room,
        "bars": SimpleLazyObject(lambda: bars(rights)),
        "top": lambda: top(rights or Rights(), room, str(token)),
    }


def top(rights: Rights, room: str, token: str) -> SafeString:
    """The top of the page. The navigation has what the rights reach."""
    lines = tuple(each for each in navigation() if sees(rights, each))
    text = _top(rights.user, rights.highest, room, lines)
    return mark_safe(text.replace(_TOKEN, token))  # noqa: S308 - a template made it


@lru_cache(maxsize=200)
def _top(user: str, highest: str, room: str, lines: tuple[Nav, ...]) -> str:
    facts = {"user": user, "highest": highest, "room": room, "navigation": lines, "csrf_token": _TOKEN}
    return render_to_string("top.html", facts)
