"""Whether two connections are to one database, however it was spelled: asked of the servers, or of the files.

A path, a symbolic link, another name of the host, another scheme or an option says nothing about it; what a server says
of itself does (Adapter.identity). Nothing may be written from a collection into itself: it would be emptied first.
"""

from __future__ import annotations

from collections.abc import Callable

from dbfleet.adapter import Adapter
from dbfleet.errors import StatementError, UsageError


def of(adapter: Adapter) -> str:
    """Which database this is; by its URL where the server does not say."""
    asked: Callable[[], str] | None = getattr(adapter, "identity", None)
    if asked is not None:
        try:
            return asked()
        except StatementError:  # this user may not see it
            pass
    return f"{adapter.target.url()} {adapter.target.database}"


def refuse_itself(source: Adapter, sink: Adapter, *, hint: str) -> None:
    """UsageError where what is read is what would be written."""
    if of(source) == of(sink):
        one, other = source.target.name, sink.target.name
        what = f"{one} and {other} are the same database" if one != other else f"{one} is both source and sink"
        raise UsageError(f"{what}. Nothing was written", hint=hint)
