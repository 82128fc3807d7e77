"""`python -m dbfleet.console ROLE`: one process of the console, in the foreground, until SIGTERM.

    web        the pages and the API, by uWSGI
    worker     does jobs
    beat       rings for schedules
    link [--user NAME]  prints a link that logs in once: the first admin, who is made by it, or that user
    migrate    brings the control database's schema up to date, and ends
    probe ROLE one JSON line about a role's health, exit code 0 or 1

Where the control database and the broker are comes from the environment (console/places.py). What is wrong with that
is told in one line, with exit code 2; 3 where a server does not answer that a role cannot wait for.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from dbfleet.errors import DbfleetError, UsageError


def main(words: Sequence[str]) -> int:
    """Run the role that the words name. An exit code."""
    role = words[0] if words else ""
    if role not in ROLES:
        print(f"usage: python -m dbfleet.console {'|'.join(ROLES)}", file=sys.stderr)
        return 2
    os.environ["DBFLEET_CONSOLE_ROLE"] = "desk" if role == "link" else role
    os.environ["DJANGO_SETTINGS_MODULE"] = "dbfleet.console.settings"
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for noisy in ("kombu", "amqp", "celery.utils.functional", "django.db.backends"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    try:
        return ROLES[role](words[1:])
    except DbfleetError as error:
        print(f"{role}: {error.message}" + (f"\n  {error.hint}" if error.hint else ""), file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 3


def _django() -> None:
    import django

    django.setup()


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _schema_by_owner() -> None:
    """Bring the schema up to date; where it is newer than we are, or the database is not there yet, wait."""
    import time

    from dbfleet.console import places, schema
    from dbfleet.errors import NotReady, Unavailable

    told = ""
    while True:
        try:
            schema.migrate(places.read().web_password, _tell)
            return
        except (NotReady, Unavailable) as error:
            if error.message != told:
                _tell(f"{error.message}; waiting")
                told = error.message
        time.sleep(1.0)


def _worker(words: Sequence[str]) -> int:
    _django()
    from dbfleet.console import worker

    worker.slots()  # a wrong number is told before anything is waited for
    _schema_by_owner()
    return worker.run()


def _beat(words: Sequence[str]) -> int:
    _django()
    _schema_by_owner()
    from dbfleet.console.jobs import making
    from dbfleet.console.jobs.app import app

    making.first_schedule()
    app.Beat(loglevel="WARNING", scheduler="dbfleet.console.jobs.beat:Scheduler", max_interval=5).run()
    return 0


def _migrate(words: Sequence[str]) -> int:
    _django()
    from dbfleet.console import places, schema

    schema.migrate(places.read().web_password, _tell)
    return 0


def _link(words: Sequence[str]) -> int:
    import argparse

    parser = argparse.ArgumentParser(prog="python -m dbfleet.console link")
    parser.add_argument("--user", default="", metavar="NAME", help="whom the link logs in; the first admin otherwise")
    chosen = parser.parse_args(list(words))
    from dbfleet.console import desk
    from dbfleet.fleet import Fleet

    print(desk.opened(Fleet.open()).login_link(chosen.user))
    return 0


def _web(words: Sequence[str]) -> int:
    from dbfleet.console import web

    return web.run()


def _probe(words: Sequence[str]) -> int:
    from dbfleet.console import probe

    return probe.main(words)


ROLES: Final[Mapping[str, Callable[[Sequence[str]], int]]] = {
    "web": _web,
    "worker": _worker,
    "beat": _beat,
    "link": _link,
    "migrate": _migrate,
    "probe": _probe,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
