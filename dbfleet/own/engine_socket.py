"""Asks the Docker engine by plain HTTP over its own socket: 1 ms for a question, where the docker command takes 40.

Rule: it asks and never changes anything. Where the engine is not behind a Unix socket of this machine (ssh, TCP, a
named pipe), it uses the docker command, which knows them all.
"""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

DEFAULT: Final = "unix:///var/run/docker.sock"
TIMEOUT_S: Final = 5.0


class NoEngine(Exception):
    """The Docker engine did not answer; the text says why."""


def endpoint(environ: Mapping[str, str] | None = None) -> str:
    """The address that the docker command would use now: DOCKER_HOST > DOCKER_CONTEXT > the chosen context > the usual
    socket."""
    environ = os.environ if environ is None else environ
    if host := environ.get("DOCKER_HOST"):
        return host
    folder = Path(environ.get("DOCKER_CONFIG") or Path(environ.get("HOME") or Path.home()) / ".docker")
    name = environ.get("DOCKER_CONTEXT") or read_json(folder / "config.json").get("currentContext")
    if name and name != "default":
        for file in folder.glob("contexts/meta/*/meta.json"):
            context = read_json(file)
            if context.get("Name") == name:
                return str(context.get("Endpoints", {}).get("docker", {}).get("Host") or DEFAULT)
    return DEFAULT


def read_json(file: Path) -> dict[str, Any]:
    """The JSON object in the file; an empty one where there is none or it cannot be read."""
    try:
        content = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def container(engine: str, name: str, labels: Mapping[str, str]) -> dict[str, Any] | None:
    """The inspection of the container that has these labels: of the one with this name, else of any; None where no
    container has them."""
    inspected = _inspect(engine, name)
    if inspected and labels.items() <= inspected["Config"]["Labels"].items():
        return inspected
    if local(engine):
        wanted = quote(json.dumps({"label": [f"{key}={value}" for key, value in labels.items()]}))
        for listed_container in _get(engine, f"/containers/json?all=1&filters={wanted}") or ():
            return _inspect(engine, listed_container["Id"])
        return None
    filters = [word for key, value in labels.items() for word in ("--filter", f"label={key}={value}")]
    listed = _docker("container", "ls", "--all", "--quiet", "--no-trunc", *filters).split()
    return _inspect(engine, listed[0]) if listed else None


def local(engine: str) -> bool:
    """Whether this Docker engine is behind a Unix socket of this machine."""
    return engine.startswith("unix://")


def _inspect(engine: str, name: str) -> dict[str, Any] | None:
    if local(engine):
        inspected = _get(engine, f"/containers/{quote(name)}/json")
    else:
        try:
            inspected = json.loads(_docker("container", "inspect", name))[0]
        except NoEngine as error:
            if "no such container" in str(error).lower():
                return None
            raise
    return inspected if isinstance(inspected, dict) else None


def _get(engine: str, path: str) -> Any:
    """The engine's answer; None where it answers 404."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(TIMEOUT_S)
            connection.connect(engine.removeprefix("unix://"))
            # HTTP/1.0: the answer ends with the connection and is not sent in chunks.
            connection.sendall(f"GET {path} HTTP/1.0\r\nHost: docker\r\n\r\n".encode())
            answer = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    except OSError as error:
        raise NoEngine(f"{engine} {error.strerror or error}") from error
    head, _, body = answer.partition(b"\r\n\r\n")
    status = re.match(rb"HTTP/1\.\d (\d{3})", head)
    try:
        if not status:
            raise ValueError
        content = json.loads(body)
    except ValueError as error:
        raise NoEngine(f"{engine} speaks something else than Docker's language") from error
    if status[1] == b"404":
        return None
    if status[1] != b"200":
        raise NoEngine(f"{engine} said {status[1].decode()}: {content.get('message', '')}")
    return content


def _docker(*arguments: str) -> str:
    import subprocess  # here, as it takes 5 ms and the usual way does not need it

    try:
        done = subprocess.run(
            ["docker", *arguments], capture_output=True, timeout=TIMEOUT_S, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoEngine(f"the docker command did not answer: {error}") from error
    if done.returncode:
        raise NoEngine(done.stderr.decode(errors="replace").strip())
    return done.stdout.decode()
