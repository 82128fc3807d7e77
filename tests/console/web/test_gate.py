"""Who may open what: each view says which role it needs, and whoever has less gets no further."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
import requests
from console_people import Person, Web

from dbfleet.console.desk import Desk
from dbfleet.console.rooms import modules

OPEN = {"healthz", "login", "login-second", "logout", "link", "csp-report", "auth-admin"}
OF_A_VIEWER = {
    "access-token": "a token of one's own, which is no more than a viewer",
    "access-token-revoke": "a token of one's own",
    "access-password": "one's own password",
    "access-second": "one's own second factor",
    "access-second-remove": "one's own second factor",
    "receipts-verify": "reads the chain",
}
OF_A_VIEWER_BY_API = {
    ("POST", "/access/tokens"): "a token of one's own, which is no more than a viewer",
    ("DELETE", "/access/tokens/{number}"): "a token of one's own",
    ("POST", "/receipts/verify"): "reads the chain",
}


def pages() -> Iterator[tuple[str, str, object]]:
    """Every URL of a page: its name, an address of it, its view."""
    from dbfleet.console import urls

    for pattern in urls.urlpatterns:
        if hasattr(pattern, "url_patterns"):  # the API
            continue
        route = str(pattern.pattern)
        yield pattern.name, "/" + filled(route), pattern.callback


def operations() -> Iterator[tuple[str, str, object]]:
    """Every operation of the API: its method, its path, its function."""
    for module in modules("dbfleet.console.api"):
        router = getattr(module, "router", None)
        for path, view in router.path_operations.items() if router else ():
            for operation in view.operations:
                for method in operation.methods:
                    yield method, module.PREFIX + path, operation.view_func


def filled(route: str) -> str:
    """An address of the route, with something for each of its arguments."""
    values = {"int": "1", "uuid": "00000000-0000-4000-8000-000000000000"}
    values["uuidstr"] = values["uuid"]
    return re.sub(r"[<{](?:(\w+):)?(\w+)[>}]", lambda m: values.get(m[1], "1" if m[2] == "number" else "a"), route)


def test_every_page_says_which_role_it_needs(desk: Desk) -> None:
    silent = [name for name, _, view in pages() if not hasattr(view, "needs") and name not in OPEN]
    assert silent == []
    assert len(list(pages())) > 20


def test_every_operation_of_the_api_says_which_role_it_needs(desk: Desk) -> None:
    assert [path for _, path, function in operations() if not hasattr(function, "needs")] == []
    assert len(list(operations())) > 20


def test_a_viewer_is_refused_wherever_something_is_written(person: Callable[..., Person]) -> None:
    viewer = person("vera", "viewer")
    answers = {}
    for name, address, _ in pages():
        if name in OPEN or name in OF_A_VIEWER:
            continue
        found = viewer.post(address)
        if found.status_code != 405:
            refused = "needs the role" in found.text or "only shows something" in found.text
            answers[name] = (found.status_code, refused)
    assert len(answers) > 10
    assert {name: told for name, told in answers.items() if told != (403, True)} == {}


def test_what_a_viewer_may_post_is_listed_here(desk: Desk) -> None:
    taking = {name for name, _, view in pages() if (need := getattr(view, "needs", None)) and need.posts}
    assert taking == set(OF_A_VIEWER)
    called = {(method, path) for method, path, function in operations() if function.needs.posts}
    assert called == set(OF_A_VIEWER_BY_API)


def test_a_viewer_is_refused_by_the_api_wherever_something_is_written(person: Callable[..., Person]) -> None:
    """Also where the input is wrong: who may not call it does not learn what it takes."""
    viewer = person("vera", "viewer")
    answers = {}
    for method, path, _ in operations():
        if method != "GET" and (method, path) not in OF_A_VIEWER_BY_API:
            found = viewer.call(method, filled(path), {})
            answers[method, path] = (found.status_code, found.json().get("kind"))
    assert len(answers) > 10
    assert {name: told for name, told in answers.items() if told != (403, "Refused")} == {}


def test_nobody_sees_anything_without_a_login(person: Callable[..., Person]) -> None:
    nobody = person()
    for name, address, _ in pages():
        if name in OPEN:
            continue
        found = nobody.get(address)
        if found.status_code == 405:
            found = nobody.post(address)
            assert found.status_code in (302, 403), address
        else:
            assert found.status_code == 302, address
        assert found.status_code == 403 or found.headers["Location"].startswith("/login?"), address
    for method, path, _ in operations():
        found = requests.request(method, f"{nobody.web.url}/api{filled(path)}", timeout=30)
        assert found.status_code in (401, 403), path
    assert requests.get(f"{nobody.web.url}/api/openapi.json", timeout=30).status_code == 401


@pytest.mark.parametrize("how", ["without a token", "with another's"])
def test_what_changes_something_needs_the_sessions_own_csrf_token(how: str, person: Callable[..., Person]) -> None:
    anna, other = person("anna", "admin"), person("otto", "admin")
    token = "" if how == "without a token" else other.csrf
    for name, address, _ in pages():
        if name not in ("auth-admin", "csp-report", "healthz", "link", "login", "login-second"):
            found = anna.post(address, csrfmiddlewaretoken=token)
            assert found.status_code in (403, 405), name
            assert found.status_code == 405 or "not from this session" in found.text, name
    for method, path, _ in operations():
        if method != "GET":
            found = anna.call(method, filled(path), {}, **{"X-CSRFToken": token})
            assert (found.status_code, found.json()["error"][:9]) == (403, "this form"), path
    assert anna.get("/access/").status_code == 200  # and nothing ended the session


def test_a_role_counts_on_the_targets_that_its_pattern_matches(person: Callable[..., Person]) -> None:
    from dbfleet.console.access.rights import Rights

    rights = Rights("anna", (("prod-*", "viewer"), ("shop", "writer"), ("x*", "admin")))
    assert rights.may("viewer", "prod-1")
    assert not rights.may("reader", "prod-1")
    assert rights.may("writer", "shop.orders")  # a collection is its target's
    assert not rights.may("viewer", "shopping")
    assert rights.role("x1") == "writer"  # an admin is one on every target, or none
    assert not rights.anywhere("admin")
    assert not rights.may("viewer", "prod-1://somewhere.example/db")  # a URL is matched by * alone
    assert Rights("anna", (("*", "viewer"),)).may("viewer", "postgresql://h/db")
    assert rights.covers("writer", "shop")
    assert not rights.covers("writer", "sho*")
    assert rights.covers("viewer", "prod-*")


def test_an_address_that_is_none_is_told_as_one(person: Callable[..., Person]) -> None:
    found = person("anna", "viewer").get("/no/such/page")
    assert found.status_code == 404
    assert "nothing at this address" in found.text
    assert person("otto", "viewer").call("GET", "/no/such").json() == {
        "error": "there is nothing at this address", "hint": None, "kind": "NotFound",
    }  # fmt: skip


def test_every_answer_has_the_policy(person: Callable[..., Person], web: Web) -> None:
    anna = person("anna", "admin")
    for path in ("/", "/login", "/access/", "/no/such", "/api/access/me", "/api/docs", "/healthz"):
        headers = anna.get(path).headers
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "no-store" in headers["Cache-Control"]


def test_static_files_are_kept_by_browsers_and_have_their_content_in_their_link(person: Callable[..., Person]) -> None:
    page = person().get("/login").text
    linked = re.findall(r'(?:href|src)="(/static/[^"]+)"', page)
    assert len(linked) >= 3
    for link in linked:
        assert re.search(r"\?v=[0-9a-f]{12}$", link)
        found = person().get(link)
        assert found.status_code == 200
        assert "immutable" in found.headers["Cache-Control"]


def test_no_page_loads_anything_from_elsewhere(person: Callable[..., Person]) -> None:
    anna = person("anna", "admin")
    for path in ("/login", "/access/", "/audit/", "/receipts/", "/settings/", "/api/docs"):
        assert re.findall(r'(?:src|href|action)="(?:https?:)?//[^"]*"', anna.get(path).text) == []


def test_the_door_to_flower_and_pgadmin_is_for_admins(person: Callable[..., Person]) -> None:
    """As nginx asks: by the status alone."""
    assert person().get("/auth/admin").status_code == 401
    assert person("vera", "writer").get("/auth/admin").status_code == 403
    assert person("anna", "admin").get("/auth/admin").status_code == 204
