"""A connection that is cut in the middle, and a command that is tried again: no row is lost, none is there twice."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dbfleet.dialect import AS_USUAL
from dbfleet.errors import Unavailable, UsageError
from dbfleet.fleet import Fleet
from dbfleet.ops import _again
from dbfleet.ops.copy import Watch
from dbfleet.ops.diff import Counted, Difference, diff
from dbfleet.ops.load import inputs as load_inputs
from dbfleet.target import Target
from dbfleet.values import Column, Row, Schema, Type, digest_rows
from tests.cli.tcp_proxy import Proxy

pytestmark = pytest.mark.engines("postgres", "redis")

ROWS: list[Row] = [(number, f"text {number} " + "x" * 80) for number in range(20_000)]
SIZE = 2_000_000
"""About how many bytes they are on the way."""


class Line:
    """A target behind a line that can be cut."""

    def __init__(self, proxy: Proxy, target: Target, folder: Path) -> None:
        self.proxy = proxy
        self.near = target.with_(managed=False)
        self.far = target.with_(port=proxy.port, managed=False)
        environ = {"DBFLEET_STATE_DIR": str(folder / "state"), "DBFLEET_CONFIG": ""}
        self.fleet = Fleet.open("t", environ=environ, directory=folder)
        self.file = self.fleet.target(f"sqlite:///{folder}/b.db").with_(create=True)
        self.cuts: list[int] = []
        self.said: list[str] = []

    def cut(self, *after: int) -> None:
        """Cut all connections when so many bytes have passed; of several, one after the other."""
        self.cuts = list(after)
        self.wait(0)

    def wait(self, seconds: float) -> None:
        """In the place of waiting: the line is there again, until the next cut."""
        self.proxy.reset()
        if self.cuts:
            self.proxy.after(self.cuts.pop(0), self.proxy.reset)


@pytest.fixture
def line(target: Target, tmp_path: Path) -> Iterator[Line]:
    assert target.port is not None
    with Proxy(target.port) as proxy:
        yield Line(proxy, target, tmp_path)


@pytest.fixture
def schema(name: str, line: Line) -> Iterator[Schema]:
    found = Schema(name, (Column("id", Type.INT, False), Column("v", Type.TEXT)), ("id",))
    yield found
    line.proxy.reset()
    with line.fleet.connect(line.near) as adapter:
        adapter.drop(name)


def fill(line: Line, target: Target, schema: Schema, rows: list[Row]) -> None:
    with line.fleet.connect(target, create=True) as adapter:
        adapter.create(schema)
        adapter.write(schema, [rows])


def held(line: Line, target: Target, schema: Schema) -> str:
    with line.fleet.connect(target) as adapter:
        return str(digest_rows(schema.columns, adapter.scan(schema)))


EXPECTED = str(digest_rows([Column("id", Type.INT, False), Column("v", Type.TEXT)], [ROWS]))


class Saying(Watch):
    """Remembers what was said."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def said(self, text: str) -> None:
        self.texts.append(text)


