"""Users, grants, tokens: what a token may do follows its maker, and nothing is shown twice."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
import requests
from console_people import Person, bearer

from dbfleet.console.access import people
from dbfleet.console.models import Entry, Grant, Token
from dbfleet.errors import UsageError


def token_of(person: Person, role: str = "viewer", **more: str) -> str:
    """Made as a person makes it: the page shows it, once."""
    found = person.post("/access/tokens", name="a script", role=role, days="30", **more)
    assert found.status_code == 200, found.text[:500]
    text = re.search(r"dbf_[\w-]{43}", found.text)
    assert text is not None
    return text[0]


def status(person: Person, token: str, path: str = "/access/me", method: str = "GET") -> int:
    return requests.request(method, f"{person.web.url}/api{path}", headers=bearer(token), timeout=30).status_code


def test_a_token_is_shown_once_and_kept_as_a_hash(person: Callable[..., Person]) -> None:
    anna = person("anna", "operator")
    text = token_of(anna, "viewer")
    page = anna.page("/access/")
    assert text[:12] in page
    assert text not in page
    kept = Token.objects.get()
    assert text not in str(vars(kept))
    assert len(kept.hash) == 64
    assert text not in "".join(Entry.objects.values_list("body", flat=True))
    assert anna.call("GET", "/access/me", **bearer(text)).json()["at_most"] == {"pattern": "*", "role": "viewer"}


def test_a_token_cannot_be_made_beyond_ones_own_role(person: Callable[..., Person]) -> None:
    anna = person("anna", "reader")
    anna.post("/access/tokens", name="too much", role="writer", days="30")
    assert Token.objects.count() == 0
    assert "a token of yours cannot be writer" in anna.page("/access/")
    assert anna.call("POST", "/access/tokens", {"name": "x", "role": "admin"}).status_code == 400
    assert anna.call("POST", "/access/tokens", {"name": "x", "role": "reader", "days": 4000}).status_code == 400


def test_a_token_loses_what_its_maker_loses(person: Callable[..., Person]) -> None:
    admin, anna = person("ada", "admin"), person("anna", "admin")
    text = token_of(anna, "admin")
    assert status(anna, text, "/access/users") == 200
    people.grant(people.find("anna"), "operator", "*", by="cli:test")
    assert status(anna, text, "/access/users") == 403
    assert status(anna, text, "/settings/budgets") == 200
    admin.post(f"/access/grants/{Grant.objects.get(user__username='anna').pk}/withdraw")
    assert status(anna, text, "/settings/budgets") == 403
    assert status(anna, text) == 200
    admin.post("/access/users/anna/active", active="0")
    assert status(anna, text) == 401


def test_a_token_reaches_no_further_than_it_was_made_for(person: Callable[..., Person]) -> None:
    admin = person("ada", "admin")
    text = token_of(admin, "viewer")
    assert status(admin, text, "/access/users") == 403
    assert status(admin, text, "/settings/budgets") == 403
    for method, path in (("POST", "/access/users"), ("PUT", "/settings/budgets"), ("DELETE", "/access/grants/1")):
        assert status(admin, text, path, method) == 403


def test_a_token_for_some_targets_is_one_for_these_alone(person: Callable[..., Person]) -> None:
    from dbfleet.console.access import tokens

    admin = person("ada", "admin")
    text = token_of(admin, "writer", pattern="shop")
    found = tokens.find(text)
    assert found is not None
    rights = tokens.rights(found)
    assert rights.may("writer", "shop")
    assert not rights.may("viewer", "postgres")
    assert not rights.everywhere("viewer")
    body = {"pattern": "*", "begins": "2030-01-01T00:00", "ends": "2030-01-02T00:00"}
    refused = admin.call("POST", "/settings/maintenance", body, **bearer(text))
    assert (refused.status_code, refused.json()["kind"]) == (403, "Refused")
    assert admin.call("POST", "/settings/maintenance", {**body, "pattern": "shop"}, **bearer(text)).status_code == 201


def test_a_token_ends_on_its_day_and_when_it_is_revoked(person: Callable[..., Person]) -> None:
    anna = person("anna", "viewer")
    old, revoked = token_of(anna), token_of(anna)
    Token.objects.filter(prefix=old[:12]).update(expires_at=Token.objects.latest("id").made_at - timedelta(seconds=1))
    assert [status(anna, each) for each in (old, revoked)] == [401, 200]
    assert anna.post(f"/access/tokens/{Token.objects.get(prefix=revoked[:12]).pk}/revoke").status_code == 302
    assert [status(anna, each) for each in (old, revoked)] == [401, 401]
    page = anna.page("/access/")
    assert "expired" in page
    assert "revoked" in page


def test_nobody_revokes_anothers_token_but_an_admin(person: Callable[..., Person]) -> None:
    anna, otto, admin = person("anna", "writer"), person("otto", "writer"), person("ada", "admin")
    text = token_of(anna)
    number = Token.objects.get().pk
    assert otto.post(f"/access/tokens/{number}/revoke").status_code == 404
    assert otto.call("DELETE", f"/access/tokens/{number}").status_code == 404
    assert status(anna, text) == 200
    assert admin.call("DELETE", f"/access/tokens/{number}").status_code == 204
    assert status(anna, text) == 401


def test_who_comes_with_a_token_gives_no_access(person: Callable[..., Person]) -> None:
    """Else a token of an hour could make one of a year."""
    admin = person("ada", "admin")
    text = token_of(admin, "admin")
    calls = (
        ("POST", "/access/tokens", {"name": "more", "role": "admin", "days": 366}),
        ("POST", "/access/users", {"user": "eve", "password": "correct horse battery", "role": "admin"}),
        ("POST", "/access/users/ada/link", None),
        ("POST", "/access/users/ada/grants", {"role": "admin"}),
    )
    for method, path, body in calls:
        found = admin.call(method, path, body, **bearer(text))
        assert (found.status_code, found.json()["error"]) == (403, "a token cannot do this: log in"), path


def test_a_wrong_token_is_not_made_good_by_a_session(person: Callable[..., Person]) -> None:
    admin = person("ada", "admin")
    for text in ("dbf_wrong", "", "Bearer", "é".encode().decode("latin-1")):
        headers = {"Authorization": f"Bearer {text}", "X-CSRFToken": admin.csrf}
        found = admin.session.get(f"{admin.web.url}/api/access/users", headers=headers, timeout=30)
        assert found.status_code == 401
    assert admin.get("/api/access/users", headers={"Authorization": "Basic YWRhOmFkYQ=="}).status_code == 401


def test_a_token_opens_the_api_and_no_page(person: Callable[..., Person]) -> None:
    anna = person("anna", "viewer")
    text = token_of(anna)
    found = requests.get(f"{anna.web.url}/access/", headers=bearer(text), allow_redirects=False, timeout=30)
    assert found.status_code == 302


def test_an_admin_adds_somebody_who_comes_by_a_link(person: Callable[..., Person]) -> None:
    admin = person("ada", "admin")
    found = admin.post("/access/users", username="anna", role="reader", pattern="shop")
    link = re.search(r"/link/[\w-]+", found.text)
    assert link is not None
    assert link[0] not in admin.page("/access/")
    anna = person()
    anna.get(link[0])
    assert anna.post(link[0]).status_code == 302
    assert "reader on shop" in anna.page("/access/")
    told = [entry.body for entry in Entry.objects.filter(kind="access", who="web:ada")]
    assert any('"did":"add user"' in body for body in told)
    assert any('"did":"grant"' in body for body in told)


def test_the_last_admin_stays_one(person: Callable[..., Person]) -> None:
    admin = person("ada", "admin")
    grant = Grant.objects.get().pk
    admin.post(f"/access/grants/{grant}/withdraw")
    admin.post("/access/users/ada/active", active="0")
    admin.post("/access/users/ada/grants", role="viewer", pattern="*")
    assert Grant.objects.get().role == "admin"
    assert "is the last admin" in admin.page("/access/")
    people.add("otto", by="cli:test", role="admin")
    assert admin.post(f"/access/grants/{grant}/withdraw").status_code == 302
    assert admin.get("/access/users").status_code in (403, 405)


def test_two_names_that_differ_in_case_alone_are_one(person: Callable[..., Person]) -> None:
    admin = person("ada", "admin")
    assert admin.call("POST", "/access/users", {"user": "ADA"}).status_code == 409
    assert admin.call("POST", "/access/users", {"user": "a b"}).status_code == 400
    assert admin.call("POST", "/access/users", {"user": ""}).status_code == 400
    assert admin.call("POST", "/access/users", {"user": "x" * 151}).status_code == 400


def test_an_admin_of_some_targets_is_none(person: Callable[..., Person]) -> None:
    admin = person("ada", "admin")
    found = admin.call("POST", "/access/users/ada/grants", {"role": "admin", "pattern": "prod-*"})
    assert (found.status_code, found.json()["error"]) == (400, "an admin is one on every target")


def test_a_new_password_needs_the_old_one_and_ends_other_sessions(person: Callable[..., Person]) -> None:
    anna = person("anna", "viewer", password="the first password")
    other = Person(anna.web, "anna")
    other.enter()
    new = "another long password"
    anna.post("/access/password", old="wrong", new=new, again=new)
    assert "the old password is another one" in anna.page("/access/")
    assert other.get("/access/").status_code == 200
    anna.post("/access/password", old="the first password", new=new, again=new)
    assert "The password is changed" in anna.page("/access/")
    assert other.get("/access/").status_code == 302
    other.close()


def test_a_password_that_everybody_has_is_refused(person: Callable[..., Person]) -> None:
    person("ada", "admin")
    with pytest.raises(UsageError, match="cannot be taken"):
        people.add("anna", by="cli:test", password="password123")


def test_a_page_costs_the_same_queries_however_many_users_there_are(person: Callable[..., Person]) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from dbfleet.console.access import state

    person("ada", "admin")

    def cost() -> int:
        with CaptureQueriesContext(connection) as seen:
            state.users()
            state.all_tokens()
        return len(seen)

    before = cost()
    for number in range(12):
        people.add(f"user{number}", by="cli:test", role="viewer", pattern=f"shop-{number}")
    assert cost() == before
