"""nginx: the door of the console. TLS, limits, and the pages of Flower and pgAdmin for admins only."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from dbfleet.errors import RuntimeFailure
from dbfleet.runtimes import compose
from dbfleet.services import _nginx
from dbfleet.services._probes import by_https
from dbfleet.spec import LocalServer, ServerPlan, ServiceSpec, Surroundings

PAIR: Final = "tls"
"""The folder of the certificate and its key, in that of the secrets."""


def _environment(surroundings: Surroundings) -> Mapping[str, str]:
    """What its configuration is made of: no process reads it from the environment."""

    def at(name: str) -> str:
        host, port = surroundings.addresses.get(name, ("", 0))
        return f"{host}:{port}" if name == "web" or name in surroundings.wanted else ""

    return {
        "DBFLEET_CONSOLE_URL": surroundings.page,
        "DBFLEET_NGINX_WEB": at("web"),
        "DBFLEET_NGINX_FLOWER": at("flower"),
        "DBFLEET_NGINX_PGADMIN": at("pgadmin"),
        "DBFLEET_NGINX_HTTP_PORT": str(surroundings.ports["DBFLEET_NGINX_HTTP_PORT"]),
        "DBFLEET_NGINX_DOOR_FILE": str(surroundings.secrets / "door"),
        "DBFLEET_SECRETS_DIR": str(surroundings.secrets),
    }


def _command(plan: ServerPlan) -> Sequence[str]:
    told = plan.environment
    secrets = Path(told["DBFLEET_SECRETS_DIR"])
    configuration = plan.run / "nginx.conf"
    text = _nginx.configuration(
        _nginx.Places(
            https=f"127.0.0.1:{plan.port}",
            http=f"127.0.0.1:{told['DBFLEET_NGINX_HTTP_PORT']}",
            web=told["DBFLEET_NGINX_WEB"],
            flower=told["DBFLEET_NGINX_FLOWER"] or None,
            pgadmin=told["DBFLEET_NGINX_PGADMIN"] or None,
            page=told["DBFLEET_CONSOLE_URL"],
            pair=str(secrets / PAIR),
            work=str(plan.run),
            flower_login=flower_login((secrets / "flower").read_text("ascii").strip()),
            door=Path(told["DBFLEET_NGINX_DOOR_FILE"]).read_text("ascii").strip(),
            user="root" if os.geteuid() == 0 else None,
        )
    )
    # It has Flower's password, and the door's word: for its owner alone.
    with open(os.open(configuration, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
        out.write(text)
    script = compose.stacks() / "services" / "nginx.sh"
    return ["/bin/sh", str(script), str(plan.binaries["nginx"]), str(configuration), str(secrets / PAIR)]


def flower_login(password: str) -> str:
    """The header by which Flower knows that a request came through the door."""
    return "Basic " + base64.b64encode(f"dbfleet:{password}".encode()).decode()


def _make(secrets: Path) -> None:
    """A certificate where there is none."""
    command = [sys.executable, "-m", "dbfleet.services._certificate", str(secrets / PAIR)]
    package = str(Path(_nginx.__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path}, check=False)
    if done.returncode:
        raise RuntimeFailure(
            "nginx's certificate could not be made",
            command=command,
            exit_code=done.returncode,
            log_tail=done.stderr.strip(),
            target="nginx",
            hint=f"put certificate.pem and key.pem into {secrets / PAIR}",
        )


SERVICE: Final = ServiceSpec(
    name="nginx",
    title="nginx",
    purpose="the console's door: TLS, limits, and Flower and pgAdmin for admins only",
    needs=("web",),
    groups=("console",),
    probe=by_https("/healthz"),
    page="/",
    scheme="https",
    secrets=("flower", "door"),
    default_port=8443,
    inner_port=8443,
    more_ports={"DBFLEET_NGINX_HTTP_PORT": 8080},
    optional=True,
    door=True,
    make=_make,
    environment=_environment,
    local=LocalServer(
        choices=(("nginx",),),
        command=_command,
        how_to_get="your system's package nginx has it; without it the console is at web's own address",
        places=("/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/bin"),
        changes_programs=True,
        stop_timeout_s=20.0,
    ),
)