@pytest.mark.parametrize("mode", ["insert", "replace"])
def test_a_copy_goes_on(line: Line, schema: Schema, mode: str) -> None:
    fill(line, line.file, schema, ROWS)
    if mode == "replace":
        fill(line, line.near, schema, [(-1, "old")])
    done: list[Any] = []
    watch = Saying()
    line.cut(SIZE // 2, SIZE // 3)
    _again.copied(line.fleet, line.file, line.far, [schema.name], done, retries=2, resume=False, watch=watch,
                  sleep=line.wait, mode=mode, verify=True, jobs=1)  # fmt: skip
    assert not line.cuts, "the line was cut twice"
    assert [each.same for each in done] == [True]
    assert sum("again in" in text for text in watch.texts) == 2
    assert held(line, line.near, schema) == EXPECTED


def test_a_copy_from_there_goes_on(line: Line, schema: Schema) -> None:
    fill(line, line.near, schema, ROWS)
    done: list[Any] = []
    line.cut(SIZE // 2)
    _again.copied(line.fleet, line.far, line.file, [schema.name], done, retries=1, resume=False, watch=Watch(),
                  sleep=line.wait, verify=True)  # fmt: skip
    assert [each.same for each in done] == [True]
    assert held(line, line.file, schema) == EXPECTED


def test_a_dump_begins_again(line: Line, schema: Schema, tmp_path: Path) -> None:
    fill(line, line.near, schema, ROWS)
    done: list[Any] = []
    line.cut(SIZE // 2)
    _again.dumped(line.fleet, line.far, [schema.name], done, retries=1, tell=line.said.append, agree=line.said.append,
                  sleep=line.wait, directory=tmp_path / "d")  # fmt: skip
    assert [each.digest for each in done] == [EXPECTED]
    assert sum("again in" in text for text in line.said) == 1
    assert sorted(path.name for path in (tmp_path / "d").iterdir()) == sorted(
        ["manifest.json", "schema.json", f"{schema.name}.jsonl"]
    )


def _load(line: Line, schema: Schema, *, retries: int, mode: str = "insert") -> list[Any]:
    text = "id,v\n" + "".join(f"{number},{value}\n" for number, value in ROWS)
    done: list[Any] = []
    with load_inputs.find("-", collection=schema.name, format="csv", stdin=io.BytesIO(text.encode()),
                          dialect=AS_USUAL) as inputs:  # fmt: skip
        _again.loaded(line.fleet, line.far, inputs, done, retries=retries, mode=mode, tell=line.said.append,
                      agree=line.said.append, sleep=line.wait)  # fmt: skip
    return done


def test_a_file_that_makes_its_collection_is_loaded_once(line: Line, schema: Schema) -> None:
    line.cut(SIZE // 2)
    (done,) = _load(line, schema, retries=1)
    assert done.rows == len(ROWS)
    assert held(line, line.near, schema) == EXPECTED


def test_a_file_that_is_upserted_is_there_once(line: Line, schema: Schema) -> None:
    fill(line, line.near, schema, ROWS[:10])
    line.cut(SIZE // 2)
    (done,) = _load(line, schema, retries=1, mode="upsert")
    assert done.rows == len(ROWS)
    assert held(line, line.near, schema) == EXPECTED


def test_rows_that_may_be_stored_are_not_added_again(line: Line, schema: Schema) -> None:
    """PostgreSQL has taken all of them back; Redis has kept some."""
    fill(line, line.near, schema, [(-1, "theirs")])
    line.cut(SIZE // 2)
    if line.near.engine == "redis":
        with pytest.raises(UsageError, match="before the connection was lost"):
            _load(line, schema, retries=1)
        return
    _load(line, schema, retries=1)
    with line.fleet.connect(line.near) as adapter:
        assert adapter.count(schema.name) == len(ROWS) + 1


def test_without_retries_it_is_the_error_of_before(line: Line, schema: Schema) -> None:
    line.cut(SIZE // 2)
    with pytest.raises(Unavailable):
        _load(line, schema, retries=0)
    assert not any("again in" in text for text in line.said)


@pytest.mark.parametrize("stats", [False, True])
def test_a_diff_tells_each_difference_once(line: Line, schema: Schema, stats: bool) -> None:
    fill(line, line.near, schema, ROWS)
    fill(line, line.file, schema, [(number, "other" if number % 100 == 0 else value) for number, value in ROWS])
    watch = Saying()
    line.cut(SIZE // 2)
    found = list(diff(line.fleet, line.far, line.file, schema.name, stats=stats, retries=1, watch=watch,
                      sleep=line.wait))  # fmt: skip
    assert sum("again in" in text for text in watch.texts) == 1
    if stats:
        assert found == [Counted(schema.name, len(ROWS) - 200, 0, 0, 200)]
    else:
        assert sorted(each.key["id"] for each in found if isinstance(each, Difference) and each.key) == [
            number for number, _ in ROWS if number % 100 == 0
        ]
