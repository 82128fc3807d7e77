"""Access, audit, receipts, settings and the way in, as a person uses them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from browser_site import PICTURES, Site

from dbfleet.console import chain
from dbfleet.console.access import links, people
from dbfleet.console.desk import Desk
from dbfleet.console.models import Budget, Maintenance, Token

ODD = "<script>alert(1)</script><img src=x onerror=alert(2)>"


def somebody(site: Site, **options: Any) -> Any:
    """A browser of somebody who is not logged in."""
    context = site.browser.new_context(**options)
    context.set_default_timeout(30_000)
    site.contexts.append(context)
    return context.new_page()


def test_a_password_logs_in_and_a_wrong_one_is_told(site: Site) -> None:
    people.add("anna", by="cli:test", role="viewer", password="correct horse battery")
    page = somebody(site)
    page.goto(f"{site.url}/audit/")
    assert "/login?next=" in page.url
    for password in ("wrong", "correct horse battery"):
        page.fill("input[name=username]", "anna")
        page.fill("input[name=password]", password)
        page.click("button:has-text('Log in')")
        if password == "wrong":
            page.wait_for_selector("text=do not fit")
    page.wait_for_url(f"{site.url}/audit/")
    page.click("button:has-text('Log out')")
    page.wait_for_url(f"{site.url}/login")


def test_the_first_admin_comes_by_a_link_and_lets_somebody_else_in(desk: Desk, site: Site) -> None:
    page = somebody(site)
    page.goto(f"{site.url}/link/{links.make(by='cli:test')}")
    page.fill("input[name=username]", "ada")
    page.click("button:has-text('Log in')")
    page.click("nav >> text=Access")
    page.click("summary:has-text('Add a user')")
    page.fill("input[name=username]", "anna")
    page.click("button:text-is('Add')")
    link = page.inner_text("#new-link")
    other = somebody(site)
    other.goto(link.replace(re.match(r"https?://[^/]+", link)[0], site.url))  # type: ignore[index]
    assert "as anna, once" in other.inner_text("main")
    other.click("button:has-text('Log in')")
    other.click("nav >> text=Access")
    assert "viewer on *" in other.inner_text("main")


def test_a_token_is_shown_once_and_revoked(site: Site) -> None:
    page = site.person("operator")
    site.open(page, "/access/")
    page.fill("input[name=name]", "nightly script")
    page.click("button:text-is('Make')")
    text = page.inner_text("#new-token")
    assert re.fullmatch(r"dbf_[\w-]{43}", text)
    site.open(page, "/access/")
    assert text not in page.content()
    page.click("button:text-is('Revoke')")
    page.wait_for_selector("text=The token is revoked")
    assert Token.objects.get().revoked_at is not None


def test_the_chain_is_proven_without_leaving_the_page(site: Site) -> None:
    chain.receipt({"note": ODD}, who="cli:x", kind="copy", source="a", target="b", same=True, rows=1_000_000)
    page = site.person("viewer")
    site.open(page, "/receipts/")
    page.click("button:text-is('Verify')")
    page.wait_for_selector("#verified >> text=each fits the one before")
    assert page.url == f"{site.url}/receipts/"
    page.click("tbody a")
    assert ODD in page.inner_text("main")


def test_the_audit_shows_what_fits(site: Site) -> None:
    for who in ("web:anna", "web:otto"):
        chain.append("schedule", who=who, target="a", body={"did": "run", "schedule": f"of {who} {ODD}"})
    page = site.person("admin")
    site.open(page, "/audit/")
    page.fill("input[name=who]", "web:otto")
    page.click("button:text-is('Show')")
    assert len(page.query_selector_all("tbody tr")) == 1
    assert ODD in page.inner_text("tbody")
    page.click("tbody a")
    assert "fits" in page.inner_text("dl.facts")


def test_a_maintenance_and_a_budget_are_set_by_a_form(site: Site) -> None:
    page = site.person("admin", zone="Europe/Berlin")
    site.open(page, "/settings/")
    page.click("summary:has-text('Plan a maintenance')")
    assert page.input_value("form[action$='/maintenance'] input[name=time_zone]") == "Europe/Berlin"
    page.fill("input[name=begins]", "2030-07-01T22:00")
    page.fill("input[name=ends]", "2030-07-01T23:00")
    page.click("button:text-is('Plan')")
    page.wait_for_selector("text=The maintenance is set")
    assert f"{Maintenance.objects.get().begins_at:%H:%M}" == "20:00"
    assert page.inner_text("tbody time >> nth=0") == "2030-07-01 22:00:00"
    page.click("summary:has-text('Set a budget')")
    page.fill("input[name=target]", "a")
    page.fill("input[name=jobs]", "2")
    page.click("button:text-is('Set')")
    page.wait_for_selector("text=The budget is set")
    assert Budget.objects.get().jobs == 2


def everything() -> list[str]:
    """Something on every page; their paths."""
    for name, role, pattern in (("anna", "writer", "shop"), ("otto", "reader", "prod-*"), ("zoe", "operator", "*")):
        people.add(name, by="cli:test", role=role, pattern=pattern)
    people.grant(people.find("anna"), "viewer", "*", by="cli:test")
    number = "00000000-0000-4000-8000-000000000001"
    text = "SELECT id, status, total FROM orders WHERE status = 'paid' ORDER BY id LIMIT 20"
    begin = chain.append("statement", who="web:anna", role="reader", target="a",
                         body={"did": "begin", "asked": number, "text": text})  # fmt: skip
    chain.append("statement", who="web:anna", role="reader", target="a",
                 body={"did": "end", "asked": number, "outcome": "ok", "rows": 20, "ms": 3.1})  # fmt: skip
    tables = [{"collection": name, "rows": 1000, "digest": "1000:5f1c2e88a1b2c3d4"} for name in ("orders", "users")]
    same = chain.receipt({"collections": tables, "seconds": 2.5, "moment": "snapshot"}, who="web:zoe", kind="copy",
                         source="a", target="b", same=True, rows=2000)  # fmt: skip
    chain.receipt({"collections": tables}, who="schedule shop", kind="drift", source="a", target="b", same=False)
    return [
        "/access/",
        "/audit/",
        f"/audit/{begin.pk}",
        "/receipts/",
        f"/receipts/{same.pk}",
        "/settings/",
        "/api/docs",
    ]


@pytest.mark.parametrize(("width", "dark"), [(1440, False), (1440, True), (360, False), (360, True)])
def test_these_pages_are_for_everybody_and_fit(site: Site, width: int, dark: bool) -> None:
    """axe finds nothing, nothing is wider than the screen; there is a picture of each."""
    page = site.person(width=width, dark=dark)
    paths = everything()
    site.open(page, "/settings/")
    page.click("summary:has-text('Set a budget')")
    page.fill("input[name=target]", "prod-*")
    page.fill("input[name=jobs]", "2")
    page.click("button:text-is('Set')")
    page.wait_for_selector("text=The budget is set")
    found: list[str] = []

    def look(page: Any, path: str, name: str) -> None:
        found.extend(site.found_by_axe(page))
        wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if wider > 0:
            found.append(f"{path} is {wider} px wider than {width}")
        PICTURES.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=PICTURES / f"{name}-{width}-{'dark' if dark else 'light'}.png", full_page=True)

    for path in paths:
        site.open(page, path)
        for each in page.query_selector_all("details"):
            each.evaluate("each => each.open = true")
        look(page, path, re.sub(r"\W+", "-", re.sub(r"\d+", "one", path)).strip("-"))
    nobody = somebody(site, viewport={"width": width, "height": 800}, color_scheme="dark" if dark else "light")
    for path in ("/login", "/no/such/page", f"/link/{links.make(by='cli:test')}"):
        nobody.goto(site.url + path)
        look(nobody, path, "-".join(path.split("/")[1:2]))
    assert found == []
