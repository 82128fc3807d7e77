"""A target that was never started, or was taken down: no page calls it bad, and each says why and how to start it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from console_people import Person, Web, environment, free_port
from console_servers import FLEET, Console, end, until

from dbfleet.console import metrics, watch
from dbfleet.console.desk import Desk
from dbfleet.console.jobs import kinds, making
from dbfleet.console.models import TargetState
from dbfleet.fleet import Fleet
from dbfleet.ops import _console as told
from dbfleet.ops.status import status

WHY, HINT = "it was never started", "dbfleet up m starts it"
Make = Callable[..., Person]


@pytest.fixture(scope="module")
def wider(console: Console, tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    """The console's fleet, with an engine that nobody has started."""
    folder = tmp_path_factory.mktemp("wider")
    (folder / "dbfleet.toml").write_text(FLEET + '[targets.m]\nengine = "mysql"\n')
    found = {**console.environment, "DBFLEET_CONFIG": str(folder / "dbfleet.toml")}
    return Fleet.open(environ=found, directory=folder)


@pytest.fixture(scope="module")
def web(console: Console, wider: Fleet) -> Iterator[Web]:
    """A web that knows this fleet as `up` tells it to a web: an engine that is not up without a login."""
    told.tell(wider, "web", "process")
    port = free_port()
    given = {**environment(console, port), "DBFLEET_CONFIG": str(told.told_file(wider, "web"))}
    child = console.start("web", **given)
    found = Web(f"http://127.0.0.1:{port}", console.folder / "web.log", child)
    until(found.is_up, "web answers")
    yield found
    end(child)


@pytest.fixture
def looked(desk: Desk, wider: Fleet) -> Fleet:
    """A look at all of the fleet is on record."""
    found = kinds.kind("health").run(wider, {"targets": []}, kinds.Work(1, lambda rows, words: None))
    watch.record(found.result, making.now())
    return wider


def ask(person: Person, target: str) -> str:
    """What the query page is answered."""
    found = person.session.post(
        person.web.url + "/query/run", json={"target": target, "text": "SELECT 1"},
        headers={"X-CSRFToken": person.csrf}, timeout=60,
    )  # fmt: skip
    return str(found.text)


def test_an_engine_that_was_never_started_is_grey_and_counted_as_not_up(looked: Fleet, person: Make) -> None:
    page = person("anna", "viewer").page("/fleet")
    (card,) = [each for each in page.split("<article ")[1:] if 'href="/targets/m"' in each]
    assert 'class="card not-up"' in card
    assert '<span class="mark rest">not up</span>' in card
    assert f"{WHY}: {HINT}" in card
    assert "no look in the last hour" not in card
    assert '<span class="mark rest">not up</span> <b>1</b>' in page
    assert "mark bad" not in page
    assert {each["target"]: each["state"] for each in status(looked)}["m"] == "absent"


def test_metrics_say_of_it_what_the_page_says(looked: Fleet) -> None:
    text = metrics.render().decode()
    assert 'dbfleet_target_up{engine="mysql",target="m"} NaN' in text
    assert "NaN: not up" in text


def test_its_own_page_says_why_and_how_to_start_it(looked: Fleet, person: Make) -> None:
    anna = person("anna", "reader")
    page = anna.page("/targets/m")
    assert f"{WHY}: {HINT}" in page
    assert "not looked at while it is not up" in page
    assert "error-text" not in page.partition("<h2>Outages")[0].partition('id="facts"')[2]
    collections = anna.page("/targets/m/collections")
    assert WHY in collections
    assert HINT in collections
    assert "ro_url" not in collections
    found = anna.call("GET", "/targets/m").json()
    assert (found["state"], found["error"], found["hint"]) == ("not up", WHY, HINT)


def test_who_asks_it_is_told_what_the_command_line_tells(looked: Fleet, person: Make) -> None:
    anna = person("anna", "reader")
    for text in (ask(anna, "m"), anna.call("POST", "/query", {"target": "m", "text": "SELECT 1"}).text):
        assert f"m is not up: {WHY}" in text
        assert HINT in text
        assert "ro_url" not in text
    assert '"rows":1' in ask(anna, "a")


def test_what_is_up_again_is_asked_although_the_last_look_found_it_down(looked: Fleet, person: Make) -> None:
    TargetState.objects.filter(target="a").update(ok=None, error=f"{WHY}\n{HINT}")
    assert '"rows":1' in ask(person("anna", "reader"), "a")


def test_a_mistake_in_a_statement_is_told_as_such_whatever_the_last_look_found(looked: Fleet, person: Make) -> None:
    TargetState.objects.filter(target="a").update(ok=None, error=f"{WHY}\n{HINT}")
    anna = person("anna", "reader")
    found = anna.session.post(
        anna.web.url + "/query/run", json={"target": "a", "text": "SELEKT 1"}, headers={"X-CSRFToken": anna.csrf},
        timeout=60,
    )  # fmt: skip
    assert "SELEKT" in found.text
    assert "not up" not in found.text


def test_the_query_page_says_who_is_up(looked: Fleet, person: Make) -> None:
    page = person("anna", "reader").page("/query")
    assert 'value="m"> m <span class="quiet-text">not up</span>' in page
    assert '"name": "a"' in page
    assert '"up": true' in page
    assert '"up": false' in page


def test_a_file_that_is_not_there_is_not_up(desk: Desk, wider: Fleet) -> None:
    file = Path(str(wider.target("b").database))
    kept = file.read_bytes() if file.exists() else None
    file.unlink(missing_ok=True)
    try:
        found = kinds.kind("health").run(wider, {"targets": []}, kinds.Work(1, lambda rows, words: None))
    finally:
        if kept is not None:
            file.write_bytes(kept)
    down = {each["target"]: each["why"] for each in found.result["down"]}
    assert down == {"b": "its file is not there\ndbfleet up b starts it", "m": f"{WHY}\n{HINT}"}
