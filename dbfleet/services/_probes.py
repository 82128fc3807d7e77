"""How `health` asks a service: one round trip in its own protocol. A probe raises Unavailable where the answer is no.

Rule: a probe is made with what a service is known by, `Asked`, and gives `probe(asked, timeout_s)`. No probe loads
OpenSSL into this process (see values.digest_rows).
"""

from __future__ import annotations

import json
import os
import re
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Final

from dbfleet import __version__, registry
from dbfleet.adapter import ServerInfo
from dbfleet.errors import Unavailable
from dbfleet.runtimes import ClientCommand, ports
from dbfleet.spec import ServiceSpec
from dbfleet.target import Target

LOADING_S: Final = 30.0
"""Python, Celery and a driver take a second to load, more on a busy machine."""

LONGEST_ANSWER: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Asked:
    """A service that is asked: where it is, its port as it is seen from beside it, and how a command is run there."""

    spec: ServiceSpec
    target: Target
    port: int
    beside: Callable[[Sequence[str]], ClientCommand]


Probe = Callable[[Asked, float], ServerInfo]


def by_engine(asked: Asked, timeout_s: float) -> ServerInfo:
    """A round trip through the adapter of the engine whose server the service is."""
    target = asked.target.with_(engine=asked.spec.engine)
    with registry.connect(target, timeout_s=timeout_s) as adapter:
        return adapter.ping()


def by_http(path: str) -> Probe:
    """GET this path of the service, which answers 200 with a JSON object whose `ok` is not false."""

    def probe(asked: Asked, timeout_s: float) -> ServerInfo:
        began = perf_counter()
        host, port = asked.target.host or ports.LOOPBACK, asked.target.port or 0
        status, body = _get(host, port, path, timeout_s)
        said = _object(body)
        if status != 200 or said.get("ok") is False:
            why = str(said.get("error") or f"it answers {status} to GET {path}")
            raise Unavailable(f"{asked.target.name} is not well: {why}", target=asked.target.name)
        version = str(said.get("version") or __version__)
        return ServerInfo(str(said.get("product") or "dbfleet"), version, perf_counter() - began)

    return probe


def by_https(path: str) -> Probe:
    """The same through TLS, whoever signed the certificate; in a process of its own, as it needs OpenSSL."""

    def probe(asked: Asked, timeout_s: float) -> ServerInfo:
        began = perf_counter()
        where = (asked.target.host or ports.LOOPBACK, str(asked.target.port), path, str(timeout_s))
        said = _run(
            ClientCommand((sys.executable, "-c", _GET_BY_TLS, *where)), asked.target.name, timeout_s + LOADING_S
        )
        if said.get("ok") is False:
            raise Unavailable(f"{asked.target.name} is not well: {said.get('error')}", target=asked.target.name)
        server, _, version = str(said.get("server") or "nginx").partition("/")
        return ServerInfo(server, version, perf_counter() - began)

    return probe


_GET_BY_TLS: Final = """
import http.client, json, ssl, sys
host, port, path, timeout_s = sys.argv[1:]
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
try:
    connection = http.client.HTTPSConnection(host, int(port), timeout=float(timeout_s), context=context)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read(65536)
    try:
        said = json.loads(body)
    except ValueError:
        said = {"error": body.decode(errors="replace").strip()[:200]}
    good = answer.status == 200 and said.get("ok") is not False
    error = said.get("error") or f"it answers {answer.status} to GET {path}"
    print(json.dumps({"ok": good, "error": None if good else error, "server": answer.headers.get("Server")}))
except Exception as error:
    print(json.dumps({"ok": False, "error": f"port {port} does not answer: {error}"}))
"""


def from_beside(path: str, *, product: str) -> Probe:
    """GET this path of a service that is not published: by a Python that runs beside it."""

    def probe(asked: Asked, timeout_s: float) -> ServerInfo:
        began = perf_counter()
        address = f"http://127.0.0.1:{asked.port}{path}"
        said = _run(
            asked.beside(["python3", "-c", _GET, address, str(timeout_s)]), asked.target.name, timeout_s + LOADING_S
        )
        if not said.get("ok"):
            raise Unavailable(f"{asked.target.name} is not well: {said.get('error')}", target=asked.target.name)
        return ServerInfo(product, "", perf_counter() - began)

    return probe


_GET: Final = """
import json, sys, urllib.request
try:
    with urllib.request.urlopen(sys.argv[1], timeout=float(sys.argv[2])) as answer:
        answer.read()
    print(json.dumps({"ok": True}))
except Exception as error:
    print(json.dumps({"ok": False, "error": str(error)}))
"""


def by_role(role: str) -> Probe:
    """Let the console ask its own role, where it runs: `python -m dbfleet.console probe ROLE`."""

    def probe(asked: Asked, timeout_s: float) -> ServerInfo:
        began = perf_counter()
        command = asked.beside(["python3", "-m", "dbfleet.console", "probe", role])
        said = _run(command, asked.target.name, timeout_s + LOADING_S)
        if not said.get("ok"):
            why = str(said.get("error") or "it does not answer")
            raise Unavailable(f"{asked.target.name} is not well: {why}", target=asked.target.name)
        latency_s = float(said.get("latency_ms") or (perf_counter() - began) * 1000) / 1000
        return ServerInfo("dbfleet", str(said.get("version") or __version__), latency_s)

    return probe


def _run(command: ClientCommand, name: str, timeout_s: float) -> Mapping[str, Any]:
    """The JSON object that the command's last line is."""
    import subprocess  # here, as it takes 5 ms and engines are asked without it

    try:
        done = subprocess.run(
            command.argv,
            env={**os.environ, **command.environment},
            capture_output=True,
            timeout=timeout_s,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"{name} did not answer within {timeout_s:g} s", target=name) from error
    except OSError as error:
        raise Unavailable(f"{name} cannot be asked: {command.argv[0]}: {error.strerror}", target=name) from error
    lines = done.stdout.decode(errors="replace").strip().splitlines()
    said = _object(lines[-1].encode() if lines else b"")
    if not said:
        words = done.stderr.decode(errors="replace").strip().splitlines()
        return {"ok": False, "error": words[-1] if words else f"its probe ended with {done.returncode}"}
    return said


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _get(host: str, port: int, path: str, timeout_s: float) -> tuple[int, bytes]:
    """Status and body of a GET, over a plain socket: http.client would load OpenSSL."""
    request = f"GET {path} HTTP/1.0\r\nHost: localhost\r\nUser-Agent: dbfleet\r\nConnection: close\r\n\r\n"
    try:
        with socket.create_connection((host, port), timeout=timeout_s) as connection:
            connection.settimeout(timeout_s)
            connection.sendall(request.encode())
            answer = b""
            while len(answer) < LONGEST_ANSWER and (block := connection.recv(1 << 16)):
                answer += block
    except TimeoutError as error:
        raise Unavailable(f"port {port} did not answer within {timeout_s:g} s") from error
    except OSError as error:
        raise Unavailable(f"port {port} does not answer: {error.strerror or error}") from error
    head, _, body = answer.partition(b"\r\n\r\n")
    status = re.match(rb"HTTP/1\.\d (\d{3})", head)
    if status is None:
        raise Unavailable(f"what listens on port {port} does not speak HTTP")
    return int(status[1]), body
