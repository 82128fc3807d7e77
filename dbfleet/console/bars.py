"""What stands above every page because it is wrong with the console itself: notices that were not sent, a beat or
workers that nobody hears of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dbfleet.console import notices, pulse


@dataclass(frozen=True, slots=True)
class Bar:
    """A line above the page, with a link where there is more."""

    kind: str
    text: str
    url: str = ""
    link: str = ""


def bars(rights: Any) -> list[Bar]:
    """The lines for this person; two queries."""
    if rights is None or not rights.anywhere("viewer"):
        return []
    found = []
    alive = pulse.roles_alive()
    if "worker" not in alive:
        found.append(Bar("bad", "No worker is alive: jobs wait, and nobody looks after the fleet."))
    if "beat" not in alive:
        found.append(
            Bar("warn", "Beat is not heard of: schedules are worked on by the sweep alone, some seconds late.")
        )
    failed = notices.in_trouble().count()
    if failed:
        words = "notice was not sent" if failed == 1 else "notices were not sent"
        page = ("/notices?state=failed", "Notices") if rights.anywhere("operator") else ("", "")
        found.append(Bar("bad", f"{failed} {words}.", *page))
    return found
