"""Reading the chain: receipts, and who did and asked what, as records for the pages, the API and the command line.

Rule: a receipt is shown to who may view every target that it names; an entry to who made it, and to admins. A page of a
list goes on behind the number of its last one, so it costs the same however long the chain is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from dbfleet.console import chain
from dbfleet.console.access.rights import Rights
from dbfleet.console.access.scope import visible
from dbfleet.console.models import Entry, Receipt
from dbfleet.errors import NotFound, UsageError

PAGE: Final = 100
KINDS: Final = ("copy", "load", "dump", "drift", "drill", "sync", "statement")
"""The kinds of jobs that give receipts."""


def receipts(
    *, limit: int = 50, kind: str = "", target: str = "", before: int | None = None, rights: Rights | None = None
) -> list[dict[str, Any]]:
    """The newest receipts first, of those that the rights reach."""
    found = Receipt.objects.select_related("entry").order_by("-entry_id")
    if kind:
        found = found.filter(kind=kind)
    if target:
        found = found.filter(target=target) | found.filter(source=target)
    if rights is not None:
        found = visible(found, rights, "source", "target")
    if before is not None:
        found = found.filter(entry_id__lt=before)
    return [
        {"receipt": each.pk, "kind": each.kind, "at": iso(each.entry.at), "target": each.target or None,
         "source": each.source or None, "same": each.same, "rows": each.rows, "hash": each.entry.hash}
        for each in found[:limit]
    ]  # fmt: skip


def receipt(number: int, *, rights: Rights | None = None) -> dict[str, Any]:
    """All of a receipt, as it was written. NotFound, also for one that is not for these rights."""
    found = Receipt.objects.select_related("entry").filter(pk=number).first()
    named = [name for name in (found.source, found.target) if name] if found else []
    if found is None or (rights is not None and not all(rights.may("viewer", name) for name in named)):
        raise NotFound(f"there is no receipt {number}", hint="dbfleet receipts lists them")
    entry = found.entry
    return {"receipt": entry.seq, "at": iso(entry.at), "who": entry.who, "hash": entry.hash,
            "previous": entry.previous, **json.loads(entry.body)}  # fmt: skip


def kinds_of_receipts() -> list[str]:
    """The kinds of which there are receipts."""
    return sorted(Receipt.objects.order_by().values_list("kind", flat=True).distinct())


def known_kinds() -> list[str]:
    """The kinds that there may be, and those of which there are some."""
    return sorted({*KINDS, *kinds_of_receipts()})


def verify(head: str | None = None) -> dict[str, Any]:
    """What a walk along the whole chain found. UsageError for a head that is no hash: it would read as tampering."""
    if head is not None and not re.fullmatch("[0-9a-f]{64}", head):
        raise UsageError("a head is 64 hexadecimal digits", hint="dbfleet receipts verify prints it")
    found = chain.verify(head)
    return {"ok": found.wrong is None, "entries": found.entries, "head": found.head, "wrong": found.wrong,
            "why": found.why or None}  # fmt: skip


def entries(
    rights: Rights,
    *,
    kind: str = "",
    who: str = "",
    target: str = "",
    words: str = "",
    before: int | None = None,
    limit: int = PAGE,
) -> list[dict[str, Any]]:
    """Entries of the chain, the newest first. `words` must stand in the body as they are. The outcome of a statement
    is told with its beginning where both are in this page."""
    found = Entry.objects.order_by("-seq")
    if not rights.anywhere("admin"):
        found = found.filter(who=rights.who)
    for field, value in (("kind", kind), ("who", who), ("target", target)):
        if value:
            found = found.filter(**{field: value})
    if words:
        found = found.filter(body__contains=json.dumps(words)[1:-1])
    if before is not None:
        found = found.filter(seq__lt=before)
    return _joined([_entry(each) for each in found[:limit]])


def entry(number: int, rights: Rights) -> dict[str, Any]:
    """One entry with its whole body. NotFound, also for one that is not for these rights."""
    found = Entry.objects.filter(pk=number).first()
    if found is None or not (rights.anywhere("admin") or found.who == rights.who):
        raise NotFound(f"there is no entry {number} of yours")
    return {**_entry(found), "hash": found.hash, "previous": found.previous, "fits": chain.hash_of(found) == found.hash}


def _entry(each: Entry) -> dict[str, Any]:
    return {
        "entry": each.seq, "at": iso(each.at), "kind": each.kind, "who": each.who, "role": each.role or None,
        "token": each.token or None, "target": each.target or None, "body": json.loads(each.body),
    }  # fmt: skip


def _joined(found: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    ends: dict[str, dict[str, Any]] = {}
    kept: list[dict[str, Any]] = []
    for each in found:  # the newest first: an end comes before its beginning
        body, asked = each["body"], str(each["body"].get("asked", ""))
        if each["kind"] == "statement" and asked:
            if body.get("did") == "end":
                ends[asked] = each
            elif body.get("did") == "begin" and asked in ends:
                end = ends.pop(asked)
                each["outcome"] = {name: end["body"].get(name) for name in ("outcome", "rows", "ms", "error")}
                kept.remove(end)
        kept.append(each)
    return kept


def iso(moment: datetime | None) -> str | None:
    """A moment as records have it."""
    return None if moment is None else f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
