"""Queries that people keep, and what somebody has asked before."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import Q

from dbfleet.console.models import Asked, Entry, SavedQuery
from dbfleet.console.statements.record import check_text
from dbfleet.errors import AlreadyExists, NotFound, UsageError

_MOST: Final = 500
"""So many queries one person keeps."""


def visible(user: Any) -> list[dict[str, Any]]:
    """The user's own queries, and what others share."""
    found = SavedQuery.objects.select_related("user").filter(Q(user=user) | Q(shared=True)).order_by("name", "pk")
    return [_record(each, user) for each in found[:1000]]


def one(user: Any, number: int) -> dict[str, Any]:
    """One that the user may see. NotFound."""
    return _record(_found(user, number), user)


def keep(user: Any, *, name: str, text: object, targets: Sequence[str], shared: bool) -> dict[str, Any]:
    """Keep it under this name; the user's own of the same name is replaced."""
    name = _name(name)
    kept = SavedQuery.objects.filter(user=user)
    if kept.count() >= _MOST and not kept.filter(name=name).exists():
        raise UsageError(f"{_MOST} queries are kept already", hint="remove one first")
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (now,) = cursor.fetchone()
    found, _ = SavedQuery.objects.update_or_create(
        user=user, name=name,
        defaults={"text": check_text(text), "targets": list(targets), "shared": shared, "changed_at": now},
    )  # fmt: skip
    return _record(found, user)


def rename(user: Any, number: int, name: str) -> dict[str, Any]:
    """Give one of the user's own another name. NotFound; AlreadyExists where another one of theirs has it."""
    found = _own(user, number, "rename")
    found.name = _name(name)
    if SavedQuery.objects.filter(user=user, name=found.name).exclude(pk=found.pk).exists():
        raise AlreadyExists(f"you keep another query as {found.name!r}")
    found.save(update_fields=["name"])
    return _record(found, user)


def remove(user: Any, number: int) -> None:
    """Remove one of the user's own. NotFound."""
    _own(user, number, "remove").delete()


def _own(user: Any, number: int, do: str) -> SavedQuery:
    found = _found(user, number)
    if found.user_id != user.pk:
        raise UsageError(f"{found.name} is {found.user.get_username()}'s, who alone can {do} it")
    return found


def _name(given: str) -> str:
    name = given.strip()
    if not name or len(name) > 200 or "\0" in name:
        raise UsageError("a query is kept under a name of at most 200 characters")
    return name


def _found(user: Any, number: int) -> SavedQuery:
    found = SavedQuery.objects.select_related("user").filter(Q(user=user) | Q(shared=True), pk=number).first()
    if found is None:
        raise NotFound(f"there is no saved query {number}")
    return found


def _record(saved: SavedQuery, user: Any) -> dict[str, Any]:
    return {"query": saved.pk, "name": saved.name, "targets": saved.targets, "text": saved.text,
            "shared": saved.shared, "by": saved.user.get_username(), "own": saved.user_id == user.pk,
            "changed": saved.changed_at}  # fmt: skip


def history(who: str, *, most: int = 50) -> list[dict[str, Any]]:
    """What somebody has asked last, from the chain: each statement with its outcome. A record without an outcome runs,
    or its process died."""
    ends: dict[str, dict[str, Any]] = {}
    found: list[dict[str, Any]] = []
    for entry in Entry.objects.filter(kind="statement", who=who).order_by("-seq")[: 2 * most + 20]:
        body = json.loads(entry.body)
        if body.get("did") == "end":
            ends[_which(body)] = body
            continue
        end = ends.get(_which(body), {})
        outcome = end.get("outcome") or (f"job {body['job']}" if "job" in body else "no outcome")
        found.append(
            {"seq": entry.seq, "at": entry.at, "target": entry.target, "text": body.get("text", ""),
             "format": body.get("format", ""), "outcome": outcome, "rows": end.get("rows"),
             "ms": end.get("ms"), "error": end.get("error", ""), "job": body.get("job")}
        )  # fmt: skip
    return found[:most]


def _which(body: dict[str, Any]) -> str:
    """What a beginning and its end have in common."""
    return str(body.get("asked") or f"job {body.get('job')}")


def states(user: Any, ids: Sequence[UUID]) -> dict[str, dict[str, Any]]:
    """How the user's own questions stand, by their ids."""
    return {
        str(each.pk): {"state": each.state, "rows": each.rows, "error": each.error}
        for each in Asked.objects.filter(pk__in=ids, user=user)
    }


def heard(user: Any, ids: Sequence[UUID], *, hidden: bool) -> None:
    """The page of these questions is there. One in a hidden tab will be silent for up to a minute: browsers slow its
    clock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE console_asked SET heard_at = clock_timestamp() + make_interval(secs => %s) "
            "WHERE id = ANY(%s) AND user_id = %s AND state = 'running'",
            [75 if hidden else 0, list(ids), user.pk],
        )


def cancel(user: Any, ids: Sequence[UUID]) -> list[str]:
    """Ask for the end of the user's own questions; the ids of those that were running. NotFound where none of them is
    the user's own."""
    own = Asked.objects.filter(pk__in=ids, user=user)
    if not own.exists():
        raise NotFound("there is no such question of yours")
    found = [str(number) for number in own.filter(state="running").values_list("pk", flat=True)]
    own.filter(state="running").update(cancel=True)
    return found
