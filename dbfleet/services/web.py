"""web: the console's pages and its API, by uWSGI. It holds no login that can write to a target."""

from __future__ import annotations

from typing import Final

from dbfleet.services import _console
from dbfleet.services._probes import by_http
from dbfleet.spec import ServiceSpec

SERVICE: Final = ServiceSpec(
    name="web",
    title="Console",
    purpose="serves the console's pages and its API",
    needs=("control", "broker", "worker"),  # a worker makes the schema; web may not
    groups=("console",),
    built=True,
    probe=by_http("/healthz"),
    page="/",
    secrets=("control-web", "broker", "console-key"),
    default_port=8000,
    inner_port=8000,
    environment=_console.web,
    local=_console.role("web", needs=("django", "celery", "pyuwsgi")),
)
