"""Ctrl-C while python-oracledb waits for the server.

Interrupted, the driver tells the server to stop and waits for its word, for as long as it takes: on a line that is dead
that is forever, and a second Ctrl-C is needed. So the signal's handler first says how long an answer may take.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

ANSWER_MS: Final = 1000
"""How long the server has for what it is asked at the end: to stop, to roll back, to log off."""

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


def hurry(connection: Any) -> None:
    """From now on no answer may take long. On a connection that is lost, nothing."""
    if connection.is_healthy():
        connection.call_timeout = ANSWER_MS


@contextmanager
def interruptible(connection: Any) -> Iterator[None]:
    """A call of the driver that a signal's handler ends by raising: what it raised comes out, in bounded time. Where
    the server did not say that it has stopped, later calls have no more time either."""
    if connection is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    raised: list[BaseException] = []
    handlers = {number: signal.getsignal(number) for number in _SIGNALS}
    for number, handler in handlers.items():
        if callable(handler):
            signal.signal(number, _hurrying(connection, handler, raised))
    answered = True
    try:
        yield
    except Exception as error:
        if raised:  # the driver's own, of the answer that did not come
            answered = False
            raise raised[0] from error
        raise
    finally:
        for number, handler in handlers.items():
            if callable(handler):
                signal.signal(number, handler)
        if raised and answered and connection.is_healthy():
            connection.call_timeout = 0


def _hurrying(
    connection: Any, handler: Callable[[int, FrameType | None], Any], raised: list[BaseException]
) -> Callable[[int, FrameType | None], None]:
    def handle(number: int, frame: FrameType | None) -> None:
        hurry(connection)
        try:
            handler(number, frame)
        except BaseException as error:
            raised.append(error)
            raise

    return handle
