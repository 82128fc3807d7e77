"""`logs`: the server's own log, from its container or from its file."""

from __future__ import annotations

from collections.abc import Iterator

from dbfleet.errors import UsageError
from dbfleet.fleet import Fleet
from dbfleet.ops import _servers


def logs(fleet: Fleet, name: str, *, follow: bool = False, lines: int | None = None) -> Iterator[str]:
    """The last `lines` lines of the log; with `follow` also those to come, until the iterator is closed."""
    (target, *others) = _servers.named(fleet, [name])
    if others:
        raise UsageError(
            f"{name} means several logs", hint=f"name one of {', '.join(one.name for one in (target, *others))}"
        )
    if not _servers.started(fleet, target):
        raise UsageError(f"{target.name} is not started by dbfleet, so it has no log here", target=target.name)
    for runtime, servers in _servers.by_runtime(fleet, [target]):
        return runtime.logs(servers[0], follow=follow, lines=lines)
    raise UsageError(
        f"{target.name} was never started, so it has no log",
        target=target.name,
        hint=f"start it: dbfleet up {target.name}",
    )
