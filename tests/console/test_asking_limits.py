"""What ends a statement, and what one costs: each on the real server, which must be free of it afterwards."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from uuid import uuid4

import pytest
import requests
from asked_web import AskFleet, Person, Question, Web, answers, entries, error_of, state_of
from console_servers import until
from django.db import connections

from dbfleet.console.models import Asked, Budget
from dbfleet.console.statements import asked
from dbfleet.console.statements.record import MOST_CHARACTERS

Make = Callable[..., Person]

HOUR = "SELECT pg_sleep(3600)"


def running(ask_fleet: AskFleet) -> bool:
    return any("pg_sleep" in each for each in ask_fleet.running())


def begun(person: Person, ask_fleet: AskFleet) -> Question:
    """A statement of an hour that the server is at."""
    question = person.begin("p", HOUR)
    until(lambda: running(ask_fleet), "the statement runs")
    return question


def ended(question: Question, ask_fleet: AskFleet) -> None:
    until(lambda: not running(ask_fleet), "the server is free of it", most_s=30)
    until(lambda: state_of(question.id) != "running", "its outcome is on record")


# --- nobody waits for it any more ------------------------------------------------------------------------------------


def test_a_statement_ends_on_the_server_when_its_client_goes_away(person: Make, ask_fleet: AskFleet) -> None:
    question = begun(person("reader"), ask_fleet)
    question.leave()
    ended(question, ask_fleet)
    assert entries()[-1]["outcome"] == "cancelled"
    assert "gone away" in entries()[-1]["error"]


def test_a_statement_ends_on_the_server_when_its_page_falls_silent(person: Make, ask_fleet: AskFleet) -> None:
    question = begun(person("reader"), ask_fleet)
    ended(question, ask_fleet)  # the line stays open, and nobody says that the page is there
    assert "its page was closed" in error_of(question.rest())


def test_a_page_that_is_heard_of_is_waited_for(person: Make, ask_fleet: AskFleet) -> None:
    question = person("reader").begin("p", "SELECT pg_sleep(14)")
    until(lambda: question.heard()["state"] != "running", "it has ended")
    assert question.heard() == {"state": "done", "rows": 1, "error": ""}
    assert question.rest()[-1]["end"]["rows"] == 1


def test_an_export_ends_on_the_server_when_its_client_goes_away(person: Make, web: Web, ask_fleet: AskFleet) -> None:
    text = "SELECT repeat('x', 1000), pg_sleep(0.01) FROM generate_series(1, 1000000)"
    body = {"target": "p", "text": text, "format": "tsv"}
    response = person("reader").post(f"{web.address}/api/query", json=body, stream=True)
    assert next(response.iter_content(1000))
    assert running(ask_fleet)
    response.raw._fp.fp.raw._sock.close()
    response.close()
    until(lambda: not running(ask_fleet), "the server is free of it", most_s=30)
    until(lambda: entries()[-1].get("outcome") == "cancelled", "its outcome is on record")


# --- somebody ends it ------------------------------------------------------------------------------------------------


def test_only_who_asked_can_cancel(person: Make, ask_fleet: AskFleet) -> None:
    anna, bert = person("reader", "anna"), person("admin", "bert")
    question = begun(anna, ask_fleet)
    assert question.cancel(by=bert) == 404
    assert question.heard()["state"] == "running"
    assert question.cancel() == 200
    ended(question, ask_fleet)
    assert "cancelled" in error_of(question.rest())
    assert entries()[-1]["outcome"] == "cancelled"


def test_two_tabs_of_one_person_do_not_meet(person: Make, ask_fleet: AskFleet) -> None:
    anna = person("reader", "anna")
    one = begun(anna, ask_fleet)
    other = anna.begin("p", "SELECT 1 AS n, pg_sleep(0)")
    assert other.rest()[-1]["end"]["rows"] == 1
    assert running(ask_fleet)
    assert one.cancel() == 200
    ended(one, ask_fleet)


def test_an_id_is_asked_once(person: Make) -> None:
    anna = person("reader", "anna")
    id = str(uuid4())
    assert anna.frames("p", "SELECT 1", id=id)[-1]["end"]
    assert "already" in error_of(person("reader", "bert").frames("p", "SELECT 1", id=id))


# --- limits ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pattern", ["p", "*"])
def test_a_statement_ends_with_its_targets_budget_of_time(person: Make, ask_fleet: AskFleet, pattern: str) -> None:
    Budget.objects.create(target=pattern, statement_s=1.0)
    question = person("reader").begin("p", HOUR)
    assert question.first["seconds"] == 1.0
    assert "did not end within 1 s" in error_of(question.rest())
    ended(question, ask_fleet)
    assert entries()[-1]["outcome"] == "failed"


def test_a_statement_of_the_api_ends_with_its_targets_budget_of_time(
    person: Make, web: Web, ask_fleet: AskFleet
) -> None:
    Budget.objects.create(target="p", statement_s=1.0)
    found = person("reader").post(f"{web.address}/api/query", json={"target": "p", "text": HOUR, "format": "csv"})
    assert (found.status_code, found.json()["kind"]) == (504, "NotReady")
    assert "did not end within 1 s, the limit on this target, and was stopped" in found.json()["error"]
    assert not running(ask_fleet)
    assert entries()[-1]["outcome"] == "failed"


def test_a_statement_whose_web_was_killed_is_ended_by_the_server(person: Make, web: Web, ask_fleet: AskFleet) -> None:
    Budget.objects.create(target="p", statement_s=4.0)
    begun(person("reader"), ask_fleet)
    for pid in web.workers:
        os.kill(pid, signal.SIGKILL)
    until(lambda: not running(ask_fleet), "the server has ended it")
    until(lambda: answers(web.address), "web has a worker again")


def test_a_statement_of_10_mb_is_refused_and_told_its_limit(person: Make, web: Web) -> None:
    text = "SELECT '" + "x" * (10 << 20) + "'"
    reader = person("reader")
    for url, where in (("/query/run", "text"), ("/api/query", "text")):
        found = reader.post(web.address + url, json={"target": "p", where: text})
        assert "1,000,000" in found.text or "1000000" in found.text
    assert reader.frames("p", "SELECT '" + "x" * (MOST_CHARACTERS - 100) + "'")[-1]["end"]
    assert Asked.objects.count() == 1
    assert len(entries()[0]["text"]) == 100_000
    assert entries()[0]["characters"] == MOST_CHARACTERS - 91


def test_more_statements_than_a_process_runs_are_told_to_wait(person: Make, web: Web, ask_fleet: AskFleet) -> None:
    reader = person("reader")
    held = [reader.begin("p", HOUR) for _ in range(asked.AT_ONCE)]
    found = reader.post(f"{web.address}/query/run", json={"target": "p", "text": "SELECT 1"})
    assert found.status_code == 429
    assert found.headers["Retry-After"] == "1"
    assert requests.get(f"{web.address}/healthz", timeout=20).status_code == 200  # pages are served beside them
    for question in held:
        question.cancel()
    for question in held:
        ended(question, ask_fleet)
    assert reader.frames("p", "SELECT 1")[-1]["end"]


def test_an_answer_that_fails_half_way_is_cut(person: Make, web: Web) -> None:
    text = "SELECT repeat('x', 100), 1 / (300000 - n) FROM generate_series(1, 400000) AS n"
    for format in ("csv", "tsv"):
        with pytest.raises(requests.RequestException):
            person("reader").post(f"{web.address}/api/query", json={"target": "p", "text": text, "format": format})
    before = person("reader").post(f"{web.address}/api/query", json={"target": "p", "text": "SELECT 1 / 0"})
    assert before.status_code == 422
    assert "division by zero" in before.json()["error"]


def test_a_page_takes_some_thousand_rows_and_says_so(person: Make, ask_fleet: AskFleet) -> None:
    found = person("reader").frames("p", "SELECT n FROM generate_series(1, 1000000) AS n")
    assert sum(len(each.get("rows", ())) for each in found) == 5000
    assert [each["cut"] for each in found if "cut" in each] == ["the page takes 5,000 rows"]
    assert ask_fleet.running() == []
    exactly = person("reader").frames("p", "SELECT n FROM generate_series(1, 5000) AS n")
    assert sum(len(each.get("rows", ())) for each in exactly) == 5000
    assert not any("cut" in each for each in exactly)


def test_a_long_value_is_cut_and_had_whole_by_its_asker_alone(person: Make, web: Web) -> None:
    anna = person("reader", "anna")
    id = str(uuid4())
    found = anna.frames("p", "SELECT repeat('<b>ä', 2000) AS long, repeat('y', 4000) AS whole", id=id)
    (cut, whole), *_ = next(each["rows"] for each in found if "rows" in each)
    assert (len(cut["text"]), cut["length"]) == (1000, 8000)
    assert whole == "y" * 4000
    url = f"{web.address}/query/value/{id}/{cut['value']}"
    value = anna.get(url)
    assert value.text == "<b>ä" * 2000
    assert value.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert value.headers["X-Content-Type-Options"] == "nosniff"
    assert person("admin", "bert").get(url).status_code == 404
    assert anna.get(f"{web.address}/query/value/{id}/99").status_code == 404


ROWS = "SELECT n, md5(n::text) AS a, repeat('x', 60) AS b FROM generate_series(1, 1000000) AS n"


@pytest.mark.parametrize("format", ["csv", "tsv", "page"])
def test_a_million_rows_cost_web_less_than_50_mb(person: Make, web: Web, format: str) -> None:
    """The peak of the serving process, by the kernel, against what it has after a small answer of the same kind."""
    reader = person("reader")

    def ask(text: str) -> int:
        if format == "page":
            return len(reader.frames("p", text))
        fields = {"target": "p", "text": text, "format": format}
        found = reader.post(f"{web.address}/query/export", data=fields, stream=True)
        assert found.status_code == 200
        return sum(len(each) for each in found.iter_content(1 << 20))

    ask(ROWS.replace("1000000", "1000"))
    web.forget_peak()
    before = web.peak()
    size = ask(ROWS)
    assert format == "page" or size > 100_000_000
    assert web.peak() - before < 50_000_000


def test_a_bounded_number_of_watchers_and_connections_is_left_behind(person: Make, web: Web) -> None:
    reader = person("reader")
    for _ in range(20):
        assert reader.frames("p", "SELECT 1")[-1]["end"]
    lines = [threading.Thread(target=lambda: reader.frames("s", "SELECT 1")) for _ in range(3)]
    for each in lines:
        each.start()
    for each in lines:
        each.join()
    until(lambda: not watchers(), "the watch has ended with the last statement", most_s=20)
    connections.close_all()


def watchers() -> int:
    """Connections of web that are at the watch's query."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE usename = 'dbfleet_web' AND query LIKE '%heard_at)::float%'"
        )
        return int(cursor.fetchone()[0])
