"""The provider that tests/console/oidc_provider.py is, and the walk of a person through it without a browser."""

from __future__ import annotations

import html
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from console_people import Person, free_port
from console_servers import end, until
from oidc_provider import PASSWORD, SECRET

CALLBACK = "/oidc/sso/login/callback/"


@dataclass
class Provider:
    """The process, and its folder."""

    url: str
    folder: Path

    @property
    def settings(self) -> dict[str, str]:
        """What a console is told of it. The secret stands in a file."""
        (self.folder / "secret").write_text(SECRET + "\n")
        return {
            "DBFLEET_CONSOLE_OIDC_URL": self.url,
            "DBFLEET_CONSOLE_OIDC_CLIENT": "console",
            "DBFLEET_CONSOLE_OIDC_SECRET": f"${{file:{self.folder / 'secret'}}}",
            "DBFLEET_CONSOLE_OIDC_NAME": "Example Org",
        }

    def lies(self, **lies: Any) -> None:
        """What it claims from now on in the place of the truth; nothing: the truth."""
        (self.folder / "lies.json").write_text(json.dumps(lies))


@contextmanager
def provider(folder: Path, *back: str, host: str = "127.0.0.1") -> Iterator[Provider]:
    """A provider that leads back to these consoles."""
    port = free_port()
    script = Path(__file__).with_name("oidc_provider.py")
    with open(folder / "log", "wb") as log:
        child = subprocess.Popen(
            [sys.executable, str(script), str(folder), host, str(port), *(each + CALLBACK for each in back)],
            stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip

    def ready() -> bool:
        assert child.poll() is None, (folder / "log").read_text()[-3000:]
        return (folder / "ready").exists()

    try:
        until(ready, "the provider answers")
        yield Provider(f"{'https' if (folder / 'tls').exists() else 'http'}://{host}:{port}", folder)
    finally:
        end(child)


def onward(answer: requests.Response) -> str:
    """Where the page behind the button leads to."""
    assert answer.status_code == 200, (answer.status_code, answer.text[-800:])
    found = re.search(r'http-equiv="refresh" content="0;url=([^"]+)"', answer.text)
    assert found is not None, answer.text
    return html.unescape(found[1])


def asked(url: str) -> dict[str, str]:
    """The parameters of an address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def through(person: Person, name: str, *, to: str = "/") -> str:
    """Press the button, and log in at the provider; the address that it leads back to, which is not gone to."""
    person.get("/login")
    leads = onward(person.post("/oidc/sso/login/", next=to))
    browser = person.session
    answer = browser.get(leads, allow_redirects=False, timeout=30)
    if "/accounts/login/" in answer.headers.get("Location", ""):
        origin = f"{urlsplit(leads).scheme}://{urlsplit(leads).netloc}"
        page = (
            origin + answer.headers["Location"]
            if answer.headers["Location"].startswith("/")
            else answer.headers["Location"]
        )
        form = browser.get(page, timeout=30).text
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)
        assert token is not None, form[:500]
        answer = browser.post(
            page, allow_redirects=False, timeout=30,
            data={"login": name, "password": PASSWORD, "csrfmiddlewaretoken": token[1]},
        )  # fmt: skip
        assert answer.status_code == 302, answer.text[-1500:]
        following = answer.headers["Location"]
        answer = browser.get(
            origin + following if following.startswith("/") else following, allow_redirects=False, timeout=30
        )
    back = answer.headers.get("Location", "")
    assert CALLBACK in back, (answer.status_code, back, answer.text[-500:])
    return back


def come_back(person: Person, back: str) -> requests.Response:
    """Go where the provider led."""
    found: requests.Response = person.session.get(back, allow_redirects=False, timeout=60)
    return found


def log_in(person: Person, name: str, *, to: str = "/") -> requests.Response:
    """The whole walk; the console's answer to it."""
    return come_back(person, through(person, name, to=to))
