"""Somebody who uses the console: a browser's session without a browser."""

from __future__ import annotations

import json
import re
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from console_servers import WEB_PASSWORD, Console

from dbfleet.console.access import links


@dataclass
class Web:
    """The process that listens."""

    url: str
    log: Path
    child: subprocess.Popen[bytes]

    def is_up(self) -> bool:
        assert self.child.poll() is None, self.log.read_text()[-2000:]
        try:
            return requests.get(f"{self.url}/healthz", timeout=5).ok
        except requests.RequestException:  # not there yet, or slow with its first page
            return False


class Person:
    """Cookies, and what a form sends besides its fields."""

    def __init__(self, web: Web, name: str = "", password: str = "") -> None:
        self.web, self.name, self.password = web, name, password
        self.session = requests.Session()

    def close(self) -> None:
        self.session.close()

    @property
    def csrf(self) -> str:
        return next((each.value or "" for each in self.session.cookies if each.name.endswith("-csrf")), "")

    @property
    def key(self) -> str:
        """The session's own cookie."""
        found = [each.value or "" for each in self.session.cookies if re.fullmatch(r"(__Host-)?dbfleet-\d+", each.name)]
        return found[0] if found else ""

    def enter(self) -> None:
        """Log in by a link, as nobody's password is needed for that."""
        link = f"/link/{links.make(by='cli:test', user=self.name)}"
        assert self.get(link).status_code == 200
        assert self.post(link).status_code == 302

    def log_in(self, name: str, password: str, **more: str) -> requests.Response:
        self.get("/login")
        return self.post("/login", username=name, password=password, **more)

    def get(self, path: str, **more: Any) -> requests.Response:
        return self.session.get(self.web.url + path, allow_redirects=False, timeout=30, **more)

    def post(self, path: str, *, headers: dict[str, str] | None = None, **form: Any) -> requests.Response:
        body = {"csrfmiddlewaretoken": self.csrf, **form}
        return self.session.post(self.web.url + path, data=body, headers=headers, allow_redirects=False, timeout=60)

    def page(self, path: str) -> str:
        found = self.get(path)
        assert found.status_code == 200, (found.status_code, found.text[:500])
        return found.text

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        """The API, by the session; with a token, without it."""
        if "Authorization" in headers:
            own: Any = requests
        else:
            own, headers = self.session, {"X-CSRFToken": self.csrf, **headers}
        data = None if body is None else json.dumps(body)
        found: requests.Response = own.request(
            method, f"{self.web.url}/api{path}", data=data, headers=headers, timeout=60
        )
        return found


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def free_port() -> int:
    """A port that nobody has right now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def environment(console: Console, port: int) -> dict[str, str]:
    """What a web process is told that listens on this port."""
    control = console.fleet.service("control")
    (console.folder / "web-password").write_text(WEB_PASSWORD)
    return {
        "DBFLEET_CONTROL_URL": f"postgresql://dbfleet_web:${{file:{console.folder / 'web-password'}}}"
        f"@{control.host}:{control.port}/dbfleet",
        "DBFLEET_CONTROL_WEB_PASSWORD_FILE": "",
        "DBFLEET_WEB_LISTEN": f"127.0.0.1:{port}",
        "DBFLEET_CONSOLE_URL": f"http://127.0.0.1:{port}",
    }
