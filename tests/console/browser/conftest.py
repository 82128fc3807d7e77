"""The console in a real browser: web under uWSGI with its own account, chromium, and axe-core for who cannot see it.

After every test: no error on a page, and no report that the page's policy was broken. Pictures are kept under
`.cache/pages`.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
import requests
from browser_site import AXE, CHROMIUM, Site
from console_servers import WEB_PASSWORD, Console, end, until

from dbfleet.console.desk import Desk

sync_api = pytest.importorskip("playwright.sync_api", reason="an extra is not installed")


@pytest.fixture(scope="session")
def axe() -> str:
    """axe-core's source, from npm, once."""
    file = AXE / "axe.min.js"
    if not file.exists():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("not on this machine")
        AXE.mkdir(parents=True, exist_ok=True)
        package = f"axe-core@{AXE.name.rpartition('-')[2]}"
        subprocess.run([npm, "pack", package, "--silent"], cwd=AXE, check=True, capture_output=True, timeout=120)
        archive = next(AXE.glob("*.tgz"))
        subprocess.run(["tar", "xzf", archive.name, "--strip-components=1", "package/axe.min.js"], cwd=AXE, check=True)
    return file.read_text("utf-8")


@pytest.fixture(scope="session")
def chromium(axe: str) -> Iterator[Any]:
    """The browser."""
    if not CHROMIUM:
        pytest.skip("not on this machine")
    # Playwright runs a loop in this thread, and Django would refuse to ask its database there.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def site_process(console: Console, chromium: Any) -> Iterator[str]:
    """The web process; where it listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    control = console.fleet.service("control")
    url = f"http://127.0.0.1:{port}"
    child = console.start(
        "web", DBFLEET_WEB_LISTEN=f"127.0.0.1:{port}", DBFLEET_CONSOLE_URL=url, DBFLEET_CONTROL_WEB_PASSWORD_FILE="",
        DBFLEET_CONTROL_URL=f"postgresql://dbfleet_web:{quote(WEB_PASSWORD)}@{control.host}:{control.port}/dbfleet",
    )  # fmt: skip

    def up() -> bool:
        assert child.poll() is None, (console.folder / "web.log").read_text()[-2000:]
        try:
            return requests.get(f"{url}/healthz", timeout=5).ok
        except requests.ConnectionError:
            return False

    until(up, "web answers")
    yield url
    end(child)


@pytest.fixture
def site(site_process: str, chromium: Any, axe: str, desk: Desk) -> Iterator[Site]:
    """The console with nothing on record."""
    made = Site(site_process, chromium, axe)
    yield made
    for context in made.contexts:
        context.close()
    assert made.trouble == []
