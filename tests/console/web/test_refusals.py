"""What is refused is told: to a person on a page, to a program as {error, hint, kind}; and an address is found with the
slash at its end as without."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests
from console_people import Person
from test_gate import filled, operations, pages

from dbfleet.console import chain
from dbfleet.console.desk import Desk
from dbfleet.console.jobs import kinds

Make = Callable[..., Person]


def told(answer: requests.Response) -> dict[str, Any]:
    """The refusal, in its one form."""
    assert 400 <= answer.status_code < 500, (answer.status_code, answer.text[:300])
    found: dict[str, Any] = json.loads(answer.text)
    assert set(found) == {"error", "hint", "kind"}, found
    assert found["error"]
    assert found["kind"]
    return found


# --- addresses ---


def test_every_page_is_found_with_and_without_the_slash_at_its_end(person: Make) -> None:
    anna = person("anna", "admin")
    wrong = {}
    for name, address, _ in pages():
        other = address.rstrip("/") if address.endswith("/") else f"{address}/"
        if not other:
            continue
        found = anna.get(f"{other}?kind=copy&words=%C3%A4")
        at = (found.status_code, found.headers.get("Location"))
        if at != (301, f"{address}?kind=copy&words=%C3%A4"):
            wrong[name] = at
    assert wrong == {}


@pytest.mark.parametrize("address", ["//example.org/", "//example.org", "/no/such/", "/\\example.org/", "/fleet//x"])
def test_no_address_leads_elsewhere(address: str, person: Make) -> None:
    anna = person("anna", "admin")
    found = anna.session.get(anna.web.url + address, allow_redirects=False, timeout=30)
    assert found.status_code == 404
    assert "Location" not in found.headers


def test_a_name_in_an_address_stays_what_it_is(person: Make) -> None:
    found = person("anna", "admin").get("/targets/a%20b%3Fc/")
    assert (found.status_code, found.headers["Location"]) == (301, "/targets/a%20b%3Fc")


def test_an_address_that_takes_forms_alone_says_so(person: Make) -> None:
    anna = person("anna", "admin")
    empty = {}
    for name, address, _ in pages():
        found = anna.get(address)
        if found.status_code == 405 and ("takes no GET" not in found.text or "POST" not in found.headers["Allow"]):
            empty[name] = found.text[:80]
    assert empty == {}
    found = anna.call("PUT", "/jobs")
    assert found.status_code == 405
    assert "POST" in str(told(found)["hint"])


def test_verify_says_what_it_does_and_asks_for_a_head(person: Make) -> None:
    anna = person("anna", "viewer")
    page = anna.page("/receipts/verify")
    assert 'name="head"' in page
    assert "A walk along all of them" in page


@pytest.mark.parametrize("head", ["zz", "deadbeef", "g" * 64, "0" * 63, "0" * 65, "\0"])
def test_a_head_that_is_none_is_a_mistake_of_the_form(head: str, person: Make) -> None:
    anna = person("anna", "viewer")
    for headers in ({}, {"HX-Request": "true"}):
        found = anna.post("/receipts/verify", head=head, headers=headers)
        assert found.status_code == 400
        assert "a head is 64 hexadecimal digits" in found.text
        assert "cut off" not in found.text.partition('class="told error"')[2].partition("</p>")[0]
        assert "dbfleet receipts" not in found.text
    assert told(anna.call("POST", "/receipts/verify", {"head": head}))["error"].startswith("a head is 64")


# --- the API ---


@pytest.mark.parametrize("body", [b"", b"{", b"no json", b"[]", b"null", b'"x"', b"\xff\xfe", b"[" * 5000])
def test_a_body_that_is_none_is_refused_in_the_one_form(body: bytes, person: Make) -> None:
    anna = person("anna", "admin")
    taking = [each for each in operations() if each[0] in ("POST", "PUT", "PATCH")]
    assert len(taking) > 10
    for method, path, _ in taking:
        found = anna.session.request(
            method, f"{anna.web.url}/api{filled(path)}", data=body, headers={"X-CSRFToken": anna.csrf}, timeout=60
        )
        if found.status_code >= 300:
            told(found)


@pytest.mark.parametrize(
    "wrong",
    [5, [], {}, [5], {"a": {}}, True, "\0", "\ud800", 1e308, 10**400, "x" * 70_000],
    ids=lambda each: ascii(each)[:20],
)
def test_values_of_wrong_types_are_refused_in_the_one_form(wrong: Any, desk: Desk, person: Make) -> None:
    anna = person("anna", "admin")
    for kind in kinds.NAMES:
        for name in kinds.kind(kind).takes:
            given = {"target": "a", "left": "a", "right": "c", "source": "a", "sink": "c", "directory": "/tmp/x"}
            given = {each: value for each, value in given.items() if each in kinds.kind(kind).takes}
            found = anna.call("POST", "/jobs", {"kind": kind, "arguments": {**given, name: wrong}})
            assert found.status_code < 500, (kind, name, found.text)
            if found.status_code >= 300:
                told(found)
    for body in ({"kind": wrong}, {"kind": "dump", "arguments": 5}, {}):
        assert told(anna.call("POST", "/jobs", body))["hint"]


@pytest.mark.parametrize("path", ["/jobs", "/receipts", "/audit"])
@pytest.mark.parametrize("limit", ["-1", "0", "1000000", "x", "1.5"])
def test_a_limit_that_is_none_is_refused(path: str, limit: str, person: Make) -> None:
    found = told(person("anna", "admin").call("GET", f"{path}?limit={limit}"))
    assert "limit" in found["error"]


@pytest.mark.parametrize(
    ("address", "known"),
    [("jobs?kind=", "drill"), ("jobs?state=", "overdue"), ("receipts?kind=", "copy"), ("audit?kind=", "statement"),
     ("notices?state=", "failed")],
)  # fmt: skip
def test_a_filter_that_is_unknown_is_refused_with_the_known_ones(address: str, known: str, person: Make) -> None:
    anna = person("anna", "admin")
    found = told(anna.call("GET", f"/{address}nosuch"))
    assert "'nosuch'" in found["error"]
    assert known in found["hint"]
    path, _, query = address.partition("?")
    page = anna.get(f"/{path}/?{query}nosuch") if path in ("receipts", "audit") else anna.get(f"/{address}nosuch")
    assert page.status_code == 400
    assert "&#x27;nosuch&#x27;" in page.text
    assert known in page.text
    assert anna.call("GET", f"/{address}{known}").status_code == 200


def test_every_filter_that_a_page_offers_is_a_known_one(desk: Desk, person: Make) -> None:
    anna = person("anna", "admin")
    chain.receipt({"rows": 1}, who="cli:x", kind="bench", source="a")
    for path in ("/jobs", "/receipts/", "/audit/", "/notices"):
        page = anna.page(path)
        offered = [each.partition('"')[0] for each in page.split('href="?')[1:]]
        offered += [f"kind={each.partition('<')[0]}" for each in page.split("<option>")[1:]]
        assert offered, path
        for each in offered:
            query = each.replace("&amp;", "&")
            assert anna.get(f"{path}?{query}").status_code == 200, (path, query)


@pytest.mark.parametrize("path", ["/jobs?target=%00", "/jobs?before=x", "/notices?before=x", "/jobs?before=-1"])
def test_a_filter_that_makes_no_sense_is_told(path: str, person: Make) -> None:
    assert person("anna", "admin").get(path).status_code == 400


def test_who_is_nobody_and_who_may_not_are_refused_in_the_one_form(person: Make) -> None:
    nobody, vera = person(), person("vera", "viewer")
    assert told(nobody.call("GET", "/jobs"))["kind"] == "NotLoggedIn"
    assert told(vera.call("POST", "/schedules", {"kind": "dump"}))["kind"] == "Refused"
    assert told(vera.call("GET", "/no/such"))["kind"] == "NotFound"
    assert told(vera.call("POST", "/receipts/verify", {}, **{"X-CSRFToken": "no"}))["kind"] == "Refused"


@pytest.mark.parametrize("wrong", ["\0", "\ud800", "x" * 5_000, 10**30, -1, [["a"]]], ids=lambda each: ascii(each)[:20])
def test_no_call_of_the_api_fails_for_what_it_is_given(wrong: Any, desk: Desk, person: Make) -> None:
    anna = person("anna", "admin")
    schema = anna.call("GET", "/openapi.json").json()
    calls, bugs = 0, []
    for path, methods in schema["paths"].items():
        for method, about in methods.items():
            asked = {each["name"]: wrong for each in about.get("parameters", ()) if each["in"] == "query"}
            found = about.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            fields = schema["components"]["schemas"].get(found.get("$ref", "").rpartition("/")[2], {})
            for name in [*asked, *fields.get("properties", {})]:
                body = None if method == "get" else {**_right(fields), **({} if name in asked else {name: wrong})}
                query = {name: str(wrong).encode("utf-8", "surrogatepass")} if name in asked else {}
                data = None if body is None else json.dumps(body)
                got = anna.session.request(
                    method, f"{anna.web.url}{filled(path)}", params=query, data=data,
                    headers={"X-CSRFToken": anna.csrf}, timeout=60,
                )  # fmt: skip
                calls += 1
                if got.status_code >= 500:
                    bugs.append((method, path, name, got.text[:100]))
                elif got.status_code >= 300:
                    told(got)
    assert calls > 40
    assert bugs == []


def _right(schema: dict[str, Any]) -> dict[str, Any]:
    """A body of the right types."""
    plain = {"string": "a", "integer": 1, "number": 1.0, "boolean": True, "array": ["a"], "object": {}}
    found = {
        name: plain.get(each.get("type", "string"), "a")
        for name, each in schema.get("properties", {}).items()
        if name in schema.get("required", ())
    }
    return {**found, **{name: "2030-01-01T00:00:00Z" for name in ("begins", "ends") if name in found}}
