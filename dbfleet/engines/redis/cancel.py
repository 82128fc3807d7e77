"""A running command stopped, over a second connection.

A blocked command is unblocked, a script killed, and what neither helps (a reply of millions of elements) loses its
connection; the next call makes a new one. A script is heard out for the first 5 seconds (busy-reply-threshold), and to
its end once it has written: Redis knows no way to undo that.
"""

from __future__ import annotations

from contextlib import suppress

from dbfleet.engines.redis.wire import ConnectionLost, Dial, ReplyError, Wire


def stop(wire: Wire, dial: Dial, identity: int | None, *, script: bool) -> None:
    """Stop what the wire waits for. `identity` is its connection's number on the server, `script` says whether a script
    or a function runs there. A server that takes no second connection is not told."""
    try:
        other, _ = dial(select=False)  # a busy server takes no SELECT
    except Exception:
        return  # no way to tell the server: as good as cancelled is not to wait for it
    try:
        if script:
            for command in ("SCRIPT", "FUNCTION"):
                with suppress(ReplyError):
                    other.ask(command, "KILL")
        elif identity is not None:
            with suppress(ReplyError):
                if not other.ask("CLIENT", "UNBLOCK", identity, "ERROR") and wire.waiting:
                    other.ask("CLIENT", "KILL", "ID", identity)
    except ConnectionLost:
        pass
    finally:
        other.close()
