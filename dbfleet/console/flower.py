"""`python -m dbfleet.console.flower`: Flower, the view of the workers, in the foreground until SIGTERM.

Rule: it answers only who knows its own password, which is nginx: people come through that door, after web has said that
they are admins. The password and the broker's come from files, and stand in no argument of the process. It needs no
Django.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

from dbfleet import secrets
from dbfleet.errors import ConfigError, DbfleetError

PREFIX: Final = "flower"
"""The path under which nginx has it."""

_USER: Final = "dbfleet"


def run() -> int:
    """Serve until SIGTERM. ConfigError where the environment does not say what is needed."""
    from celery import Celery

    def value(name: str) -> str:
        text = secrets.expand(os.environ.get(name, ""), environ=os.environ, directory=Path.cwd())
        if not text:
            raise ConfigError(f"{name} is not set", hint="dbfleet up flower starts it, and sets it")
        return text

    host, _, port = value("DBFLEET_FLOWER_LISTEN").rpartition(":")
    password = value("DBFLEET_FLOWER_PASSWORD")
    app = Celery("dbfleet", broker=value("DBFLEET_BROKER_URL"))
    app.conf.update(timezone="UTC", enable_utc=True, broker_connection_retry_on_startup=True)
    options = {
        "address": host,
        "port": port,
        "url_prefix": PREFIX,
        "basic_auth": f"{_USER}:{password}",
        "persistent": "False",
        "max_tasks": "1000",
        "xheaders": "True",
    }
    app.start(argv=["flower", *(f"--{name}={text}" for name, text in options.items())])
    return 0


if __name__ == "__main__":
    try:
        sys.exit(run())
    except DbfleetError as error:
        print(f"flower: {error.message}" + (f"\n  {error.hint}" if error.hint else ""), file=sys.stderr)
        sys.exit(3)
