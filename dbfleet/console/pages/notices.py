"""Notices: what changed, who was told, what could not be sent; send it again, or drop it."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_POST

from dbfleet.console import chain, forms, notices
from dbfleet.console.access import needs
from dbfleet.console.jobs import making
from dbfleet.console.models import Channel, Notice
from dbfleet.console.rooms import Nav
from dbfleet.errors import NotFound

NAV = Nav("Notices", "notices", 75, "operator")

STATES = ("failed", "waiting", "held", "sent", "dropped")
_SHOWN = 100


@needs("operator")
def page(request: Any) -> HttpResponse:
    """The page. Of those who see every target: a notice has words about any of them."""
    state = forms.one_of(forms.text(request.GET, "state"), STATES, "state of notices")
    before = forms.whole(request.GET, "before")
    found = Notice.objects.select_related("channel").order_by("-id")
    if state:
        found = found.filter(state=state)
    if before is not None:
        found = found.filter(pk__lt=before)
    shown = [each for each in found[: _SHOWN + 1] if _sees(request, each)]
    return render(
        request, "notices.html",
        {
            "notices": shown[:_SHOWN], "older": shown[_SHOWN - 1].pk if len(shown) > _SHOWN else None, "state": state,
            "states": STATES, "trouble": notices.in_trouble().count(), "channels": Channel.objects.count(),
            "admin": request.rights.anywhere("admin"),
        },
    )  # fmt: skip


def _sees(request: Any, notice: Notice) -> bool:
    what, _, name = notice.about.partition(" ")
    return request.rights.may("operator", name) if what == "target" else request.rights.may("operator", "*")


def _found(number: int) -> Notice:
    got: Notice | None = Notice.objects.filter(pk=number).first()
    if got is None:
        raise NotFound(f"there is no notice {number}")
    return got


@needs("admin")
@require_POST
def again(request: Any, number: int) -> HttpResponse:
    """Try it anew."""
    notices.send_again(_found(number), making.now())
    chain.append("notice", who=request.rights.who, body={"did": "send again", "notice": number})
    return redirect("/notices")


@needs("admin")
@require_POST
def drop(request: Any, number: int) -> HttpResponse:
    """Give it up."""
    notices.drop(_found(number))
    chain.append("notice", who=request.rights.who, body={"did": "drop", "notice": number})
    return redirect("/notices")


urlpatterns = [
    path("notices", page, name="notices"),
    path("notices/<int:number>/again", again, name="notices-again"),
    path("notices/<int:number>/drop", drop, name="notices-drop"),
]
