"""A command line of its own for each test: a state directory, a folder, one SQLite file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from command_line import Shell

# pytest knows one module as `conftest`, the one that it read last: what tests import from the one above stands here.
from targets import engines as engines
from targets import what_answers as what_answers


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """The file shop.db holds people (1 Ann, 2 Bob without an age, 3 with an empty name)."""
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        connection.executescript(
            "create table people (id integer primary key, name text, age integer);"
            "insert into people values (1, 'Ann', 41), (2, 'Bob', null), (3, '', 7);"
        )
    (tmp_path / "dbfleet.toml").write_text('[targets.shop]\nurl = "sqlite:///shop.db"\n')
    return Shell.of(tmp_path)
