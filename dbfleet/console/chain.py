"""The chain of entries: each holds the hash of the one before, so none can be changed, removed or put in between
unseen.

An entry's hash is SHA-256 over `[seq, at, kind, who, role, token, target, body, previous]` as JSON without blanks,
where `at` is in UTC with six digits of a second and `body` is the text as it is kept. Numbers have no gaps. What the
chain cannot show is that its newest entries were cut off: whoever wrote down the head's hash (`dbfleet receipts verify`
prints it) can, by giving it to `verify`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from django.db import connection, transaction

from dbfleet.console.models import Entry, Receipt

_LOCK: Final = 0x6462666C65657401
"""The advisory lock under which entries get their numbers: one at a time, over all processes."""
START: Final = "0" * 64
"""What the first entry has as the hash of the one before."""


def append(
    kind: str,
    *,
    who: str,
    body: Mapping[str, Any],
    role: str = "",
    token: str = "",
    target: str = "",
) -> Entry:
    """Add an entry; it is on record when the surrounding transaction is. The moment is the control database's."""
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        cursor.execute("SELECT seq, hash FROM console_entry ORDER BY seq DESC LIMIT 1")
        seq, previous = cursor.fetchone() or (0, START)
        cursor.execute("SELECT clock_timestamp()")
        (at,) = cursor.fetchone()
        entry = Entry(
            seq=seq + 1, at=at, kind=kind, who=who[:200], role=role, token=token, target=target[:300], body=text,
            previous=previous,
        )  # fmt: skip
        entry.hash = hash_of(entry)
        entry.save(force_insert=True)
    return entry


def receipt(
    body: Mapping[str, Any],
    *,
    who: str,
    kind: str,
    job: int | None = None,
    source: str = "",
    target: str = "",
    same: bool | None = None,
    rows: int = 0,
) -> Receipt:
    """Add an entry that is a receipt, and list it."""
    with transaction.atomic():
        entry = append("receipt", who=who, target=target or source, body={"kind": kind, "same": same, **body})
        found: Receipt = Receipt.objects.create(
            entry=entry, job_id=job, kind=kind, source=source[:300], target=target[:300], same=same, rows=rows
        )
    return found


def hash_of(entry: Entry) -> str:
    """The hash that an entry must have."""
    fields = [
        entry.seq, _moment(entry.at), entry.kind, entry.who, entry.role, entry.token, entry.target, entry.body,
        entry.previous,
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(fields, separators=(",", ":")).encode()).hexdigest()


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass(frozen=True, slots=True)
class Verified:
    """What a walk along the chain found. `wrong` is the number of the first entry that does not fit, `why` says how."""

    entries: int
    head: str
    wrong: int | None = None
    why: str = ""


def verify(head: str | None = None) -> Verified:
    """Walk along the whole chain. `head`: the hash of an entry that must still be there, as an earlier walk gave it."""
    previous, number, met = START, 0, head in (None, START)
    for entry in Entry.objects.order_by("seq").iterator(chunk_size=2000):
        number += 1
        why = ""
        if entry.seq != number:
            why = f"entry {number} is missing: the next one is {entry.seq}"
        elif entry.previous != previous:
            why = f"entry {number} does not follow the one before: that one was changed or exchanged"
        elif entry.hash != hash_of(entry):
            why = f"entry {number} was changed after it was written"
        if why:
            return Verified(number - 1, previous, number, why)
        previous = entry.hash
        met = met or previous == head
    if not met:
        return Verified(
            number, previous, number + 1, f"the chain ends with entry {number}: what came later was cut off"
        )
    for receipt_, why in _unlike():
        return Verified(number, previous, receipt_, why)
    return Verified(number, previous)


def _unlike() -> Iterator[tuple[int, str]]:
    """The receipts whose line in the list says something else than their entry."""
    for found in Receipt.objects.select_related("entry").order_by("entry_id").iterator(chunk_size=2000):
        body = json.loads(found.entry.body)
        if (found.kind, found.same) != (body.get("kind"), body.get("same")):
            yield found.pk, f"the list of receipts does not say what entry {found.pk} says: the list was changed"
