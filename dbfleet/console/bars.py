"""What stands above every page because it is wrong with the console itself: notices that were not sent, a beat or
workers that nobody hears of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dbfleet.console.standing import Console


@dataclass(frozen=True, slots=True)
class Bar:
    """A line above the page, with a link where there is more."""

    kind: str
    text: str
    url: str = ""
    link: str = ""


def bars(rights: Any, now: Console) -> list[Bar]:
    """The lines for this person."""
    if rights is None or not rights.anywhere("viewer"):
        return []
    found = []
    if "worker" not in now.alive:
        found.append(Bar("bad", "No worker is alive: jobs wait, and nobody looks after the fleet."))
    if "beat" not in now.alive:
        found.append(
            Bar("warn", "Beat is not heard of: schedules are worked on by the sweep alone, some seconds late.")
        )
    if now.unsent:
        words = "notice was not sent" if now.unsent == 1 else "notices were not sent"
        page = ("/notices?state=failed", "Notices") if rights.anywhere("operator") else ("", "")
        found.append(Bar("bad", f"{now.unsent} {words}.", *page))
    return found
