"""Receipts: what was done and found, with digests; and whether the chain that holds them still fits."""

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
from dbfleet.errors import UsageError

NAV = Nav("Receipts", "receipts", 70)
_ELSEWHERE: Final = frozenset({"receipt", "at", "who", "hash", "previous", "kind", "same"})


@require_safe
@needs("viewer")
def receipts(request: Any) -> HttpResponse:
    """The list."""
    query = request.GET
    kind, target = forms.text(query, "kind", most=20), forms.text(query, "target", most=300)
    forms.one_of(kind, ledger.known_kinds(), "kind of receipt")
    before = forms.whole(query, "before")
    found = ledger.receipts(limit=ledger.PAGE, kind=kind, target=target, before=before, rights=request.rights)
    more = {"kind": kind, "target": target, "before": found[-1]["receipt"]} if len(found) == ledger.PAGE else {}
    facts = {
        "receipts": found,
        "kinds": ledger.kinds_of_receipts(),
        "kind": kind,
        "target": target,
        "older": urlencode({name: value for name, value in more.items() if value}),
    }
    return render(request, "receipts.html", facts)


@require_safe
@needs("viewer")
def receipt(request: Any, number: int) -> HttpResponse:
    """One receipt."""
    found = ledger.receipt(number, rights=request.rights)
    rest = {name: value for name, value in found.items() if name not in _ELSEWHERE}
    plain = [(name, value) for name, value in rest.items() if not isinstance(value, dict | list)]
    tables = [(name, *_table(value)) for name, value in rest.items() if _is_table(value)]
    shown = {name for name, *_ in [*plain, *tables]}
    other = {name: value for name, value in rest.items() if name not in shown}
    facts = {
        "receipt": found,
        "plain": plain,
        "tables": tables,
        "other": json.dumps(other, indent=2, ensure_ascii=False) if other else "",
        "whole": json.dumps(found, indent=2, ensure_ascii=False, default=str),
    }
    return render(request, "receipt.html", facts)


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value)


def _table(rows: list[dict[str, Any]]) -> tuple[list[str], list[list[Any]]]:
    """A list of records as headings and cells, without the columns that are empty everywhere."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    names = [name for name in names if any(row.get(name) not in (None, "", [], {}) for row in rows)]
    return names, [[_cell(row.get(name)) for name in names] for row in rows]


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value


@needs("viewer", posts=True)
def verify(request: Any) -> HttpResponse:
    """Walk along the whole chain. `head`: the hash that an earlier walk gave, which must still be there. GET shows the
    form."""
    facts: dict[str, Any] = {"head": request.POST.get("head", "").strip()}
    if request.method == "POST":
        try:
            facts["found"] = ledger.verify(facts["head"].lower() or None)
        except UsageError as error:
            facts["told"] = error.message
    template = "receipts_verified.html" if request.htmx else "receipts_verify.html"
    return render(request, template, facts, status=400 if "told" in facts else 200)


urlpatterns = [
    path("receipts/", receipts, name="receipts"),
    path("receipts/verify", verify, name="receipts-verify"),
    path("receipts/<int:number>", receipt, name="receipts-one"),
]
