"""Databases for the zoo's tests, and a state of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dbfleet.target import Target
from tests.zoo import databases
from tests.zoo.databases import Databases
from tests.zoo.neo4j_pair import two_servers


@pytest.fixture(scope="session")
def neo4j_servers(target: Target) -> Iterator[tuple[Target, Target]]:
    """Two servers of Neo4j besides the one that other tests use (`target`): files of tests share them."""
    with two_servers() as found:
        yield found


@pytest.fixture
def dbs(target: Target, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Databases]:
    """New databases of PostgreSQL, which go after the test."""
    monkeypatch.setenv("DBFLEET_STATE_DIR", str(tmp_path / "state"))
    with databases.databases(target, name) as found:
        yield found
