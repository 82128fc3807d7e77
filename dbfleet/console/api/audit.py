"""Entries of the chain, the newest first: an admin's call all, others' their own."""

from __future__ import annotations

from typing import Any

from ninja import Router

from dbfleet.console import forms, ledger
from dbfleet.console.access import needs
from dbfleet.console.pages.audit import filters

PREFIX = "/audit"
router = Router()


@router.get("")
@needs("viewer")
def entries(
    request: Any,
    kind: str = "",
    who: str = "",
    target: str = "",
    words: str = "",
    before: int | None = None,
    limit: int = ledger.PAGE,
) -> list[dict[str, Any]]:
    """A page of entries; the next one is asked for with `before`, the number of the last."""
    asked = filters({"kind": kind, "who": who, "target": target, "words": words})
    return ledger.entries(request.rights, **{**asked, "before": before}, limit=forms.size(limit, 1000))


@router.get("/{number}")
@needs("viewer")
def entry(request: Any, number: int) -> dict[str, Any]:
    """One entry, with its hash."""
    return ledger.entry(number, request.rights)
