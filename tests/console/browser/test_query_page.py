"""The query page as a person uses it: asking, stopping, exporting, saving, writing; on the real servers."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from asked_web import AskFleet, Web, entries
from browser_site import PICTURES, Site
from console_servers import ended, until
from django.contrib.auth.models import User

from dbfleet.console.access import links
from dbfleet.console.jobs.making import now
from dbfleet.console.models import Asked, Budget, Grant, Job, TargetState

Start = Callable[..., subprocess.Popen[bytes]]

SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)>"


@pytest.fixture
def asking(web: Web, chromium: Any, axe: str) -> Iterator[Site]:
    """The web of the fleet that is asked, in a browser. No error on a page, and no break of its policy, is left."""
    made = Site(web.address, chromium, axe)
    yield made
    for context in made.contexts:
        context.close()
    assert made.trouble == []


def tab(site: Site, role: str = "writer", *, width: int = 1440, dark: bool = False, path: str = "/query") -> Any:
    """A page of somebody with this role, who is logged in."""
    if not User.objects.filter(username=role).exists():
        user = User.objects.create_user(role)
        Grant.objects.create(user=user, pattern="*", role=role, made_by="test", made_at=now())
    context = site.browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light", accept_downloads=True
    )
    context.set_default_timeout(60_000)
    site.contexts.append(context)
    page = context.new_page()
    page.on("console", lambda said: site.trouble.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: site.trouble.append(str(error)))
    page.on("dialog", lambda dialog: (site.trouble.append(f"a script ran: {dialog.message}"), dialog.dismiss()))
    page.goto(f"{site.url}/link/{links.make(by='cli:test', user=role)}")
    page.click("main button")
    page.wait_for_load_state()
    site.open(page, path)
    return page


def ask(page: Any, text: str, *targets: str) -> None:
    """Choose the targets, type the statement, and press Ctrl-Enter."""
    for box in page.locator("input[name=whom]").all():
        box.set_checked(box.get_attribute("value") in targets)
    page.locator(".CodeMirror").click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(text)
    page.keyboard.press("Control+Enter")


def answered(page: Any, count: int = 1) -> None:
    page.locator(".result[data-ended]").nth(count - 1).wait_for()


@pytest.mark.parametrize("up", ["p", "s", "r"])
def test_a_target_that_answers_is_chosen_before_one_that_is_not_up(asking: Site, up: str) -> None:
    for name in ("p", "r", "s"):
        TargetState.objects.create(target=name, engine="postgres", ok=True if name == up else None, at=now())
    page = tab(asking)
    assert page.locator("input[name=whom]:checked").get_attribute("value") == up
    assert page.locator("fieldset label:has-text('not up')").count() == 2


def test_targets_are_asked_side_by_side_and_values_are_text(asking: Site) -> None:
    page = tab(asking)
    ask(page, f"SELECT '{SCRIPT}' AS \"{SCRIPT}\", 'a' || char(7) AS n, 1.5 AS d, NULL AS x, '' AS e", "s")
    answered(page)
    assert page.locator(".result td").all_inner_texts() == [SCRIPT, "a\\x07", "1.5", "NULL", "empty text"]
    assert page.locator(".result img, .result script").count() == 0
    ask(page, "SELECT * FROM orders ORDER BY id", "p", "s")
    answered(page, 2)
    boxes = [each.bounding_box() for each in page.locator(".result").all()]
    assert boxes[0]["y"] == boxes[1]["y"]  # side by side
    assert [each.split()[0] for each in page.locator(".result header .hint").all_inner_texts()] == ["200", "200"]
    first, second = (each.locator("tbody tr").all_inner_texts() for each in page.locator(".result").all())
    assert first == second  # what two engines say of the same rows
    page.screenshot(path=PICTURES / "query-1440.png", full_page=True)


@pytest.mark.parametrize(("width", "dark"), [(360, False), (360, True), (1440, False), (1440, True)])
def test_the_page_is_for_everybody(asking: Site, width: int, dark: bool) -> None:
    page = tab(asking, width=width, dark=dark)
    assert asking.found_by_axe(page) == []
    ask(page, "SELECT id, customer_id, status, total, ordered_at FROM orders ORDER BY id", "p", "s")
    answered(page, 2)
    for each in page.locator(".beside summary").all():
        each.click()
    page.locator("#history li").first.wait_for()
    assert asking.found_by_axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width  # only tables scroll sideways
    page.screenshot(path=PICTURES / f"query-{width}-{'dark' if dark else 'light'}.png", full_page=True)
    ask(page, "SELEC 1", "p")
    page.locator(".result .told.error").wait_for()
    assert asking.found_by_axe(page) == []


def test_languages_do_not_mix_and_each_keeps_its_text(asking: Site) -> None:
    page = tab(asking)
    ask(page, "SELECT 1 AS n", "p", "s")
    answered(page, 2)
    page.locator("input[name=whom][value=r]").check()
    assert [each.get_attribute("value") for each in page.locator("input[name=whom]:checked").all()] == ["r"]
    assert page.locator("#plan").is_hidden()
    assert "Redis has no plans" in page.locator("#guards dd").text_content()
    ask(page, "PING", "r")
    answered(page)
    assert "PONG" in page.locator(".result").inner_text()
    page.locator("input[name=whom][value=p]").check()
    assert "SELECT 1 AS n" in page.locator(".CodeMirror").inner_text()


def test_closing_the_tab_stops_the_statement_on_the_server(asking: Site, ask_fleet: AskFleet) -> None:
    page = tab(asking)
    ask(page, "SELECT pg_sleep(3600)", "p")
    until(lambda: any("pg_sleep" in each for each in ask_fleet.running()), "it runs")
    page.close()
    until(lambda: not ask_fleet.running(), "the server is free of it", most_s=30)
    until(lambda: entries()[-1].get("outcome") == "cancelled", "its outcome is on record")


def test_stop_stops_it_and_the_page_says_so(asking: Site, ask_fleet: AskFleet) -> None:
    page = tab(asking)
    ask(page, "SELECT pg_sleep(3600)", "p")
    until(lambda: any("pg_sleep" in each for each in ask_fleet.running()), "it runs")
    page.locator("#stop").click()
    answered(page)
    assert "stopped: it was cancelled" in page.locator(".result").inner_text()
    assert ask_fleet.running() == []


@pytest.mark.parametrize("format", ["csv", "markdown"])
def test_an_export_is_a_file_with_the_bytes_of_the_command_line(asking: Site, ask_fleet: AskFleet, format: str) -> None:
    page = tab(asking, "reader")
    text = "SELECT * FROM customers ORDER BY id"
    ask(page, text, "p")
    answered(page)
    page.select_option("#format", format)
    with page.expect_download() as download:
        page.locator("#export").click()
    with open(download.value.path(), "rb") as file:
        assert file.read() == ask_fleet.query("p", text, "--format", format)
    page.get_by_text("rows exported").wait_for()
    ask(page, "SELECT 1 / 0", "p")
    answered(page)
    page.locator("#export").click()
    page.get_by_text("the export failed: division by zero").wait_for()


def test_a_thousand_rows_come_some_hundred_at_a_time_and_a_long_value_on_demand(asking: Site) -> None:
    page = tab(asking)
    ask(page, "SELECT n, repeat('ab<i>', 2000) AS long FROM generate_series(1, 700) AS n", "p")
    answered(page)
    assert page.locator(".result tbody tr").count() == 500
    page.get_by_role("button", name="Show 200 more").click()
    assert page.locator(".result tbody tr").count() == 700
    page.locator("button.rest").first.click()
    page.locator("#whole").get_by_text("10,000 characters").wait_for()
    until(lambda: page.locator("#whole pre").inner_text() == "ab<i>" * 2000, "the whole value is shown")
    assert asking.found_by_axe(page) == []


def test_a_query_is_saved_and_what_was_asked_comes_back(asking: Site) -> None:
    page = tab(asking)
    ask(page, "SELECT 'first' AS n", "s")
    answered(page)
    page.locator("#save").click()
    page.locator("#saving input[name=name]").fill(SCRIPT)
    page.locator("#saving button").first.click()
    page.locator("#saved").get_by_text(SCRIPT).wait_for(state="attached")
    ask(page, "SELECT 'second' AS n", "p")
    answered(page)
    page.locator("summary", has_text="Saved").click() if not page.locator("#saved a").is_visible() else None
    page.locator("#saved a").click()
    assert "'first'" in page.locator(".CodeMirror").inner_text()
    assert page.locator("input[name=whom][value=s]").is_checked()
    page.locator("#past summary").click()
    page.locator("#history a").first.click()
    assert "'second'" in page.locator(".CodeMirror").inner_text()
    page.locator("#saved summary", has_text="Rename").click()
    page.locator("#saved input[name=name]").fill('an "odd" name, <b>really</b>')
    page.locator("#saved").get_by_role("button", name="Rename").click()
    page.locator("#saved a", has_text='an "odd" name, <b>really</b>').wait_for()
    page.locator("#saved summary", has_text="Rename").click()
    page.locator("#saved input[name=name]").evaluate("each => { each.value = ' '; each.required = false }")
    page.locator("#saved").get_by_role("button", name="Rename").click()
    page.locator("#told").get_by_text("under a name of at most 200 characters").wait_for()
    assert page.locator("#saved a").count() == 1  # the list stays
    assert asking.found_by_axe(page) == []
    asking.trouble = [each for each in asking.trouble if "status of 400" not in each]
    others = tab(asking, "reader")
    assert others.locator("#saved a").count() == 0  # it is not shared
    page.get_by_role("button", name="Remove an").click()
    page.get_by_text("Nothing is saved yet").wait_for()


def test_the_page_by_keys_alone(asking: Site) -> None:
    page = tab(asking, width=360)
    page.locator("input[name=whom][value=s]").focus()
    page.keyboard.press("Space") if not page.locator("input[name=whom][value=s]").is_checked() else None
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.getAttribute('aria-label')") == "Statement":
            break
    page.keyboard.insert_text("SELECT 'by keys' AS n")
    page.keyboard.press("Control+Enter")
    answered(page)
    for name in ("run", "plan", "format", "export", "save"):  # out of the editor, and to each button in its order
        for _ in range(6):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.id") == name:
                break
        assert page.evaluate("document.activeElement.id") == name
    page.keyboard.press("Enter")
    page.locator("#saving input[name=name]").wait_for()
    page.keyboard.press("Escape")
    assert not page.locator("#saving").is_visible()


def test_a_statement_without_end_stops_with_its_budget_and_a_long_answer_says_where_it_was_cut(asking: Site) -> None:
    Budget.objects.create(target="p", statement_s=2.0)
    page = tab(asking)
    ask(page, "SELECT pg_sleep(3600)", "p")
    page.get_by_text("did not end within 2 s, the limit on this target, and was stopped").wait_for()
    ask(page, "SELECT n FROM generate_series(1, 1000000) AS n", "p")
    page.get_by_text("Cut here: the page takes 5,000 rows. An export has all rows.").wait_for()


def test_a_writer_types_the_targets_name_and_a_worker_writes(asking: Site, process: Start, ask_fleet: AskFleet) -> None:
    here = {name: ask_fleet.environment[name] for name in ("DBFLEET_CONFIG", "DBFLEET_STATE_DIR")}
    process("worker", **here, DBFLEET_FLEET="asked")
    page = tab(asking)
    ask(page, "CREATE TABLE by_page (n int); INSERT INTO by_page VALUES (1), (2)", "p")
    page.locator(".result .told.error").wait_for()  # as the reader
    page.locator("#write").click()
    run = page.get_by_role("button", name="Run it")
    assert run.is_disabled()
    page.locator("#writing input[name=typed]").fill("P")
    assert run.is_disabled()
    assert asking.found_by_axe(page) == []
    page.locator("#writing input[name=typed]").fill("p")
    run.click()
    page.get_by_text("2 rows affected").wait_for()
    assert ended(Job.objects.get().pk).state == "done"
    assert tab(asking, "reader").locator("#write").count() == 0
    assert Asked.objects.filter(state="running").count() == 0
