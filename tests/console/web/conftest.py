"""A web process that listens, and people who use it as a browser or a script does."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from console_people import Person, Web, environment, free_port
from console_servers import Console, end, until

from dbfleet.console.access import people
from dbfleet.console.desk import Desk


@pytest.fixture(scope="session")
def web(console: Console) -> Iterator[Web]:
    """The web, under uWSGI, with its own account in the control database."""
    port = free_port()
    child = console.start("web", **environment(console, port))
    found = Web(f"http://127.0.0.1:{port}", console.folder / "web.log", child)
    until(found.is_up, "web answers")
    yield found
    end(child)


@pytest.fixture
def person(web: Web, desk: Desk) -> Iterator[Callable[..., Person]]:
    """Makes people: `person("anna", "viewer")` is logged in, `person()` is nobody."""
    made = []

    def make(name: str = "", role: str = "", pattern: str = "*", *, password: str = "") -> Person:
        found = Person(web, name, password)
        made.append(found)
        if name:
            people.add(name, by="cli:test", role=role, pattern=pattern, password=password)
            found.enter()
        return found

    yield make
    for each in made:
        each.close()
