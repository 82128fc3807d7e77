"""The way in through the real nginx, as people take it: TLS, second factors, who has to wait, who passes the door."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import requests
from console_people import Person, Web, environment, free_port
from console_servers import Console, end, until
from django.contrib.auth.models import User
from oidc_walk import asked, come_back, provider, through
from requests.adapters import HTTPAdapter
from test_second import code_for, now

from dbfleet.console.access import people, second
from dbfleet.console.desk import Desk
from dbfleet.runtimes import ports
from dbfleet.services import _certificate, _nginx, nginx

NGINX = shutil.which("nginx", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"]))
PASSWORD = "correct horse battery"
pytestmark = pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")


@dataclass
class Door(Web):
    """nginx, with web behind it at `direct`, and plain HTTP at `plain`. The certificate is signed by `pair`'s own."""

    direct: str = ""
    plain: str = ""
    pair: Path = Path()


@pytest.fixture(scope="module")
def door(console: Console, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    if NGINX is None:
        pytest.skip("no nginx on this machine")
    folder = tmp_path_factory.mktemp("door")
    https, plain, port = (free_port() for _ in range(3))
    url = f"https://127.0.0.1:{https}"

    class Flower(BaseHTTPRequestHandler):
        """What stands where Flower would: it says that somebody came through."""

        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"the workers")

        def log_message(self, *args: Any) -> None:
            pass

    flower = ThreadingHTTPServer(("127.0.0.1", 0), Flower)
    serving = threading.Thread(target=flower.serve_forever)
    serving.start()
    _certificate.make(folder / "tls")
    (folder / "nginx.conf").write_text(
        _nginx.configuration(
            _nginx.Places(
                https=f"127.0.0.1:{https}", http=f"127.0.0.1:{plain}", web=f"127.0.0.1:{port}",
                flower=f"127.0.0.1:{flower.server_address[1]}", pgadmin=None, page=url, pair=str(folder / "tls"),
                work=str(folder), flower_login=nginx.flower_login("x"), door="what nginx and web know",
                user="root" if os.geteuid() == 0 else None,
            )
        )
    )  # fmt: skip
    script = _nginx.stack_file().with_name("nginx.sh")
    theirs = tmp_path_factory.mktemp("provider")
    shutil.copytree(folder / "tls", theirs / "tls")
    with provider(theirs, url) as service, open(folder / "log", "wb") as log:
        (folder / "door").write_text("what nginx and web know")
        own = {**environment(console, port), **service.settings, "DBFLEET_WEB_DOOR_FILE": str(folder / "door")}
        own["DBFLEET_CONSOLE_OIDC_CA"] = f"${{file:{theirs / 'tls' / 'certificate.pem'}}}"
        child = console.start("web", **own | {"DBFLEET_CONSOLE_TOTP": "required", "DBFLEET_CONSOLE_URL": url})
        before = subprocess.Popen(
            ["/bin/sh", str(script), NGINX, str(folder / "nginx.conf"), str(folder / "tls")], stderr=log
        )
        try:
            direct = f"http://127.0.0.1:{port}"
            until(Web(direct, console.folder / "web.log", child).is_up, "web answers")
            until(lambda: ports.answers(https), "nginx answers")
            yield Door(url, folder / "log", child, direct, f"http://127.0.0.1:{plain}", folder / "tls")
        finally:
            before.terminate()
            before.wait(30)
            end(child)
            flower.shutdown()
            flower.server_close()
            serving.join()


NUMBERS = count(1)


class From(HTTPAdapter):
    """Connections from one of this machine's own addresses."""

    def __init__(self, address: str) -> None:
        self.address = address
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, source_address=(self.address, 0))  # type: ignore[no-untyped-call]


