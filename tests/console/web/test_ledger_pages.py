"""Audit and Receipts: who sees what, and that what was changed is found."""

from __future__ import annotations

import json
from collections.abc import Callable

import psycopg
import pytest
from console_people import Person
from console_servers import WEB_PASSWORD, Console
from django.db import connection

from dbfleet.console import chain
from dbfleet.console.models import Entry

ODD = "<script>alert(1)</script>\x1b[31m\x07‮evil & \"quoted\" 'one' ${env:HOME} {{ 7*7 }}"


def asked(who: str, target: str, text: str, *, number: int = 1) -> None:
    """A statement and its outcome, as dbfleet.console.statements puts them on record."""
    name = f"00000000-0000-4000-8000-{number:012}"
    chain.append("statement", who=who, role="reader", target=target, body={"did": "begin", "asked": name, "text": text})
    end = {"did": "end", "asked": name, "outcome": "ok", "rows": 3, "ms": 1.5}
    chain.append("statement", who=who, role="reader", target=target, body=end)


def test_an_admin_sees_everything_and_others_what_they_did(person: Callable[..., Person]) -> None:
    admin, anna = person("ada", "admin"), person("anna", "viewer")
    asked("web:anna", "shop", "SELECT 'of anna'")
    asked("web:otto", "shop", "SELECT 'of otto'", number=2)
    theirs = Entry.objects.get(body__contains="of otto").pk
    assert "of otto" in admin.page("/audit/")
    page = anna.page("/audit/")
    assert "of anna" in page
    assert "of otto" not in page
    assert "of otto" not in anna.page("/audit/?who=web:otto")
    assert anna.get(f"/audit/{theirs}").status_code == 404
    assert anna.call("GET", f"/audit/{theirs}").status_code == 404
    assert {each["who"] for each in anna.call("GET", "/audit").json()} == {"web:anna"}


def test_a_statement_stands_in_one_line_with_its_outcome(person: Callable[..., Person]) -> None:
    admin = person("ada", "admin")
    asked("web:anna", "shop", "SELECT 1")
    found = admin.call("GET", "/audit?kind=statement").json()
    assert len(found) == 1
    assert found[0]["outcome"] == {"outcome": "ok", "rows": 3, "ms": 1.5, "error": None}


def test_the_audit_is_filtered_and_paged_by_number(person: Callable[..., Person]) -> None:
    admin = person("ada", "admin")
    for number in range(130):
        chain.append("schedule", who="web:anna", target="shop", body={"did": "run", "schedule": f"nr {number}"})
    first = admin.call("GET", "/audit?who=web:anna&kind=schedule&target=shop").json()
    assert len(first) == 100
    rest = admin.call("GET", f"/audit?who=web:anna&kind=schedule&before={first[-1]['entry']}").json()
    assert [each["body"]["schedule"] for each in rest[::29]] == ["nr 29", "nr 0"]
    assert [each["body"]["schedule"] for each in admin.call("GET", "/audit?words=nr 77").json()] == ["nr 77"]
    assert 'rel="next"' in admin.page("/audit/")
    assert admin.get("/audit/?before=x").status_code == 400
    assert admin.get("/audit/?before=99999999999999999999999").status_code == 400
    assert admin.get("/audit/?who=%00").status_code == 400


def test_what_came_from_elsewhere_is_shown_as_text(person: Callable[..., Person]) -> None:
    admin = person("ada", "admin")
    asked("web:" + ODD, ODD, ODD)
    body = {"collections": [{"collection": ODD, "digest": ODD}], "note": ODD}
    receipt = chain.receipt(body, who=ODD, kind="copy", source=ODD, target=ODD, same=True)
    last = Entry.objects.get(body__contains='"did":"begin"').pk
    for path in (
        "/audit/",
        f"/audit/{last}",
        "/receipts/",
        f"/receipts/{receipt.pk}",
        "/audit/?words=<script>",
        "/receipts/?target=<script>",
    ):
        page = admin.page(path)
        assert "<script>alert" not in page
        for hidden in ("\x1b", "\x07", "‮"):
            assert hidden not in page
    for path in (f"/audit/{last}", f"/receipts/{receipt.pk}"):
        page = admin.page(path)
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
        assert "[U+202E]" in page
        assert "{{ 7*7 }}" in page
    assert "␛" in admin.page(f"/audit/{last}")
    assert ODD in [each["body"].get("text") for each in admin.call("GET", "/audit?kind=statement").json()]


def test_a_receipt_is_for_who_may_view_its_targets(person: Callable[..., Person]) -> None:
    anna, admin = person("anna", "viewer", "shop"), person("ada", "admin")
    mine = chain.receipt({"rows": 1}, who="cli:x", kind="dump", source="shop", same=None)
    other = chain.receipt({"rows": 2}, who="cli:x", kind="copy", source="shop", target="bank", same=False)
    assert [each["receipt"] for each in anna.call("GET", "/receipts").json()] == [mine.pk]
    assert [each["receipt"] for each in admin.call("GET", "/receipts").json()] == [other.pk, mine.pk]
    assert anna.get(f"/receipts/{mine.pk}").status_code == 200
    assert anna.get(f"/receipts/{other.pk}").status_code == 404
    assert anna.call("GET", f"/receipts/{other.pk}").status_code == 404
    page = admin.page(f"/receipts/{other.pk}")
    assert Entry.objects.get(pk=other.pk).hash in page
    assert json.loads(admin.get(f"/api/receipts/{other.pk}").text)["rows"] == 2


def test_a_changed_byte_is_named_by_verify(person: Callable[..., Person]) -> None:
    admin = person("ada", "admin")
    for number in range(5):
        chain.receipt({"rows": number}, who="cli:x", kind="dump", source="shop")
    assert "each fits the one before" in admin.post("/receipts/verify").text
    wrong = Entry.objects.filter(kind="receipt").order_by("seq")[2].pk
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("UPDATE console_entry SET body = replace(body, '2', '3') WHERE seq = %s", [wrong])
        cursor.execute("SET session_replication_role = origin")
    assert f"Entry {wrong} does not fit" in admin.post("/receipts/verify").text
    found = admin.call("POST", "/receipts/verify", {}).json()
    assert (found["ok"], found["wrong"]) == (False, wrong)
    assert "was changed" in admin.page(f"/audit/{wrong}")


def test_a_head_that_is_gone_shows_that_the_end_was_cut_off(person: Callable[..., Person]) -> None:
    admin = person("ada", "admin")
    head = admin.call("POST", "/receipts/verify", {}).json()["head"]
    assert admin.call("POST", "/receipts/verify", {"head": head}).json()["ok"]
    assert "was cut off" in admin.post("/receipts/verify", head="0" * 63 + "1").text


@pytest.mark.parametrize("table", ["console_entry", "console_receipt"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET {column} = {column}", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_the_webs_account_changes_nothing_that_is_on_record(
    statement: str, table: str, console: Console, person: Callable[..., Person]
) -> None:
    person("ada", "admin")
    chain.receipt({"rows": 1}, who="cli:x", kind="dump", source="shop")
    control = console.fleet.service("control")
    column = "kind"
    with (
        psycopg.connect(
            host=control.host, port=control.port, user="dbfleet_web", password=WEB_PASSWORD, dbname="dbfleet"
        ) as web,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        web.execute(statement.format(table, column=column))
