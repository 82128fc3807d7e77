"""`url`: a target's URL."""

from __future__ import annotations

from dbfleet.fleet import Fleet


def url(fleet: Fleet, name: str, *, reveal: bool = False) -> str:
    """The URL of a target by name, alias or URL; the password is `***` unless revealed."""
    return fleet.target(name).url(reveal=reveal)
