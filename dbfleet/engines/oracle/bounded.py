"""A limit for a call of the driver that may wait for ever and has no timeout of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from dbfleet.errors import Unavailable


def bounded(call: Callable[[], Any], timeout_s: float, waiting_for: str) -> Any:
    """The connection that `call` makes; Unavailable where there is none after `timeout_s`.

    `call` runs in a thread, which is left alone then and closes a connection that comes too late. An interrupt ends the
    wait.
    """
    made: list[Any] = []
    raised: list[BaseException] = []
    given_up = threading.Event()

    def run() -> None:
        try:
            connection = call()
        except BaseException as error:
            raised.append(error)
        else:
            made.append(connection)
            if given_up.is_set():
                connection.close()

    worker = threading.Thread(target=run, daemon=True)
    worker.start()
    try:
        worker.join(timeout_s)
    finally:
        given_up.set()
    if raised:
        raise raised[0]
    if not made:
        raise Unavailable(f"{waiting_for} did not answer within {timeout_s:g} s")
    return made[0]