@pytest.fixture
def browser(door: Door, desk: Desk) -> Iterator[Callable[..., Person]]:
    """Makes browsers, which take web's certificate for good. Each comes from an address of its own, as nginx lets none
    log in often."""
    made: list[Person] = []

    def make(address: str = "", **headers: str) -> Person:
        found = Person(door)
        found.session.mount("https://", From(address or f"127.0.{next(NUMBERS)}.1"))
        found.session.trust_env = False  # another bundle of certificates would win
        found.session.verify = str(door.pair / "certificate.pem")
        found.session.headers.update({"Referer": door.url + "/login", **headers})
        made.append(found)
        return found

    yield make
    for each in made:
        each.close()


def added(name: str, role: str = "admin") -> None:
    people.add(name, by="cli:test", role=role, password=PASSWORD)


def set_up(person: Person) -> tuple[str, list[str]]:
    """As somebody who is in by a password does it: the secret, and the recovery codes."""
    secret = re.search(r'class="secret">([A-Z2-7]{32})<', person.page("/access/second"))
    assert secret is not None
    done = person.post("/access/second", code=code_for(secret[1], now()))
    codes = re.search(r'id="codes">([\d ]+)<', done.text)
    assert codes is not None, done.text[-1500:]
    return secret[1], codes[1].split()


def test_a_password_and_a_code_let_in_and_the_session_is_for_tls_alone(browser: Callable[..., Person]) -> None:
    added("anna")
    anna = browser()
    assert anna.log_in("anna", PASSWORD).status_code == 302
    secret, codes = set_up(anna)
    used = second.Authenticator.objects.get(type="totp").data["last"]
    for code in (code_for(secret, used + 1), codes[0]):
        other = browser()
        assert other.log_in("anna", PASSWORD).headers["Location"] == "/login/second"
        assert other.get("/fleet").headers["Location"].startswith("/login?")
        answer = other.post("/login/second", code=code)
        assert (answer.status_code, answer.headers["Location"]) == (302, "/")
        assert other.get("/access/").status_code == 200
        cookies = answer.raw.headers.getlist("Set-Cookie")
        assert len(cookies) == 2, "of the session, and of the forms"
        for cookie in cookies:
            assert cookie.startswith("__Host-dbfleet-")
            assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
            assert "Domain" not in cookie
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_plain_http_leads_to_tls(door: Door) -> None:
    answer = requests.get(f"{door.plain}/login?next=/jobs/", allow_redirects=False, timeout=30)
    assert (answer.status_code, answer.headers["Location"]) == (301, f"{door.url}/login?next=/jobs/")
    assert "Set-Cookie" not in answer.headers


def test_who_guesses_codes_has_to_wait_and_nobody_else(browser: Callable[..., Person]) -> None:
    """It is counted by the address that nginx sees, not by nginx's own, and not by one that the client makes up."""
    added("anna")
    secret, _ = set_up(in_by_password(browser(), "anna"))
    used = second.Authenticator.objects.get(type="totp").data["last"]
    thief = in_by_password(browser("127.0.0.2"), "anna")
    told = [
        thief.post("/login/second", code=f"{number:06}", headers={"X-Real-IP": f"10.0.0.{number}"}).status_code
        for number in range(11)
    ]
    assert told == [401] * 10 + [429]
    for header in ("X-Real-IP", "X-Forwarded-For", "Forwarded"):
        made_up = browser("127.0.0.2", **{header: "10.9.9.9"})
        answer = made_up.log_in("otto", PASSWORD)
        assert (answer.status_code, "Too many wrong logins" in answer.text) == (429, True), "the address waits"
    added("otto", "viewer")
    assert browser("127.0.0.3").log_in("otto", PASSWORD).status_code == 302
    assert thief.post("/login/second", code=code_for(secret, used + 1)).status_code == 429, "a right one waits too"


