"""Getting in: links that count once, passwords that cannot be guessed fast, sessions that belong to one person."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from console_people import Person
from console_servers import Console
from django.db import connection

from dbfleet.console.access import links, people, throttle
from dbfleet.console.desk import Desk
from dbfleet.console.models import Entry, LoginAttempt, LoginLink
from dbfleet.errors import NotFound, UsageError

PASSWORD = "correct horse battery"


def test_the_first_admin_comes_by_a_link_that_the_terminal_prints(
    console: Console, person: Callable[..., Person]
) -> None:
    stranger = person()
    link = Desk(console.fleet).login_link()
    path = "/link/" + link.rpartition("/")[2]
    assert "makes the first admin" in stranger.page(path)
    assert stranger.post(path, username="ada").status_code == 302
    assert "admin on *" in stranger.page("/access/")
    assert stranger.post(path, username="eve").status_code == 410


def test_the_link_is_printed_by_a_command(console: Console, desk: Desk) -> None:
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "-m", "dbfleet.console", "link"], env=console.environment, cwd=console.folder, text=True,
        capture_output=True, check=True,
    )  # fmt: skip
    secret = done.stdout.strip().rpartition("/link/")[2]
    assert links.look(secret) is not None
    assert secret not in "".join(Entry.objects.values_list("body", flat=True))
    wrong = subprocess.run(
        [sys.executable, "-m", "dbfleet.console", "link", "--user", "nobody"], env=console.environment,
        cwd=console.folder, text=True, capture_output=True,
    )  # fmt: skip
    assert wrong.returncode != 0
    assert "there is no user 'nobody'" in wrong.stderr


def test_a_link_counts_once_also_for_two_at_the_same_moment(person: Callable[..., Person]) -> None:
    people.add("ada", by="cli:test", role="admin")
    path = f"/link/{links.make(by='cli:test')}"
    both = [person(), person()]
    for each in both:
        assert each.get(path).status_code == 200  # looking does not use it up
    with ThreadPoolExecutor(2) as pool:
        codes = sorted(each.status_code for each in pool.map(lambda one: one.post(path), both))
    assert codes[0] == 302
    assert codes[1] in (404, 410)
    assert sum(each.get("/access/").status_code == 200 for each in both) == 1


def test_a_link_is_good_for_half_an_hour(person: Callable[..., Person]) -> None:
    people.add("ada", by="cli:test", role="admin")
    path = f"/link/{links.make(by='cli:test')}"
    LoginLink.objects.update(expires_at=LoginLink.objects.get().made_at)
    gone = person().get(path)
    assert gone.status_code == 410
    assert "dbfleet console link" in gone.text


def test_a_link_for_the_first_admin_is_void_once_there_is_one(desk: Desk) -> None:
    early, late = links.make(by="cli:test"), links.make(by="cli:test")
    links.use(early, name="ada")
    with pytest.raises(NotFound, match="an admin already"):
        links.use(late, name="eve")


def test_a_name_that_cannot_be_taken_does_not_use_the_link_up(person: Callable[..., Person]) -> None:
    path = f"/link/{links.make(by='cli:test')}"
    ada = person()
    ada.get(path)
    found = ada.post(path, username="<script>")
    assert found.status_code == 400
    assert "&lt;script&gt;" in found.text
    assert ada.post(path, username="ada", password="short").status_code == 400
    assert ada.post(path, username="ada", password=PASSWORD).status_code == 302
    assert person().log_in("ada", PASSWORD).status_code == 302


def test_ten_wrong_logins_make_the_next_one_wait(person: Callable[..., Person]) -> None:
    people.add("ada", by="cli:test", role="admin", password=PASSWORD)
    eve = person()
    assert [eve.log_in("ada", f"guess {n}").status_code for n in range(10)] == [401] * 10
    found = eve.log_in("ada", PASSWORD)
    assert found.status_code == 429
    assert "Too many wrong logins: wait" in found.text
    assert 0 < int(found.headers["Retry-After"]) <= 31
    assert LoginAttempt.objects.count() == 10  # one that waits is no try
    body = Entry.objects.filter(kind="login").latest("seq").body
    assert "made to wait" in body
    assert '"user":"ada"' in body
    ago("31 seconds")
    assert eve.log_in("ada", PASSWORD).status_code == 302


def test_it_counts_by_name_from_everywhere_and_by_address_for_every_name(desk: Desk) -> None:
    for number in range(10):
        assert isinstance(throttle.begin("ada", f"192.0.2.{number}"), throttle.Try)
    assert isinstance(throttle.begin("ADA ", "198.51.100.1"), throttle.Wait)
    assert isinstance(throttle.begin("otto", "198.51.100.1"), throttle.Try)
    for number in range(10):
        throttle.begin(f"name {number}", "203.0.113.9")
    assert isinstance(throttle.begin("otto", "203.0.113.9"), throttle.Wait)
    assert isinstance(throttle.begin("otto", "203.0.113.8"), throttle.Try)


def test_the_wait_doubles_up_to_a_quarter_of_an_hour(desk: Desk) -> None:
    for _ in range(10):
        throttle.begin("ada", "192.0.2.1")
    waits = []
    for _ in range(8):
        found = throttle.begin("ada", "192.0.2.1")
        assert isinstance(found, throttle.Wait)
        waits.append(found.seconds)
        ago(f"{found.seconds} seconds")
        assert isinstance(throttle.begin("ada", "192.0.2.1"), throttle.Try)
    assert [round(each, -1) for each in waits] == [30, 60, 120, 240, 480, 900, 900, 900]


def test_a_hundred_guesses_at_once_get_no_further_than_ten(person: Callable[..., Person]) -> None:
    people.add("ada", by="cli:test", role="admin", password=PASSWORD)
    crowd = [person() for _ in range(24)]
    for each in crowd:
        each.get("/login")
    with ThreadPoolExecutor(24) as pool:
        codes = list(pool.map(lambda one: one.post("/login", username="ada", password="guess").status_code, crowd))
    assert codes.count(401) == 10
    assert codes.count(429) == 14


def test_a_right_login_forgets_the_names_wrong_ones_and_not_the_addresss(desk: Desk) -> None:
    for _ in range(9):
        throttle.begin("ada", "192.0.2.1")
    found = throttle.begin("ada", "192.0.2.1")
    assert isinstance(found, throttle.Try)
    found.well()
    assert isinstance(throttle.begin("ada", "192.0.2.2"), throttle.Try)
    assert isinstance(throttle.begin("eve", "192.0.2.1"), throttle.Try)  # nine of ada's are counted here
    assert isinstance(throttle.begin("eve", "192.0.2.1"), throttle.Wait)


def test_names_are_not_kept_as_they_were_typed(desk: Desk) -> None:
    throttle.begin("my password by mistake", "192.0.2.1")
    assert LoginAttempt.objects.get().name == hashlib.sha256(b"my password by mistake").hexdigest()[:32]


def test_a_wrong_name_and_a_wrong_password_are_told_alike(person: Callable[..., Person]) -> None:
    people.add("ada", by="cli:test", role="admin", password=PASSWORD)
    told = [person().log_in(name, "guess").text.partition('class="told')[2][:90] for name in ("ada", "nobody")]
    assert told[0] == told[1] != ""


ELSEWHERE = (
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example",
    "javascript:alert('evil')",
    "http:evil.example",
    "\t//evil.example",
    "https:///evil.example",
    "http://127.0.0.1@evil.example/",
)


def test_a_login_leads_nowhere_else(person: Callable[..., Person]) -> None:
    people.add("ada", by="cli:test", role="admin", password=PASSWORD)
    ada = person()
    for onward in ELSEWHERE:
        assert "evil" not in ada.get("/login", params={"next": onward}).text
    for onward in ELSEWHERE[:2]:
        ada.session.cookies.clear()
        assert ada.log_in("ada", PASSWORD, next=onward).headers["Location"] == "/"
    for onward in ELSEWHERE:
        assert ada.get("/login", params={"next": onward}).headers["Location"] == "/"  # who is in already, too


def test_a_login_leads_back_to_the_page_that_was_asked_for(person: Callable[..., Person]) -> None:
    people.add("ada", by="cli:test", role="admin", password=PASSWORD)
    ada = person()
    assert ada.get("/audit/?kind=login").headers["Location"] == "/login?next=/audit/%3Fkind%3Dlogin"
    assert ada.log_in("ada", PASSWORD, next="/audit/?kind=login").headers["Location"] == "/audit/?kind=login"


def test_a_session_that_was_there_before_is_not_the_one_after(person: Callable[..., Person]) -> None:
    """Whoever put a cookie into somebody's browser must not be in with them."""
    people.add("ada", by="cli:test", role="admin", password=PASSWORD)
    eve, ada = person("eve", "viewer"), person()
    planted = eve.key
    eve.post("/logout")
    for name in ("dbfleet-" + ada.web.url.rpartition(":")[2],):
        ada.session.cookies.set(name, planted, domain="127.0.0.1")
    csrf_before = ada.get("/login") and ada.csrf
    assert ada.log_in("ada", PASSWORD).status_code == 302
    keys = {each.value for each in ada.session.cookies if not each.name.endswith("-csrf")}
    assert len(keys - {planted}) == 1
    assert ada.csrf != csrf_before
    eve.session.cookies.clear()
    eve.session.cookies.set("dbfleet-" + ada.web.url.rpartition(":")[2], planted, domain="127.0.0.1")
    assert eve.get("/access/").status_code == 302


