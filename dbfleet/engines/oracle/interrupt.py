"""Ctrl-C while python-oracledb waits for the server.

When it is interrupted, the driver tells the server to stop and waits for the answer without a limit: on a dead line
that is for ever, and a second Ctrl-C is needed. So the signal's handler first limits how long an answer may take.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

ANSWER_MS: Final = 1000
"""How long the server may take at the end to stop, to roll back, and to log off."""

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def hurry(connection: Any) -> None:
    """Limit how long an answer may take from now on. Does nothing on a connection that is lost."""
    if connection.is_healthy():
        connection.call_timeout = ANSWER_MS


@contextmanager
def interruptible(connection: Any) -> Iterator[None]:
    """While the driver is called: what a signal's handler raises ends the call in bounded time, and is raised on. Where
    the server did not answer that it has stopped, the limit holds for later calls too."""
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
        if raised:  # the driver's own error, as the answer did not come
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
