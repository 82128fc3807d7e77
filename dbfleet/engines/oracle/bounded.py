"""A driver's call that may wait forever, and cannot be told not to."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from dbfleet.errors import Unavailable


def bounded(call: Callable[[], Any], timeout_s: float, waiting_for: str) -> Any:
    """What `call`, which connects, gives; Unavailable where it has given nothing after `timeout_s`.

    It runs in a thread, which is left behind then, and closes what comes too late. An interrupt ends the waiting.
    """
    found: list[Any] = []
    raised: list[BaseException] = []
    given_up = threading.Event()

    def run() -> None:
        try:
            connection = call()
        except BaseException as error:
            raised.append(error)
        else:
            found.append(connection)
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
    if not found:
        raise Unavailable(f"{waiting_for} did not answer within {timeout_s:g} s")
    return found[0]
