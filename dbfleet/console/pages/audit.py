"""Audit: who did and asked what, the newest first. Admins see all, others what they did themselves."""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_safe

from dbfleet.console import forms, ledger
from dbfleet.console.access import needs
from dbfleet.console.rooms import Nav

NAV = Nav("Audit", "audit", 85)
KINDS: Final = ("statement", "receipt", "schedule", "job", "access", "login", "setting", "notice")
_TOLD: Final = (
    "did", "user", "role", "target", "pattern", "token", "name", "schedule", "kind", "way", "from", "job",
)  # fmt: skip


def filters(query: Any) -> dict[str, Any]:
    """What a query string asks for, as the arguments of `ledger.entries`."""
    words = {name: forms.text(query, name, most=300) for name in ("kind", "who", "target", "words")}
    forms.one_of(words["kind"], KINDS, "kind of entry")
    return {**words, "before": forms.whole(query, "before")}


@require_safe
@needs("viewer")
def audit(request: Any) -> HttpResponse:
    """The list."""
    chosen = filters(request.GET)
    found = ledger.entries(request.rights, **chosen)
    for each in found:
        each["told"] = _told(each)
    older = {**{name: value for name, value in chosen.items() if value}, "before": found[-1]["entry"]} if found else {}
    facts = {
        "entries": found,
        "chosen": chosen,
        "kinds": KINDS,
        "older": urlencode(older) if len(found) and found[-1]["entry"] > 1 else "",
        "all": request.rights.anywhere("admin"),
    }
    return render(request, "audit.html", facts)


def _told(each: dict[str, Any]) -> str:
    body = each["body"]
    if "text" in body:
        return str(body["text"])
    return " · ".join(f"{body[name]}" if name == "did" else f"{name} {body[name]}" for name in _TOLD if body.get(name))


@require_safe
@needs("viewer")
def entry(request: Any, number: int) -> HttpResponse:
    """One entry, whole."""
    found = ledger.entry(number, request.rights)
    body = dict(found["body"])
    text = body.pop("text", None)
    facts = {"entry": found, "text": text, "body": json.dumps(body, indent=2, ensure_ascii=False, sort_keys=True)}
    return render(request, "audit_entry.html", facts)


urlpatterns = [
    path("audit/", audit, name="audit"),
    path("audit/<int:number>", entry, name="audit-entry"),
]
