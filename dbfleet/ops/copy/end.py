"""How a copy that did not come to its end leaves the sink, and what is said about it.

A copy that was refused (by a row, by a rule of the sink's, by us) leaves nothing that it made: the same command can be
given again. One that was interrupted, or whose server went away or has no room, keeps what it has for --resume.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from dbfleet.abilities import Native, able
from dbfleet.errors import ConstraintViolated, DbfleetError, Unavailable, Unsupported
from dbfleet.ops._ends import goes_on
from dbfleet.ops.copy.messages import Ends, Watch
from dbfleet.ops.copy.moving import Moving
from dbfleet.ops.copy.owner import Owner
from dbfleet.outline import Step


def ended_by(error: BaseException, ends: Ends, owner: Owner, watch: Watch) -> None:
    """Keep or drop what the copy has made, and say so."""
    if goes_on(error):
        if ends.journal.collections:
            ends.journal.save()  # natively not every part is noted at once
        told = f"{progress(owner.moving)}: the same command with --resume goes on from here"
        if isinstance(error, DbfleetError):
            error.hint = f"{error.hint}; {told}" if error.hint else told
        else:
            watch.said(told)
        return
    hint = undo(ends, owner)
    if isinstance(error, DbfleetError):
        error.hint = f"{error.hint}; {hint}" if error.hint else hint


def undo(ends: Ends, owner: Owner) -> str:
    """Drop what the copy has made. What is left then, in words."""
    shared = owner.making.shared if owner.making else ()
    stays = _drop(ends, _made(owner), shared, natively=owner.making is not None)
    others = [each.name for each in owner.moving if each.state.begun and not each.state.made]
    if stays:
        return f"what it has made could not be dropped again: {', '.join(stays)}; --mode replace begins anew"
    if others:
        for each in owner.moving:
            if each.state.made:
                ends.journal.collections.pop(each.name, None)
        ends.journal.save()
        return f"what was written into {', '.join(others)} stays: --resume goes on there"
    ends.journal.forget()
    if any(each.plan.staged for each in owner.moving):
        return "nothing was replaced: the rows that were there stand"
    return "nothing that it made is left"


def _made(owner: Owner) -> list[str]:
    found = [each.plan.place.name for each in owner.moving if each.state.made]
    return list(dict.fromkeys([*owner.made_now, *found]))


def _drop(ends: Ends, names: Sequence[str], shared: Sequence[Step], *, natively: bool) -> list[str]:
    """Drop them, and what was made for them, on a connection of its own: the other may be lost, or hold locks no more.
    Those that stay."""
    if not names and not shared:
        return []
    stays: list[str] = []
    try:
        with ends.fleet.connect(ends.sink) as adapter:
            removing = able(adapter, Native) if natively else None
            if removing:  # those that refer to each other go together
                with contextlib.suppress(ConstraintViolated):
                    removing.remove(names)
                    names = []
            for name in reversed(names):
                try:
                    adapter.drop(name)
                except Unsupported:
                    pass  # the engine has no such names: it was never made
                except Unavailable:
                    raise
                except DbfleetError:
                    stays.insert(0, name)
            if removing:
                for step in reversed(shared):
                    with contextlib.suppress(DbfleetError):  # somebody else uses it by now
                        removing.undo(step, {})
    except DbfleetError:
        return list(names)
    return stays


def progress(moving: Sequence[Moving]) -> str:
    """How far the copy came, in words."""
    whole = [each for each in moving if each.state.complete]
    parts = []
    if whole:
        rows, verb = sum(each.rows for each in whole), "is" if len(whole) == 1 else "are"
        parts.append(f"{len(whole)} of {len(moving)} collections {verb} done, {rows:,} rows")
    for each in moving:
        done = each.done_before + sum(each.far.values())
        if not each.state.complete and (done or each.state.begun):
            parts.append(f"{done:,} of {each.plan.rows:,} rows of {each.name}")
    return "stopped: " + ("; ".join(parts) or "no row was written yet")
