"""Whether a role of the console does its work, asked in its own way: one JSON line, and an exit code.

web      its /healthz, which says whether the schema is there
worker   a Celery ping through the broker, which no other service's worker and no other machine's answers
beat     when it last looked at its schedules
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from dbfleet import __version__

TIMEOUT_S: Final = 4.0


def main(words: Sequence[str]) -> int:
    """Probe the role that the words name. 0 where it is well."""
    role = words[0] if words else ""
    if role not in PROBES:
        print(f"usage: python -m dbfleet.console probe {'|'.join(PROBES)}", file=sys.stderr)
        return 2
    began = time.perf_counter()
    try:
        found = PROBES[role]()
    except Exception as error:  # whatever is wrong is the answer
        found = {"ok": False, "error": f"{type(error).__name__}: {error}".strip().splitlines()[0]}
    found.setdefault("latency_ms", round((time.perf_counter() - began) * 1000, 2))
    print(json.dumps({"role": role, "version": __version__, **found}))
    return 0 if found["ok"] else 1


def _web() -> dict[str, Any]:
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    host, _, port = os.environ.get("DBFLEET_WEB_LISTEN", "127.0.0.1:8000").rpartition(":")
    host = "127.0.0.1" if host in ("0.0.0.0", "") else host  # noqa: S104 - it listens everywhere inside a container
    request = Request(f"http://{host}:{port}/healthz", headers={"Host": "localhost"})
    try:
        with urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 - our own address
            said = json.loads(answer.read())
    except HTTPError as error:
        said = json.loads(error.read())
    return {"ok": bool(said.get("ok")), "error": said.get("error")}


def _worker() -> dict[str, Any]:
    import redis

    # The wire form of Celery's own ping is what its control gives; importing Celery and Django costs 0.5 s and 60 MB.
    from celery import Celery

    from dbfleet.console import places

    broker = places.read().broker
    redis.Redis.from_url(broker, socket_connect_timeout=TIMEOUT_S).ping()
    app = Celery("dbfleet", broker=broker)
    app.conf.broker_transport_options = {"socket_connect_timeout": 3, "socket_timeout": TIMEOUT_S}
    here = places.worker_here()
    answers = app.control.broadcast("ping", reply=True, timeout=1.5, limit=1, pattern=f"{here}:*", matcher="glob") or ()
    names = [name for answer in answers for name in answer]
    return {
        "ok": bool(names),
        "workers": names,
        "error": None if names else f"no {here} answers a ping through the broker",
    }


def _beat() -> dict[str, Any]:
    import psycopg

    from dbfleet.console import places
    from dbfleet.console.places import ALIVE_S

    where = places.read().control
    with psycopg.connect(
        host=where.host, port=where.port, user=where.user, password=where.password, dbname=where.database or "dbfleet",
        connect_timeout=int(TIMEOUT_S),
    ) as connection:  # fmt: skip
        row = connection.execute(
            "SELECT extract(epoch FROM clock_timestamp() - at) FROM console_pulse WHERE name = 'beat'"
        ).fetchone()
    if row is None:
        return {"ok": False, "error": "beat has not looked at its schedules yet"}
    ago = float(row[0])
    return {"ok": ago < ALIVE_S, "error": None if ago < ALIVE_S else f"beat looked at its schedules {ago:.0f} s ago"}


PROBES: Final[Mapping[str, Callable[[], dict[str, Any]]]] = {"web": _web, "worker": _worker, "beat": _beat}
