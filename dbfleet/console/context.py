"""What every template knows: who is logged in, the top of the page with its navigation, the lines above the page.

Frames are kept as text, by everything that stands in them; the CSRF token is set in at each request.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from django.contrib.messages import get_messages
from django.http import HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.functional import SimpleLazyObject
from django.utils.safestring import SafeString, mark_safe

from dbfleet import __version__
from dbfleet.console.access import Rights
from dbfleet.console.bars import Bar, bars
from dbfleet.console.rooms import Nav, navigation
from dbfleet.console.standing import console

_TOKEN, _PART = secrets.token_hex(32), secrets.token_hex(32)
"""Stand where the CSRF token and a page's part go. Nobody can know them, so they are in nothing that somebody wrote."""
_KEPT: Final = 200
"""So many tops and frames are kept, of about three kilobytes."""


def sees(rights: Rights, each: Nav) -> bool:
    """Whether a line of the navigation is for these rights."""
    return bool(rights.user) if each.role == "login" else rights.anywhere(each.role)


def page(request: Any) -> dict[str, Any]:
    """Of the page's frame. A part of a page has neither top nor bars."""
    rights = getattr(request, "rights", None)
    token = SimpleLazyObject(lambda: get_token(request))  # masked once for all forms of the page
    return {
        "csrf_token": token,
        "version": __version__,
        "rights": rights,
        "room": _room(request),
        "bars": SimpleLazyObject(lambda: bars(rights, console(request.session))),
        "top": lambda: mark_safe(_top(*_who(request)).replace(_TOKEN, str(token))),  # noqa: S308 - a template made it
    }


def framed(request: Any, template: str, part: SafeString, above: Sequence[Bar], **facts: str) -> HttpResponse:
    """The page that `render` makes of this template, with `part` in the place of its `part` and `above` as its bars.

    All else that the template shows must be in `facts`, or be the same for everybody who has the same top."""
    if len(get_messages(request)):
        return render(request, template, {**facts, "part": part, "bars": above})
    frame = _frame(template, tuple(sorted(facts.items())), tuple(above), *_who(request))
    begin, end = frame.replace(_TOKEN, get_token(request)).split(_PART)
    return HttpResponse(begin + part + end)


def _room(request: Any) -> str:
    at = request.resolver_match.url_name if request.resolver_match else ""
    return at.partition("-")[0] if at else ""


def _who(request: Any) -> tuple[str, str, str, tuple[Nav, ...]]:
    """What the top shows: the name, the highest role, the room, and as much of the navigation as the rights reach."""
    rights = getattr(request, "rights", None) or Rights()
    return rights.user, rights.highest, _room(request), tuple(each for each in navigation() if sees(rights, each))


@lru_cache(maxsize=_KEPT)
def _top(user: str, highest: str, room: str, lines: tuple[Nav, ...]) -> str:
    facts = {"user": user, "highest": highest, "room": room, "navigation": lines, "csrf_token": _TOKEN}
    return render_to_string("top.html", facts)


@lru_cache(maxsize=_KEPT)
def _frame(template: str, facts: tuple[tuple[str, str], ...], above: tuple[Bar, ...], *who: Any) -> str:
    top = mark_safe(_top(*who))  # noqa: S308 - a template made it
    return render_to_string(
        template,
        {**dict(facts), "part": _PART, "bars": above, "top": top, "csrf_token": _TOKEN, "version": __version__},
    )
