"""What pages say: causes where something is wrong, and the words of their own forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from console_people import Person

from dbfleet.console import words
from dbfleet.console.desk import Desk
from dbfleet.console.jobs import making
from dbfleet.console.models import Job, Part, Schedule

Make = Callable[..., Person]
PAIR = {"left": "a", "right": "c"}


def watched(desk: Desk, name: str, *, state: str, verdict: str = "", **facts: Any) -> int:
    """A watch of a and c whose last job ended so."""
    desk.add_schedule("drift", PAIR, every="1h", name=name)
    job = int(desk.run_schedule(name)["job"])
    Job.objects.filter(pk=job).update(state=state, verdict=verdict, ended_at=making.now(), **facts)
    Schedule.objects.filter(name=name).update(state=verdict or state)
    return job


def card(page: str, number: int = 0) -> str:
    return page.split("<article ")[number + 1].partition("</article>")[0]


def test_the_card_of_a_pair_that_could_not_be_compared_says_why(desk: Desk, person: Make) -> None:
    job = watched(desk, "nightly", state="failed", error="c is not up: it was stopped")
    found = card(person("anna", "viewer").page("/drift"))
    assert "c is not up: it was stopped" in found
    assert f'href="/jobs/{job}"' in found


def test_the_card_of_a_pair_of_which_nobody_can_tell_says_why(desk: Desk, person: Make) -> None:
    records = [{"collection": "orders", "state": "ok", "why": None},
               {"collection": "notes", "state": "cannot tell", "why": "notes has no key"}]  # fmt: skip
    job = watched(desk, "nightly", state="done", verdict="cannot tell", result={"collections": records})
    found = card(person("anna", "viewer").page("/drift"))
    assert "notes has no key" in found
    assert f'href="/jobs/{job}"' in found
    assert f'href="/drift/{job}"' in found


def test_a_cause_of_before_is_not_on_the_card_of_a_pair_that_is_the_same(desk: Desk, person: Make) -> None:
    watched(desk, "nightly", state="failed", error="c is not up")
    Schedule.objects.update(state="ok")
    assert "c is not up" not in card(person("anna", "viewer").page("/drift"))


def test_two_watches_of_one_pair_are_told_apart_by_their_names(desk: Desk, person: Make) -> None:
    anna = person("anna", "viewer")
    desk.add_schedule("drift", PAIR, every="1h", name="nightly")
    assert "nightly" not in card(anna.page("/drift"))
    desk.add_schedule("drift", PAIR, every="1d", name="weekly")
    page = anna.page("/drift")
    assert ("nightly" in card(page, 0), "weekly" in card(page, 1)) == (True, True)


def test_a_part_that_has_ended_says_no_more_how_far_it_is(desk: Desk, person: Make) -> None:
    anna = person("anna", "viewer")
    job = desk.make_job("dump", {"target": "a", "directory": "/tmp/x"})
    Part.objects.filter(job_id=job).update(state="running", told="reads again in 2 s", begun_at=making.now())
    assert "reads again in 2 s" in anna.page(f"/jobs/{job}")
    Part.objects.filter(job_id=job).update(state="done", ended_at=making.now())
    Job.objects.filter(pk=job).update(state="done", ended_at=making.now())
    assert "reads again in 2 s" not in anna.page(f"/jobs/{job}")


def test_arguments_are_shown_as_one_types_them(desk: Desk, person: Make) -> None:
    anna = person("anna", "admin")
    desk.add_schedule("command", {"command": ["query", "a", "SELECT 1 AS x"]}, every="1h", name="typed")
    job = int(desk.run_schedule("typed")["job"])
    for path in (f"/schedules/{Schedule.objects.get(name='typed').pk}", f"/jobs/{job}"):
        page = anna.page(path)
        assert "dbfleet query a &#x27;SELECT 1 AS x&#x27;" in page
        assert "[&#x27;query" not in page
    desk.add_schedule("drift", {**PAIR, "collections": ["orders", "notes"], "settled_s": 60}, every="1h", name="pair")
    page = anna.page(f"/schedules/{Schedule.objects.get(name='pair').pk}")
    assert "<dd>orders, notes</dd>" in page
    assert "<dt>settled for, seconds</dt><dd>60</dd>" in page


@pytest.mark.parametrize("kind", ["drift", "copy", "dump", "drill", "load", "health"])
def test_a_form_asks_in_words(kind: str, person: Make) -> None:
    page = person("anna", "admin").page(f"/schedules/new?kind={kind}")
    labels = [each.partition(" <span")[0].rpartition(">")[2] for each in page.split("<label")[1:]]
    assert labels
    assert not [each for each in labels if "_" in each or each == "hands"]


def test_a_schedule_that_the_form_cannot_make_is_told_in_the_forms_words(desk: Desk, person: Make) -> None:
    anna = person("anna", "admin")
    asked = {"kind": "drift", **PAIR}
    desk.add_schedule("drift", PAIR, every="1h", name="there")
    for given in (
        {},
        {"every": "soon"},
        {"every": "1s"},
        {"cron": "x"},
        {"cron": "0 3 * * *", "time_zone": "Nowhere"},
        {"every": "1h", "name": "there"},
        {"every": "1h", "settled_s": "-1"},
    ):
        answer = anna.post("/schedules/new", **asked, **given)
        told = answer.text.partition('role="alert">')[2].partition("</p>")[0]
        assert answer.status_code == 400, given
        assert told
        assert "--" not in told, told
        assert "_s" not in told, told
    assert "or cron" in anna.post("/schedules/new", **asked).text


def test_a_budget_that_is_none_is_told_in_the_forms_words(person: Make) -> None:
    anna = person("anna", "admin")
    anna.post("/settings/budgets", target="a", statement_s="soon")
    page = anna.page("/settings/")
    assert "Statement time, seconds" in page
    assert "statement time, seconds is a number of seconds" in page
    assert "statement_s is" not in page


@pytest.mark.parametrize("line", ["n", "n:int=x", "n:nosuch=1"])
def test_a_parameter_that_is_none_is_told_without_an_option(line: str, person: Make) -> None:
    anna = person("anna", "reader")
    answer = anna.session.post(
        anna.web.url + "/query/run", json={"target": "a", "text": "SELECT 1", "params": [line]},
        headers={"X-CSRFToken": anna.csrf}, timeout=60,
    )  # fmt: skip
    assert answer.status_code == 400
    assert "parameter n" in answer.text
    assert "--" not in answer.text.partition("<body")[2].replace("<!--", "")


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("--every 10m, or --cron '0 3 * * *'", "every 10m, or cron '0 3 * * *'"),
        ("dbfleet url TARGET --reveal shows it", "dbfleet url TARGET --reveal shows it"),
        ("dbfleet rm x, or give it another --name", "dbfleet rm x, or give it another name"),
        ("statement_s is a number of seconds", "statement time, seconds is a number of seconds"),
        ("hands is 0: it is from 1", "parts at a time is 0: it is from 1"),
        ("SELECT 1 -- a remark", "SELECT 1 -- a remark"),
        ("a--b", "a--b"),
        ("many hands", "many hands"),
    ],
)  # fmt: skip
def test_options_and_names_become_words(written: str, told: str) -> None:
    assert words.of_page(written) == told
