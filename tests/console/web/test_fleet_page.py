"""The fleet's page is one query and keeps what it has drawn; yet nothing on it is old, and nothing is another's."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import psycopg
import pytest
import requests
from console_people import Person, Web, environment, free_port
from console_servers import Console, end, until
from django.contrib import auth
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.db import connection
from django.http import HttpRequest
from django.test.utils import CaptureQueriesContext

from dbfleet.console import watch
from dbfleet.console.access import people, sessions
from dbfleet.console.desk import Desk
from dbfleet.console.jobs import making
from dbfleet.console.middleware import shown
from dbfleet.console.models import Grant, Notice, TargetState

COUNT = """
import json, re
from dbfleet.console.wsgi import application
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.shortcuts import render
from dbfleet.console.pages import fleet

def framed(request, template, part, above, **facts):
    "What is kept is what Django would have made, but for the CSRF token, which is masked anew each time."
    kept = kept_framed(request, template, part, above, **facts)
    made = render(request, template, {**facts, "part": part, "bars": above})
    texts = [re.sub('(content|value)="[a-zA-Z0-9]{64}"', "TOKEN", each.content.decode()) for each in (kept, made)]
    assert texts[0] == texts[1]
    assert texts[0].count("TOKEN") == 2
    return kept

kept_framed, fleet.framed = fleet.framed, framed
client = Client(HTTP_HOST="127.0.0.1")
client.force_login(User.objects.get(username="anna"))
counts = []
for path in ("/fleet", "/fleet", "/fleet/part"):
    with CaptureQueriesContext(connection) as asked:
        answer = client.get(path)
    assert answer.status_code == 200, answer.content
    counts.append((len(asked), answer.content.decode().count("<article")))
print(json.dumps(counts))
"""
"""In the application itself: how many queries each page was, and how many targets are on it."""


def look(target: str, ok: bool = True, *, error: str = "it is gone", latency_ms: float = 1.5) -> None:
    """A look, as a job of kind health has it."""
    seen = {"target": target, "ok": ok, "error": None if ok else error, "latency_ms": latency_ms if ok else None,
            "engine": "postgres", "url": "", "product": "PostgreSQL", "version": "18.1",
            "memory": 40_000_000}  # fmt: skip
    watch.record({"looks": [seen]}, making.now())


def card(page: str, target: str) -> str:
    """The target's card; empty where there is none."""
    found = [each for each in page.split("<article ")[1:] if f'href="/targets/{target}"' in each]
    return found[0].partition("</article>")[0] if found else ""


@pytest.fixture(scope="module")
def second(console: Console, web: Web) -> Iterator[Web]:
    """Another process of the same web: behind nginx a person meets one or the other."""
    port = free_port()
    child = console.start("web", **{**environment(console, port), "DBFLEET_CONSOLE_URL": web.url})
    found = Web(f"http://127.0.0.1:{port}", console.folder / "web.log", child)
    until(found.is_up, "the second web answers")
    yield found
    end(child)


@dataclass
class Both:
    """Two processes, and what a person finds there: each keeps what it has drawn before."""

    webs: Sequence[Web]

    def answers(self, person: Person, path: str = "/fleet") -> list[requests.Response]:
        first, found = person.web, []
        for person.web in self.webs:
            found.append(person.get(path))
        person.web = first
        return found

    def pages(self, person: Person, path: str = "/fleet") -> list[str]:
        found = self.answers(person, path)
        assert [each.status_code for each in found] == [200] * len(found)
        return [each.text for each in found]

    def statuses(self, person: Person) -> list[int]:
        return [each.status_code for each in self.answers(person)]


@pytest.fixture
def both(web: Web, second: Web) -> Both:
    return Both((web, second))


def test_the_page_is_one_query_however_many_targets_there_are(console: Console, desk: Desk) -> None:
    people.add("anna", by="cli:test", role="viewer")
    counts = []
    for number in (3, 40):
        for each in range(number):
            look(f"t{each:02}")
        desk.add_schedule("health", {}, every=f"{number}m", name=f"{number}")
        asked = subprocess.run(
            [sys.executable, "-c", COUNT], env={**console.environment, **environment(console, 8099)},
            cwd=console.folder, capture_output=True, text=True,
        )  # fmt: skip
        assert asked.returncode == 0, asked.stderr
        counts.append(json.loads(asked.stdout))
        assert all(on_page >= number for _, on_page in counts[-1])
    few, many = ([queries for queries, _ in each] for each in counts)
    assert few == many
    assert few[0] <= 6  # a new process, and pictures that nobody has drawn: session, user, grants, the fleet, pictures
    assert few[1:] == [1, 1]


