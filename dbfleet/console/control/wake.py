"""Processes that wait for each other through the control database: PostgreSQL's NOTIFY instead of many looks.

Nothing depends on a word that comes: who waits looks again after the time it gives. A word that comes sooner saves that
time. A copy of seven parts by two workers waited 0.9 s of its 9 s for the next look, with pauses of up to 0.2 s.
"""

from __future__ import annotations

import time

from django.db import connection


def listen(job: int) -> None:
    """Hear from now on, over this thread's connection, what is said of the job. Again after each new connection."""
    connection.ensure_connection()
    if job not in connection.connection.heard:
        with connection.cursor() as cursor:
            cursor.execute(f"LISTEN {_channel(job)}")
        connection.connection.heard.add(job)


def forget(job: int) -> None:
    """Hear no more of the job."""
    if connection.connection is not None and job in connection.connection.heard:
        connection.connection.heard.discard(job)
        with connection.cursor() as cursor:
            cursor.execute(f"UNLISTEN {_channel(job)}")


def tell(job: int) -> None:
    """Wake those who wait for something of the job."""
    with connection.cursor() as cursor:
        cursor.execute(f"NOTIFY {_channel(job)}")


def wait(seconds: float) -> bool:
    """Wait until something is said of what this thread listens to, and no longer than `seconds`. Whether it was."""
    if connection.connection is None:
        time.sleep(seconds)
        return False
    with connection.wrap_database_errors:
        return any(True for _ in connection.connection.notifies(timeout=seconds, stop_after=1))


def _channel(job: int) -> str:
    return f"dbfleet_job_{int(job)}"
