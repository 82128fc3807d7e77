"""web: the console's pages and its API, by uWSGI. It holds no login that can write to a target."""

from __future__ import annotations

from typing import Final

from dbfleet.services import _console
from dbfleet.services._probes import by_http
from dbfleet.spec import ServiceSpec, Setting

_NUMBER: Final = (r"[1-9]\d{0,2}", "a number from 1 to 999")

SERVICE: Final = ServiceSpec(
    name="web",
    title="Console",
    purpose="serves the console's pages and its API",
    needs=("control", "broker", "worker"),  # a worker makes the schema; web may not
    groups=("console",),
    built=True,
    probe=by_http("/healthz"),
    page="/",
    secrets=("control-web", "broker", "console-key", "door"),
    default_port=8000,
    inner_port=8000,
    environment=_console.web,
    local=_console.role("web", needs=("django", "celery", "pyuwsgi")),
    settings={
        "oidc_url": Setting(
            "DBFLEET_CONSOLE_OIDC_URL",
            r"https?://[^\s@]+",
            "the issuer's address, as in https://login.example.org/realms/x",
        ),
        "oidc_client": Setting("DBFLEET_CONSOLE_OIDC_CLIENT", r"\S+", "the name that the issuer gave to the console"),
        "oidc_secret": Setting("DBFLEET_CONSOLE_OIDC_SECRET", means="text, best ${file:PATH}", secret=True),
        "oidc_ca": Setting(
            "DBFLEET_CONSOLE_OIDC_CA",
            r"\$\{file:.+\}",
            "${file:PATH} of its authority's certificates, where it has an own one",
            secret=True,
        ),
        "oidc_name": Setting("DBFLEET_CONSOLE_OIDC_NAME"),
        "oidc_domains": Setting(
            "DBFLEET_CONSOLE_OIDC_DOMAINS", r"[\w.-]+([,\s]+[\w.-]+)*", "domains, as in example.org, example.net"
        ),
        "totp": Setting("DBFLEET_CONSOLE_TOTP", "optional|required", "optional or required"),
        "processes": Setting("DBFLEET_WEB_PROCESSES", *_NUMBER),
        "threads": Setting("DBFLEET_WEB_THREADS", *_NUMBER),
    },
)