def test_a_new_state_is_on_the_next_page_of_every_process(person: Callable[..., Person], both: Both) -> None:
    look("a")
    anna = person("anna", "viewer")
    assert all("card ok" in card(each, "a") and "no bad look" in card(each, "a") for each in both.pages(anna))
    look("a", False, error="it is gone")
    for each in (*both.pages(anna), *both.pages(anna, "/fleet/part")):
        assert "card red" in card(each, "a")
        assert "it is gone" in card(each, "a")
        assert "1 bad look," in card(each, "a")  # the picture, too
    look("a", latency_ms=77.0)
    for each in both.pages(anna):
        assert "card ok" in card(each, "a")
        assert "the slowest 1.5 ms" not in card(each, "a")
    TargetState.objects.filter(target="a").delete()
    assert all("nobody has looked at it yet" in card(each, "a") for each in both.pages(anna))


def test_a_schedule_and_a_bar_are_on_the_next_page_of_every_process(
    desk: Desk, person: Callable[..., Person], both: Both
) -> None:
    anna = person("anna", "viewer")
    assert all("no schedule of kind health" in each for each in both.pages(anna))
    desk.add_schedule("health", {}, every="30s", name="looks")
    assert all(">looks</a>" in each and "no schedule of kind health" not in each for each in both.pages(anna))
    Notice.objects.create(at=making.now(), about="a", before="ok", after="red", title="a is red", state=Notice.FAILED)
    assert all("1 notice was not sent" in each for each in both.pages(anna))
    Notice.objects.all().delete()
    assert all("not sent" not in each for each in both.pages(anna))


def test_rights_count_at_the_next_request_in_every_process(person: Callable[..., Person], both: Both) -> None:
    look("a")
    look("c")
    ada, anna = person("ada", "admin"), person("anna", "viewer", "a")
    user = people.find("anna")
    for page in both.pages(ada):
        assert card(page, "a")
        assert card(page, "c")
        assert "/settings/" in page
        assert ">ada<" in page
    for page in both.pages(anna):
        assert card(page, "a")
        assert not card(page, "c")
        assert "/settings/" not in page
        assert ">anna<" in page
        assert ">ada<" not in page
    people.grant(user, "viewer", "*", by="cli:test")
    assert all(card(page, "c") for page in both.pages(anna))
    Grant.objects.filter(user=user).delete()
    people.grant(user, "operator", "c", by="cli:test")
    for page in both.pages(anna):
        assert card(page, "c")
        assert not card(page, "a")
        assert "/settings/" in page or "/notices" in page
    Grant.objects.filter(user=user).delete()
    assert both.statuses(anna) == [403, 403]
    people.grant(user, "viewer", "*", by="cli:test")
    assert both.statuses(anna) == [200, 200]
    people.set_active(user, False, by="cli:test")
    assert both.statuses(anna) == [302, 302]


def test_whoever_leaves_is_out_in_every_process(person: Callable[..., Person], both: Both) -> None:
    anna = person("anna", "viewer")
    for _ in range(2):
        assert both.statuses(anna) == [200, 200]
    kept = anna.session.cookies.copy()
    assert anna.post("/logout").status_code == 302
    anna.session.cookies = kept
    assert both.statuses(anna) == [302, 302]


def test_a_part_that_has_not_changed_is_not_sent_again(person: Callable[..., Person]) -> None:
    look("a")
    TargetState.objects.update(since=making.now().replace(year=2020))
    anna = person("anna", "viewer")
    seen = anna.page("/fleet").partition("?seen=")[2].partition('"')[0]
    assert len(seen) == 16
    assert anna.get(f"/fleet/part?seen={seen}").status_code == 204
    look("a", False)
    changed = anna.get(f"/fleet/part?seen={seen}")
    assert changed.status_code == 200
    assert "card red" in card(changed.text, "a")


def test_a_page_has_the_csrf_token_of_its_own_session(person: Callable[..., Person]) -> None:
    anna, bert = person("anna", "viewer"), person("bert", "viewer")
    for each in (anna, bert, anna):
        page = each.page("/fleet")
        token = page.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
        assert len(token) == 64
        assert each.post("/logout", csrfmiddlewaretoken="x" * 64).status_code == 403
        assert each.session.post(
            each.web.url + "/logout", data={"csrfmiddlewaretoken": token}, allow_redirects=False, timeout=30
        ).status_code == 302  # fmt: skip
        each.enter()


# --- sessions ---


