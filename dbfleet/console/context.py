"""What every template knows: the fleet's name, who is logged in, the navigation."""

from __future__ import annotations

from typing import Any

from django.utils.functional import SimpleLazyObject

from dbfleet import __version__
from dbfleet.console.access import Rights
from dbfleet.console.bars import bars
from dbfleet.console.rooms import Nav, navigation


def sees(rights: Rights, each: Nav) -> bool:
    """Whether a line of the navigation is for these rights."""
    return bool(rights.user) if each.role == "login" else rights.anywhere(each.role)


def page(request: Any) -> dict[str, Any]:
    """Of the page's frame. `navigation` has what the rights reach."""
    rights = getattr(request, "rights", None)
    at = request.resolver_match.url_name if request.resolver_match else ""
    room = at.partition("-")[0] if at else ""
    return {
        "version": __version__,
        "rights": rights,
        "room": room,
        "bars": SimpleLazyObject(lambda: bars(rights)),  # a part of a page has none
        "navigation": [each for each in navigation() if rights is not None and sees(rights, each)],
    }
