"""A second factor, where it is configured: codes of an app count once, and what is required cannot be gone around."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator

import pytest
import requests
from allauth.mfa.totp.internal import auth as totp
from console_people import Person, Web, environment, free_port
from console_servers import Console, end, until

from dbfleet.console.access import people, second
from dbfleet.console.desk import Desk

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def strict(console: Console) -> Iterator[Web]:
    """A web that requires a second factor, and believes that it stands behind TLS."""
    port = free_port()
    own = environment(console, port) | {
        "DBFLEET_CONSOLE_TOTP": "required",
        "DBFLEET_CONSOLE_URL": f"https://127.0.0.1:{port}",
    }
    child = console.start("web", **own)
    found = Web(f"http://127.0.0.1:{port}", console.folder / "web.log", child)
    until(found.is_up, "web answers")
    yield found
    end(child)


@pytest.fixture
def anna(strict: Web, desk: Desk) -> Iterator[Person]:
    people.add("anna", by="cli:test", role="admin", password=PASSWORD)
    found = Secure(strict, "anna")
    yield found
    found.close()


class Secure(Person):
    """A browser behind nginx: it says https, and keeps cookies that are for https alone."""

    def __init__(self, web: Web, name: str) -> None:
        super().__init__(web, name)
        self.session.headers.update({"X-Forwarded-Proto": "https", "Referer": web.url.replace("http", "https")})
        prepared = self.session.prepare_request

        def prepare(request: requests.Request) -> requests.PreparedRequest:
            for each in self.session.cookies:
                each.secure = False
            return prepared(request)

        self.session.prepare_request = prepare  # type: ignore[method-assign]


def code_for(secret: str, step: int) -> str:
    return totp.format_hotp_value(totp.hotp_value(secret, step))


def now() -> int:
    """The step of time, of 30 s each, for which an app shows a code."""
    return int(time.time()) // 30


def set_up(anna: Person) -> tuple[str, list[str]]:
    """As a person does it; the secret and the recovery codes."""
    page = anna.page("/access/second")
    secret = re.search(r'class="secret">([A-Z2-7]{32})<', page)
    assert secret is not None
    assert 'src="data:image/svg+xml' in page
    assert anna.post("/access/second", code="000000").status_code == 400
    done = anna.post("/access/second", code=code_for(secret[1], now()))
    codes = re.search(r'id="codes">([\d ]+)<', done.text)
    assert codes is not None, done.text[-1500:]
    return secret[1], codes[1].split()


def test_who_has_none_gets_no_further_than_setting_one_up(anna: Person) -> None:
    assert anna.log_in("anna", PASSWORD).status_code == 302
    for path in ("/access/", "/audit/", "/receipts/"):
        assert anna.get(path).headers["Location"] == "/access/second", path
    for path in ("/api/access/me", "/api/openapi.json"):
        answer = anna.get(path)
        assert (answer.status_code, answer.json()["error"]) == (403, "a second factor is required"), path
    assert anna.call("POST", "/access/users", {"user": "eve", "role": "admin"}).status_code == 403
    assert anna.post("/access/users", username="eve", role="admin").headers["Location"] == "/access/second"
    set_up(anna)
    assert anna.get("/access/").status_code == 200


def test_a_code_is_asked_for_and_counts_once(anna: Person, strict: Web) -> None:
    anna.log_in("anna", PASSWORD)
    secret, _ = set_up(anna)
    used = second.Authenticator.objects.get(type="totp").data["last"]
    other = Secure(strict, "anna")
    assert other.log_in("anna", PASSWORD).headers["Location"] == "/login/second"
    assert other.get("/access/").headers["Location"].startswith("/login?")  # not in yet
    assert (
        other.post("/login/second", code=code_for(secret, used)).status_code == 401
    )  # setting it up has used this one
    assert other.post("/login/second", code="123456").status_code == 401
    assert other.post("/login/second", code=code_for(secret, used + 1)).headers["Location"] == "/"
    assert other.get("/access/").status_code == 200
    again = Secure(strict, "anna")
    again.log_in("anna", PASSWORD)
    assert again.post("/login/second", code=code_for(secret, used + 1)).status_code == 401
    for each in (other, again):
        each.close()


def test_a_recovery_code_counts_once(anna: Person, strict: Web) -> None:
    anna.log_in("anna", PASSWORD)
    _, codes = set_up(anna)
    for status in (302, 401):
        other = Secure(strict, "anna")
        other.log_in("anna", PASSWORD)
        assert other.post("/login/second", code=codes[0]).status_code == status
        other.close()


def test_codes_cannot_be_guessed_fast(anna: Person, strict: Web) -> None:
    anna.log_in("anna", PASSWORD)
    set_up(anna)
    other = Secure(strict, "anna")
    other.log_in("anna", PASSWORD)
    told = [other.post("/login/second", code=f"{number:06}").status_code for number in range(12)]
    assert 429 in told
    assert told.count(401) <= 10
    other.close()


def test_the_way_back_in_is_the_terminal_s_link_or_an_admin(anna: Person, strict: Web) -> None:
    anna.log_in("anna", PASSWORD)
    set_up(anna)
    other = Secure(strict, "anna")
    other.enter()  # by a link of the terminal
    assert other.get("/access/second").status_code == 200
    assert anna.post("/access/users/anna/second/remove").status_code == 302
    assert not second.Authenticator.objects.exists()
    other.close()


def test_behind_tls_cookies_are_for_tls_alone(anna: Person) -> None:
    cookies = [anna.get("/login").headers["Set-Cookie"], anna.log_in("anna", PASSWORD).headers["Set-Cookie"]]
    for each in cookies:
        assert each.strip().startswith("__Host-dbfleet-")
        for word in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
            assert word in each
        assert "Domain" not in each


def test_a_form_of_another_site_is_refused_behind_tls(anna: Person, person: Callable[..., Person]) -> None:
    anna.get("/login")
    form = {"csrfmiddlewaretoken": anna.csrf, "username": "anna", "password": PASSWORD}
    for headers in ({"Origin": "https://evil.example"}, {"Referer": "https://evil.example/"}, {"Origin": "null"}):
        found = anna.session.post(
            anna.web.url + "/login", data=form, headers=headers, allow_redirects=False, timeout=30
        )
        assert found.status_code == 403