def test_who_goes_around_nginx_is_believed_nothing(door: Door, desk: Desk) -> None:
    """On web's own port, whatever he says of addresses, TLS and nginx."""
    told = []
    for number in range(11):
        with requests.Session() as session:
            session.headers.update(
                {"X-Forwarded-Proto": "https", "X-Real-IP": f"10.0.0.{number}", "X-Dbfleet-Door": "a guess"}
            )
            page = session.get(f"{door.direct}/login", timeout=30)
            form = {
                "csrfmiddlewaretoken": re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)[1],  # type: ignore[index]
                "username": f"somebody {number}", "password": "x",
            }  # fmt: skip
            cookies = "; ".join(f"{each.name}={each.value}" for each in session.cookies)
            headers = {"Referer": f"https://{door.direct.partition('://')[2]}/login", "Cookie": cookies}
            told.append(session.post(f"{door.direct}/login", data=form, headers=headers, timeout=30).status_code)
    assert told == [401] * 10 + [429]


def in_by_password(person: Person, name: str) -> Person:
    assert person.log_in(name, PASSWORD).status_code == 302
    return person


def test_the_door_is_closed_to_who_lacks_the_second_factor(browser: Callable[..., Person]) -> None:
    added("anna")
    anna = browser()
    assert anna.get("/flower/").headers["Location"] == "/login?next=/flower/"
    in_by_password(anna, "anna")  # an admin, who has set none up yet
    answer = anna.get("/flower/")
    assert (answer.status_code, "second factor" in answer.text) == (403, True)
    assert anna.call("GET", "/access/me").status_code == 403
    for path, body in (("/access/users", {"user": "eve"}), ("/schedules", {}), ("/access/tokens", {"name": "x"})):
        answer = anna.call("POST", path, body)
        assert (answer.status_code, "second factor" in answer.text) == (403, True), path
    assert User.objects.count() == 1
    _, codes = set_up(anna)
    assert anna.get("/flower/").text == "the workers"
    pending = in_by_password(browser(), "anna")  # the password was right, the code is missing
    assert pending.get("/flower/").headers["Location"] == "/login?next=/flower/"
    assert pending.post("/login/second", code=codes[0]).status_code == 302
    assert pending.get("/flower/").text == "the workers"
    added("otto", "writer")
    otto = in_by_password(browser(), "otto")
    set_up(otto)
    assert otto.get("/flower/").status_code == 403


def test_a_token_of_somebody_who_had_both_needs_no_code(browser: Callable[..., Person]) -> None:
    added("anna")
    anna = in_by_password(browser(), "anna")
    set_up(anna)
    made = anna.call("POST", "/access/tokens", {"name": "script", "role": "viewer", "pattern": "*", "days": 1}).json()
    asks = browser()
    answer = asks.session.get(
        f"{asks.web.url}/api/access/me", headers={"Authorization": f"Bearer {made['text']}"}, timeout=30
    )
    assert (answer.status_code, answer.json()["user"]) == (200, "anna")


def test_the_terminal_s_link_sets_another_factor_up_where_the_first_was_lost(browser: Callable[..., Person]) -> None:
    added("anna")
    first, _ = set_up(in_by_password(browser(), "anna"))
    anna = browser()
    anna.name = "anna"
    anna.enter()
    assert anna.get("/audit/").headers["Location"] == "/access/second"
    fresh, _ = set_up(anna)
    assert fresh != first
    assert anna.get("/audit/").status_code == 200
    assert "Ask no more" in anna.page("/access/second")


def test_another_service_leads_back_to_the_address_that_people_type(browser: Callable[..., Person], door: Door) -> None:
    anna = browser()
    back = through(anna, "anna")
    assert back.startswith(f"{door.url}/oidc/sso/login/callback/?")
    assert set(asked(back)) >= {"code", "state"}
    answer = come_back(anna, back)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    assert "__Host-dbfleet-" in answer.headers["Set-Cookie"]
    assert anna.get("/access/").status_code == 200, "the service has looked after a second factor"
    assert anna.get("/flower/").status_code == 403
    people.grant(User.objects.get(), "admin", "*", by="cli:test")
    assert anna.get("/flower/").text == "the workers"
