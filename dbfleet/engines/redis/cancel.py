"""A running command stopped, over a second connection.

A blocked command is unblocked, and a script is killed. Where neither helps, as with a reply of millions of elements,
the connection is ended, and the next call makes a new one. So it is for an account that may not end what runs on the
server, as the reader's: the server notices that nobody waits any more. A script runs on for its first 5 seconds
(busy-reply-threshold), and to its end once it has written: Redis has no way to undo that.
"""

from __future__ import annotations

from contextlib import suppress

from dbfleet.engines.redis.connect import Dial
from dbfleet.engines.redis.wire import ConnectionLost, ReplyError, Wire


def stop(wire: Wire, dial: Dial, identity: int | None, *, script: bool) -> None:
    """Stop what the wire waits for. `identity` is the number of its connection on the server; `script`: a script or a
    function runs there. Does nothing where the server takes no second connection."""
    try:
        second, _ = dial(select=False)  # a busy server takes no SELECT
    except Exception:
        return  # there is no way to tell the server; the caller does not wait for it any more
    try:
        if script:
            for command in ("SCRIPT", "FUNCTION"):
                with suppress(ReplyError):
                    second.ask(command, "KILL")
        elif identity is not None:
            try:
                if not second.ask("CLIENT", "UNBLOCK", identity, "ERROR") and wire.waiting:
                    second.ask("CLIENT", "KILL", "ID", identity)
            except ReplyError as exc:
                if exc.code == "NOPERM":
                    wire.hang_up()
    except ConnectionLost:
        pass
    finally:
        second.close()