def test_the_cookies_are_for_this_site_and_no_script(person: Callable[..., Person]) -> None:
    people.add("ada", by="cli:test", role="admin", password=PASSWORD)
    ada = person()
    cookies = [ada.get("/login").headers["Set-Cookie"], ada.log_in("ada", PASSWORD).headers["Set-Cookie"]]
    for each in cookies:
        assert "HttpOnly" in each
        assert "SameSite=Lax" in each
    assert "Max-Age=43200" in cookies[1]


def test_a_logout_ends_the_session_on_the_server(person: Callable[..., Person]) -> None:
    anna = person("anna", "viewer")
    key = dict(anna.session.cookies)
    assert anna.post("/logout").headers["Location"] == "/login"
    anna.session.cookies.update(key)
    assert anna.get("/access/").status_code == 302


def test_who_is_shut_out_is_out_at_once(person: Callable[..., Person]) -> None:
    admin, anna = person("ada", "admin"), person("anna", "writer")
    assert anna.get("/access/").status_code == 200
    assert admin.post("/access/users/anna/active", active="0").status_code == 302
    assert anna.get("/access/").status_code == 302
    with pytest.raises(UsageError, match="shut out"):
        links.make(by="cli:test", user="anna")
    assert admin.post("/access/users/anna/active", active="1").status_code == 302
    assert anna.get("/access/").status_code == 200


def ago(interval: str) -> None:
    """Let the tries be that much older."""
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE console_loginattempt SET at = at - interval '{interval}'")
