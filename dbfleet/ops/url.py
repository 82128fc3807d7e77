"""`url`: a target's URL."""

from __future__ import annotations

from dbfleet.abilities import MakesReader
from dbfleet.errors import Unsupported
from dbfleet.fleet import Fleet


def url(fleet: Fleet, name: str, *, reveal: bool = False, read_only: bool = False) -> str:
    """The URL of a target by name, alias or URL; the password is `***` unless revealed. With `read_only` that of the
    account which can only read; Unsupported where the target has none."""
    target = fleet.target(name)
    if not read_only:
        return target.url(reveal=reveal)
    reader, spec = fleet.reader(target), fleet.spec(target)
    if MakesReader not in spec.abilities and fleet.configured_reader(target.name) is None:
        raise Unsupported(
            f"{target.name} has no account for reading only: {spec.title} is kept from writing by each session of "
            "dbfleet's, and its URL would write",
            engine=spec.name,
            target=target.name,
            hint="dbfleet query --read-only opens such a session",
        )
    return reader.url(reveal=reveal)
