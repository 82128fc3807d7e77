"""web: the pages and the API under uWSGI, from the wheel pyuwsgi. Nothing imports `uwsgi`, so any WSGI server does."""

from __future__ import annotations

import os
import sys

from dbfleet.console import places

PROCESSES = 1
THREADS = 8
"""One process of 90 MB with eight threads: pages wait for databases, and four processes are three times the memory."""

MOST_BODY = 16 << 20
"""Of a request; what is larger is not answered at all. Django's own limit, which is told, is below it."""


def run() -> int:
    """Serve until SIGTERM. Returns only where uWSGI cannot be had."""
    import django

    django.setup()
    from dbfleet.console import schema
    from dbfleet.errors import UsageError

    where = places.read()
    if not where.listen:
        raise UsageError("DBFLEET_WEB_LISTEN is not set", hint="HOST:PORT on which web speaks HTTP")
    processes = places.number("DBFLEET_WEB_PROCESSES", PROCESSES)
    threads = places.number("DBFLEET_WEB_THREADS", THREADS)
    schema.wait(lambda text: print(text, file=sys.stderr, flush=True))
    try:
        import pyuwsgi
    except ImportError:
        raise UsageError("uWSGI is not installed", hint="pip install 'dbfleet[console]'") from None
    from django.db import connections

    connections.close_all()
    os.environ["DBFLEET_PYTHON"] = sys.executable  # under uWSGI it is another one
    options = [
        "--http-socket", where.listen, "--module", "dbfleet.console.wsgi:application", "--master", "--die-on-term",
        "--need-app", "--lazy-apps", "--processes", str(processes),
        "--threads", str(threads), "--buffer-size", "32768",
        "--harakiri", "0", "--vacuum", "--single-interpreter", "--disable-logging", "--log-5xx",
        "--worker-reload-mercy", "5", "--strict", "--http-auto-chunked", "--listen", "100",
        # A body is read whether the view wants it or not: what is left unread would reset the line under the answer.
        "--post-buffering", "65536", "--limit-post", str(MOST_BODY),
        # A client that takes nothing for so long has gone: a download may pause.
        "--socket-timeout", "60",
    ]  # fmt: skip
    if where.uwsgi:
        options += ["--socket", where.uwsgi]
    pyuwsgi.run(options)
    return 1
