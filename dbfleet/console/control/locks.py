"""Locks of the control database that belong to a session (advisory ones), and what becomes of them where the process
that has one does not go on.

A process that dies gives its locks back at once: its session ends. One that is frozen does not, nor does one whose
machine is cut off from the network: there the session stays until the server's own keepalives give it up, after two
hours by PostgreSQL's default. So whoever needs such a lock may end the session that has it, by a rule under which that
process counts no more. When it wakes up, its next statement fails. A session that stops inside a transaction is ended
by the server (settings.py, idle_in_transaction_session_timeout).
"""

from __future__ import annotations

from typing import Final

from django.db import connection

FROZEN_S: Final = 20.0
"""A session that has a lock for statements which follow each other, and asked nothing for so long, is frozen. Nothing
that is done under one waits longer for somebody else (a broker that is away: 13 s)."""
_ENDS_MS: Final = 2000
"""So long the server is waited for until a session that it ends has given its locks back."""


def taken(key: int) -> bool:
    """Whether this session has the lock of this number now."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [key])
        return bool(cursor.fetchone()[0])


def end_frozen(key: int) -> bool:
    """End the session that has the lock, where it has asked nothing for FROZEN_S. Whether the lock is
    free now."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT bool_or(pg_terminate_backend(a.pid, %s)) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
             WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
               AND (l.classid::bigint << 32) | l.objid::bigint = %s
               AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
               AND a.state LIKE 'idle%%' AND a.state_change < clock_timestamp() - make_interval(secs => %s)
            """,
            [_ENDS_MS, key, FROZEN_S],
        )
        return bool(cursor.fetchone()[0])


def give_back(key: int) -> None:
    """Let others have the lock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock(%s)", [key])


def lead_of(job: int) -> None:
    """This session is the one of the job's lead from now on: that of an earlier lead is ended, with its locks. Only for
    whoever holds the claim: the earlier one counts no more."""
    name = f"dbfleet-lead-{int(job)}"
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid, %s) FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name = %s AND pid <> pg_backend_pid()",
            [_ENDS_MS, name],
        )
        cursor.execute("SELECT set_config('application_name', %s, false)", [name])
