"""Notices: what changed and who was told."""

from __future__ import annotations

from typing import Any, Final

from ninja import Router

from dbfleet.console import chain, forms, notices
from dbfleet.console.access import needs
from dbfleet.console.jobs import making
from dbfleet.console.models import Notice
from dbfleet.console.pages.notices import STATES
from dbfleet.errors import NotFound

router = Router()
PREFIX: Final = "/notices"


@router.get("", summary="The newest notices")
@needs("admin")
def listed(request: Any, state: str = "", before: int | None = None) -> Any:
    """A record a notice and channel."""
    found = Notice.objects.select_related("channel").order_by("-id")
    if forms.one_of(state, STATES, "state of notices"):
        found = found.filter(state=state)
    if before is not None:
        found = found.filter(pk__lt=before)
    return [
        {"id": each.pk, "at": each.at, "about": each.about, "before": each.before, "after": each.after,
         "title": each.title, "state": each.state, "channel": each.channel.name if each.channel else None,
         "tries": each.tries, "sent_at": each.sent_at, "error": each.error or None}
        for each in found[:100]
    ]  # fmt: skip


def _found(number: int) -> Notice:
    got: Notice | None = Notice.objects.filter(pk=number).first()
    if got is None:
        raise NotFound(f"there is no notice {number}")
    return got


@router.post("/{number}/again", summary="Send it again")
@needs("admin")
def again(request: Any, number: int) -> Any:
    """Its number."""
    notices.send_again(_found(number), making.now())
    chain.append("notice", who=request.rights.who, body={"did": "send again", "notice": number})
    return {"id": number}


@router.post("/{number}/drop", summary="Give it up")
@needs("admin")
def drop(request: Any, number: int) -> Any:
    """Its number."""
    notices.drop(_found(number))
    chain.append("notice", who=request.rights.who, body={"did": "drop", "notice": number})
    return {"id": number}