@pytest.fixture
def kept(desk: Desk) -> str:
    """The key of a session of anna's that this process has read before."""
    user = people.add("anna", by="cli:test", role="viewer", password="a long one, truly")
    store = sessions.SessionStore()
    store[auth.SESSION_KEY] = str(user.pk)
    store[auth.BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    store[auth.HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.save()
    key = str(store.session_key)
    assert who(key).get_username() == "anna"
    return key


def request_of(store: db.SessionStore) -> HttpRequest:
    request = HttpRequest()
    request.session = store
    sessions.Authentication(lambda request: None).process_request(request)  # type: ignore[arg-type,return-value]
    return request


def who(key: str) -> User | AnonymousUser:
    """Whom the console takes the session for; it is held to whom Django takes it for."""
    mine = request_of(sessions.SessionStore(key)).user
    plain = request_of(sessions.SessionStore(key))
    plain.session = db.SessionStore(key)
    theirs = auth.get_user(plain)
    assert (mine.pk, mine.is_authenticated) == (theirs.pk, theirs.is_authenticated)
    return mine


def test_a_session_its_user_and_their_grants_are_one_query(kept: str) -> None:
    with CaptureQueriesContext(connection) as asked:
        request = request_of(sessions.SessionStore(kept))
        assert request.user.get_username() == "anna"
        assert sessions.grants(request.session, request.user) == (("*", "viewer"),)
    assert len(asked) == 1
    with connection.cursor() as cursor:  # the server keeps it, and none of Django's own with their values
        cursor.execute("SELECT statement FROM pg_prepared_statements")
        kept_there = [row[0] for row in cursor.fetchall()]
    assert kept_there
    assert all("$1" in each and kept not in each for each in kept_there)


@pytest.mark.parametrize(
    "change",
    [
        lambda user: User.objects.filter(pk=user.pk).update(is_active=False),
        lambda user: (user.set_password("another long one"), user.save()),
        lambda user: user.delete(),
        lambda user: Session.objects.all().delete(),
        lambda user: Session.objects.update(expire_date=making.now().replace(year=2020)),
        lambda user: Session.objects.update(session_data="no text of ours"),
    ],
    ids=["shut out", "password changed", "user gone", "left", "expired", "not signed"],
)
def test_a_session_that_was_read_before_counts_no_more(kept: str, change: Callable[[User], object]) -> None:
    change(people.find("anna"))
    assert not who(kept).is_authenticated


def test_a_session_that_is_another_users_now_is_theirs_with_their_grants(kept: str) -> None:
    bert = people.add("bert", by="cli:test", role="operator")
    store = db.SessionStore(kept)
    store[auth.SESSION_KEY] = str(bert.pk)
    store[auth.HASH_SESSION_KEY] = bert.get_session_auth_hash()
    store.save()
    request = request_of(sessions.SessionStore(kept))
    assert request.user.get_username() == "bert"
    assert sessions.grants(request.session, request.user) is None  # what was read is anna's
    assert who(kept).get_username() == "bert"


def test_a_way_in_that_is_not_configured_any_more_lets_nobody_in(kept: str) -> None:
    store = db.SessionStore(kept)
    store[auth.BACKEND_SESSION_KEY] = "allauth.account.auth_backends.AuthenticationBackend"
    store.save()
    assert not who(kept).is_authenticated


# --- the connection, and what is hidden ---

ENDED = "SELECT bool_and(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity WHERE usename = 'dbfleet_web'"
"""It waits until they have ended: a statement that is cut off by the end is answered with 503, as it should be."""


def test_a_connection_that_the_server_has_ended_is_not_used(console: Console, desk: Desk) -> None:
    connection.ensure_connection()
    assert connection.is_usable()
    control = console.fleet.service("control")
    with psycopg.connect(
        host=control.host, port=control.port, user=control.user, password=control.password, dbname="dbfleet"
    ) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [connection.connection.info.backend_pid])
    until(lambda: not connection.is_usable(), "the connection's end is noticed", most_s=5.0)
    connection.close()


def test_web_goes_on_where_the_server_has_ended_all_its_connections(person: Callable[..., Person]) -> None:
    anna = person("anna", "viewer")
    for _ in range(3):
        assert anna.get("/fleet").status_code == 200
        with connection.cursor() as cursor:
            cursor.execute(ENDED)
    assert anna.get("/fleet").status_code == 200


@pytest.mark.parametrize("hidden", list("\x00\x0b\x1f\x7f\x80\x9f\u202a\u202e\u2066\u2069"))
def test_what_is_hidden_is_shown(hidden: str) -> None:
    page = shown(f"a{hidden}b".encode()).decode()
    assert hidden not in page
    assert len(page) > 2
    assert (page[0], page[-1]) == ("a", "b")


@pytest.mark.parametrize("plain", ["\t\r\n", "\xa0·", "\u2029", "–…", "→", "\u2065", "€", "é"])
def test_what_is_not_hidden_is_left_alone(plain: str) -> None:
    assert shown(plain.encode()) == plain.encode()
