"""Login by another service: a real provider of OpenID Connect, asked by a real web, and what is not believed of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
import requests
from allauth.socialaccount.models import SocialAccount
from console_people import Person, Web, environment, free_port
from console_servers import Console, end, until
from django.contrib.auth.models import User
from oidc_walk import CALLBACK, Provider, asked, come_back, log_in, onward, provider, through

from dbfleet.console.access import people
from dbfleet.console.desk import Desk
from dbfleet.console.models import Entry, Grant

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[Provider]:
    with provider(tmp_path_factory.mktemp("provider"), f"http://127.0.0.1:{port}") as found:
        yield found


@pytest.fixture(scope="module")
def open_web(console: Console, port: int, service: Provider) -> Iterator[Web]:
    """A web that lets people in whom the provider knows."""
    with started(console, port, service.settings) as found:
        yield found


@contextmanager
def started(console: Console, port: int, settings: dict[str, str]) -> Iterator[Web]:
    child = console.start("web", **environment(console, port), **settings)
    try:
        found = Web(f"http://127.0.0.1:{port}", console.folder / "web.log", child)
        until(found.is_up, "web answers")
        yield found
    finally:
        end(child)


@pytest.fixture
def somebody(open_web: Web, service: Provider, desk: Desk) -> Iterator[Callable[[], Person]]:
    """Makes browsers of people who are nobody yet; the provider tells the truth."""
    made: list[Person] = []
    service.lies()
    SocialAccount.objects.all().delete()

    def make() -> Person:
        made.append(Person(open_web))
        return made[-1]

    yield make
    for each in made:
        each.close()


def told(person: Person) -> dict[str, Any]:
    found: dict[str, Any] = person.call("GET", "/access/me").json()
    return found


def test_a_login_makes_a_person_without_rights_and_the_next_one_is_the_same_person(
    somebody: Callable[[], Person],
) -> None:
    anna = somebody()
    done = log_in(anna, "anna", to="/audit/")
    assert (done.status_code, done.headers["Location"]) == (302, "/audit/")
    user = User.objects.get()
    assert (user.username, user.email, user.has_usable_password()) == ("anna", "", False)
    assert not Grant.objects.exists()
    assert anna.get("/audit/").status_code == 403
    assert anna.get("/access/").status_code == 200
    bodies = [entry.body for entry in Entry.objects.filter(kind="access")]
    assert '"add user"' in "".join(bodies)
    assert "openid connect" in "".join(Entry.objects.values_list("body", flat=True))
    people.grant(user, "viewer", "*", by="cli:test")
    again = somebody()
    assert log_in(again, "anna").headers["Location"] == "/"
    assert again.get("/audit/").status_code == 200
    assert User.objects.count() == 1
    kept = SocialAccount.objects.get().extra_data
    assert set(kept) == {"iss", "sub"}


def test_what_the_provider_is_asked_for(somebody: Callable[[], Person], open_web: Web, service: Provider) -> None:
    anna = somebody()
    anna.get("/login")
    leads = onward(anna.post("/oidc/sso/login/"))
    assert leads.startswith(service.url)
    wanted = asked(leads)
    assert wanted["redirect_uri"] == open_web.url + CALLBACK
    assert (wanted["response_type"], wanted["code_challenge_method"]) == ("code", "S256")
    assert set(wanted["scope"].split()) == {"openid", "profile", "email"}
    assert len(wanted["code_challenge"]) >= 43
    other = asked(onward(anna.post("/oidc/sso/login/")))
    for name in ("state", "nonce", "code_challenge"):
        assert wanted[name] != other[name]


def test_the_way_there_is_the_button_alone(somebody: Callable[[], Person]) -> None:
    anna = somebody()
    assert anna.get("/oidc/sso/login/").headers["Location"] == "/login"
    assert anna.post("/oidc/sso/login/").status_code == 403  # without a form's token
    anna.get("/login")
    led = anna.post("/oidc/sso/login/?auth_params=prompt%3Dnone&scope=offline&process=connect", next="//evil.example/")
    assert "prompt" not in asked(onward(led))
    assert "offline" not in asked(onward(led))["scope"]
    assert log_in(anna, "anna", to="https://evil.example/").headers["Location"] == "/"


def test_the_page_that_leads_on_stands_under_the_same_policy(somebody: Callable[[], Person]) -> None:
    anna = somebody()
    anna.get("/login")
    page = anna.post("/oidc/sso/login/")
    assert "form-action 'self'" in page.headers["Content-Security-Policy"]
    assert "no-store" in page.headers["Cache-Control"]
    assert "Example Org" in page.text


LIES: dict[str, dict[str, Any]] = {
    "another issuer": {"id_token": {"iss": "https://evil.example"}},
    "another audience": {"id_token": {"aud": "another program"}},
    "more than one audience, given to another": {"id_token": {"aud": ["console", "other"], "azp": "other"}},
    "another login's nonce": {"id_token": {"nonce": "of another login"}},
    "no nonce": {"id_token": {"nonce": None}},
    "a token that has ended": {"id_token": {"exp": 1_700_000_000}},
    "a token of tomorrow": {"id_token": {"iat": int(time.time()) + 86400}},
    "no end": {"id_token": {"exp": None}},
    "no subject": {"id_token": {"sub": None}},
    "another subject than the person's": {"userinfo": {"sub": "1000"}},
    "a key that is not published": {"keys": {"other": True}},
    "no ID token": {"token": {"id_token": None}},
    "no signature": {"token": {"alg": "none", "secret": None}},
    "a signature by a shared secret": {"token": {"alg": "HS256", "secret": "x" * 32}},
    "another name of its own": {"metadata": {"issuer": "https://evil.example"}},
    "no keys": {"metadata": {"jwks_uri": None}},
    "a file as its address": {"metadata": {"token_endpoint": "file:///etc/passwd"}},
}


@pytest.mark.parametrize("lie", LIES)
def test_an_answer_that_does_not_fit_lets_nobody_in(
    somebody: Callable[[], Person], service: Provider, lie: str
) -> None:
    anna = somebody()
    back = through(anna, "anna")
    service.lies(**LIES[lie])
    answer = come_back(anna, back)
    assert answer.status_code == 401
    assert "did not say who you are" in answer.text
    assert "Traceback" not in answer.text
    assert anna.get("/access/").headers["Location"].startswith("/login")
    assert not User.objects.exists()


def test_an_answer_to_another_s_login_or_to_none_counts_for_nothing(somebody: Callable[[], Person]) -> None:
    anna, eve = somebody(), somebody()
    back = through(eve, "eve")
    for address in (
        back,
        back.replace("state=", "state=x"),
        back.partition("?")[0],
        f"{back.partition('?')[0]}?error=x",
    ):
        answer = come_back(anna, address)
        assert answer.status_code == 401, address
        assert "began elsewhere" in answer.text
    assert not User.objects.exists()
    assert come_back(eve, back).status_code == 302
    assert come_back(eve, back).status_code == 401  # once


def test_a_code_that_was_changed_or_used_is_refused(somebody: Callable[[], Person]) -> None:
    anna, other = somebody(), somebody()
    stolen = asked(through(anna, "anna"))["code"]
    own = through(other, "otto")
    answer = come_back(other, own.replace(asked(own)["code"], stolen))  # its PKCE verifier is the other login's
    assert (answer.status_code, "did not say who you are" in answer.text) == (401, True)
    assert not User.objects.exists()


def test_somebody_who_does_not_want_to_is_told_so(somebody: Callable[[], Person], open_web: Web) -> None:
    anna = somebody()
    state = asked(through(anna, "anna"))["state"]
    answer = come_back(anna, f"{open_web.url}{CALLBACK}?error=access_denied&state={state}")
    assert (answer.status_code, "Not logged in" in answer.text) == (401, True)


def test_a_name_or_an_address_that_is_there_already_is_somebody_else_s(
    somebody: Callable[[], Person], service: Provider
) -> None:
    mine = people.add("anna", by="cli:test", role="admin", password=PASSWORD)
    User.objects.filter(pk=mine.pk).update(email="anna@example.org")
    assert log_in(somebody(), "anna").status_code == 302
    hers = SocialAccount.objects.get().user
    assert hers.pk != mine.pk
    assert hers.username != "anna"
    assert not Grant.objects.filter(user=hers).exists()
    service.lies(userinfo={"email": "anna@example.org", "preferred_username": "anna", "email_verified": True})
    assert log_in(somebody(), "otto").status_code == 302
    assert User.objects.count() == SocialAccount.objects.count() + 1 == 3
    for number, name in enumerate(("<script>alert(1)</script>", "Änne Müller", "", None, "x" * 400)):
        subject = {"sub": f"another {number}"}
        service.lies(userinfo={"preferred_username": name, **subject}, id_token=subject)
        assert log_in(somebody(), "eve").status_code == 302, name
    assert "<" not in "".join(User.objects.values_list("username", flat=True))


def test_the_same_subject_of_another_issuer_is_somebody_else(somebody: Callable[[], Person]) -> None:
    from dbfleet.console.access.service import Provider as Ours

    uids = {
        Ours.extract_uid(None, {"userinfo": {"iss": issuer, "sub": "1"}})  # type: ignore[arg-type]
        for issuer in ("https://a.example", "https://b.example")
    }
    assert len(uids) == 2
    log_in(somebody(), "anna")
    assert SocialAccount.objects.get().uid not in uids


def test_who_is_shut_out_here_stays_out(somebody: Callable[[], Person]) -> None:
    anna = somebody()
    log_in(anna, "anna")
    user = User.objects.get()
    people.set_active(user, False, by="cli:test")
    assert anna.get("/access/").headers["Location"].startswith("/login")
    again = somebody()
    answer = log_in(again, "anna")
    assert answer.headers["Location"] == "/oidc/refused/account_inactive"
    assert again.get(answer.headers["Location"]).status_code == 403
    assert again.get("/access/").headers["Location"].startswith("/login")
    people.set_active(user, True, by="cli:test")
    assert log_in(somebody(), "anna").headers["Location"] == "/"


def test_logging_out_ends_the_session_here(somebody: Callable[[], Person]) -> None:
    anna = somebody()
    log_in(anna, "anna")
    assert anna.get("/access/").status_code == 200
    anna.get("/access/")
    anna.post("/logout")
    assert anna.get("/access/").headers["Location"].startswith("/login")


def test_under_another_name_of_the_machine_the_button_leads_to_the_console_s_own_address(open_web: Web) -> None:
    page = requests.get(f"{open_web.url.replace('127.0.0.1', 'localhost')}/login?next=/jobs/", timeout=30).text
    assert f'href="{open_web.url}/login?next=%2Fjobs%2F"' in page
    assert "/oidc/sso/login/" not in page


def test_who_may_come_in_by_their_address(
    console: Console, desk: Desk, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Only verified addresses of the named domains; and a provider that is away is told, while passwords go on."""
    port = free_port()
    with ExitStack() as stack:
        away = stack.enter_context(ExitStack())
        closed = away.enter_context(provider(tmp_path_factory.mktemp("closed"), f"http://127.0.0.1:{port}"))
        domains = {"DBFLEET_CONSOLE_OIDC_DOMAINS": "Example.org, example.net"}
        web = stack.enter_context(started(console, port, {**closed.settings, **domains}))

        def person() -> Person:
            found = Person(web)
            stack.callback(found.close)
            return found

        assert log_in(person(), "anna").status_code == 302
        eve = person()
        answer = log_in(eve, "eve")
        assert (answer.status_code, "has not verified your e-mail" in answer.text) == (403, True)
        otto = person()
        for address in ("otto@evil.example", "otto@notexample.org", "example.org", "o@example.org.evil.example", None):
            claims = {"email": address, "email_verified": True}
            closed.lies(userinfo=claims, id_token=claims)
            answer = log_in(otto, "otto")
            assert (answer.status_code, "are not let in here" in answer.text) == (403, True), address
        closed.lies()
        back = through(eve, "eve")
        away.close()
        people.add("paul", by="cli:test", role="viewer", password=PASSWORD)
        paul = person()
        paul.get("/login")
        for answer in (paul.post("/oidc/sso/login/"), come_back(eve, back)):
            assert (answer.status_code, "Example Org does not answer" in answer.text) == (503, True)
            assert "Traceback" not in answer.text
        assert paul.log_in("paul", PASSWORD).status_code == 302
