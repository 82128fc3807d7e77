"""Receipts, and the proof of the chain that holds them."""

from __future__ import annotations

from typing import Any

from ninja import Router, Schema

from dbfleet.console import forms, ledger
from dbfleet.console.access import needs

PREFIX = "/receipts"
router = Router()


class Head(Schema):
    """The hash that an earlier walk gave, which must still be there."""

    head: str = ""


@router.get("")
@needs("viewer")
def receipts(
    request: Any, kind: str = "", target: str = "", before: int | None = None, limit: int = ledger.PAGE
) -> list[dict[str, Any]]:
    """A page of receipts; the next one is asked for with `before`, the number of the last."""
    forms.one_of(kind, ledger.known_kinds(), "kind of receipt")
    return ledger.receipts(
        limit=forms.size(limit, 1000),
        kind=kind,
        target=forms.text({"target": target}, "target"),
        before=before,
        rights=request.rights,
    )


@router.post("/verify")
@needs("viewer", posts=True)
def verify(request: Any, body: Head) -> dict[str, Any]:
    """Walk along the whole chain: `ok`, or the first entry that does not fit, and why."""
    return ledger.verify(body.head or None)


@router.get("/{number}")
@needs("viewer")
def receipt(request: Any, number: int) -> dict[str, Any]:
    """One receipt, whole."""
    return ledger.receipt(number, rights=request.rights)
