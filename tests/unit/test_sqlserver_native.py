"""Tables between two SQL Servers go as they are: over two wire doubles, as far as these have what a server has. What
they lack (checks, computed columns, types of the user's, partitions, other kinds of indexes) stands in the golden file
of tests/unit/test_sqlserver_outline.py. No real server has run any of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dbfleet.adapter import Adapter

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
from tests.doubles.filled import opened  # noqa: E402
from tests.doubles.sqlserver.running import running  # noqa: E402

MADE = r"""
CREATE SCHEMA [sales]
CREATE SEQUENCE [dbo].[numbers] AS int START WITH 5
CREATE TABLE [sales].[orders] ([id] bigint IDENTITY(10, 5) NOT NULL,
  [code] nvarchar(20) COLLATE Latin1_General_100_BIN2 NULL CONSTRAINT [DF_code] DEFAULT (N'it''s'),
  [n] int NOT NULL CONSTRAINT [DF_n] DEFAULT (NEXT VALUE FOR [dbo].[numbers]), [small] tinyint NULL DEFAULT ((7)),
  [at] datetimeoffset(7) NULL, [exactly] datetime2(7) NULL, [clock] time(7) NULL, [day] date NULL, [f] float NULL,
  [price] decimal(38,10) NULL, [own] uniqueidentifier NULL, [bytes] varbinary(max) NULL, [yes] bit NULL)
ALTER TABLE [sales].[orders] ADD CONSTRAINT [PK_orders] PRIMARY KEY CLUSTERED ([id])
CREATE TABLE [dbo].[lines] ([id] bigint NOT NULL, [order] bigint NULL, [note] nvarchar(max) NULL)
ALTER TABLE [dbo].[lines] ADD PRIMARY KEY CLUSTERED ([id])
ALTER TABLE [dbo].[lines] WITH CHECK ADD CONSTRAINT [FK_lines] FOREIGN KEY ([order]) REFERENCES [sales].[orders] ([id])
CREATE TABLE [dbo].[keyless] ([a] nvarchar(9) NULL, [b] int NULL)
CREATE INDEX [by_code] ON [sales].[orders] ([code] DESC, [n]) INCLUDE ([day]) WHERE ([code] IS NOT NULL)
EXEC sys.sp_addextendedproperty N'MS_Description', N'what it''s for', N'SCHEMA', N'sales', N'TABLE', N'orders'
EXEC sys.sp_addextendedproperty N'MS_Description', N'its code', N'SCHEMA', N'sales',
  N'TABLE', N'orders', N'COLUMN', N'code'
""".strip().replace("\n  ", " ").splitlines()  # fmt: skip
FIELDS = "[code], [at], [exactly], [clock], [day], [f], [price], [own], [bytes], [yes]"
ROWS = (
    "N'a ', N'2024-01-01T10:00:00.1234567+02:00', N'2024-01-01T10:00:00.1234567', N'23:59:59.9999999', N'0001-01-01', "
    "1.5e300, 0.0000000001, N'6F9619FF-8B86-D011-B42D-00C04FC964FF', 0x00FF, 1",
    "N'', N'2024-01-01T08:00:00.1234567+00:00', N'9999-12-31T23:59:59.9999999', N'00:00:00', N'9999-12-31', "
    "-1e-300, 9999999999999999999999999999.9999999999, NULL, 0x00, 0",
    "NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL",
)
READ = (
    "SELECT o.id, o.code, o.n, o.small, CONVERT(nvarchar(40), o.[at], 126) AS a, CONVERT(nvarchar(40), o.exactly, 121) "
    "AS b, CONVERT(nvarchar(40), o.clock, 121) AS c, o.day, o.f, o.price, o.own, o.bytes, o.yes "
    "FROM {name} AS o ORDER BY o.id"
)
CATALOG = (
    "SELECT s.name, o.name, RTRIM(o.type) FROM sys.objects AS o "
    "INNER JOIN sys.schemas AS s ON s.schema_id = o.schema_id",
    "SELECT o.name, c.name, c.system_type_id, c.max_length, c.precision, c.scale, c.is_nullable, c.collation_name, "
    "c.is_identity FROM sys.columns AS c INNER JOIN sys.objects AS o ON o.object_id = c.object_id",
    "SELECT o.name, i.index_id, i.type_desc, i.is_unique, i.is_primary_key, i.filter_definition, c.name, "
    "k.key_ordinal, k.is_descending_key, k.is_included_column FROM sys.indexes AS i INNER JOIN sys.objects AS o "
    "ON o.object_id = i.object_id INNER JOIN sys.index_columns AS k ON k.object_id = i.object_id AND "
    "k.index_id = i.index_id INNER JOIN sys.columns AS c ON c.object_id = k.object_id AND c.column_id = k.column_id",
    "SELECT o.name, d.definition, d.is_system_named FROM sys.default_constraints AS d "
    "INNER JOIN sys.objects AS o ON o.object_id = d.parent_object_id",
    "SELECT o.name, p.name, p.value, p.minor_id FROM sys.extended_properties AS p "
    "INNER JOIN sys.objects AS o ON o.object_id = p.major_id",
    "SELECT c.name, c.seed_value, c.increment_value, c.last_value FROM sys.identity_columns AS c",
    "SELECT f.name, r.name FROM sys.foreign_keys AS f "
    "INNER JOIN sys.objects AS r ON r.object_id = f.referenced_object_id",
)


@dataclass(frozen=True)
class Ends:
    """A source, the server of the sinks, the folder of dbfleet's own, the statements that the sinks' server got."""

    source: str
    server: str
    state: Path
    log: Path

    def sink(self, name: str) -> str:
        return self.server.replace("/dbfleet", f"/{name}")

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "dbfleet", *words], cwd=ROOT, env=self.environ, capture_output=True, text=True,
            timeout=120, check=False,
        )  # fmt: skip

    @property
    def environ(self) -> dict[str, str]:
        return {**os.environ, "DBFLEET_STATE_DIR": str(self.state), "DBFLEET_CONFIG": ""}


def ask(adapter: Adapter, statement: str) -> list[tuple[Any, ...]]:
    with adapter.query(statement) as result:
        return [row for batch in result for row in batch]


def catalog(url: str) -> list[list[tuple[Any, ...]]]:
    """What the server has, but for the names and numbers that it gives itself; and what its sequences give next."""
    with opened(url) as adapter:
        sequences = ask(adapter, "SELECT q.name, q.current_value, q.last_used_value FROM sys.sequences AS q")
        return [
            *(
                sorted((tuple(None if _own(each) else each for each in row) for row in ask(adapter, text)), key=repr)
                for text in CATALOG
            ),
            sorted((name, current if last is None else last + 1) for name, current, last in sequences),
        ]


def _own(value: Any) -> bool:
    return isinstance(value, str) and value[2:4] == "__"


def held(url: str, name: str = "[sales].[orders]") -> list[tuple[Any, ...]]:
    with opened(url) as adapter:
        return ask(adapter, READ.format(name=name))


def fill(url: str) -> None:
    with opened(url) as adapter:
        for statement in MADE:
            ask(adapter, statement)
        for row in ROWS:
            ask(adapter, f"INSERT INTO [sales].[orders] ({FIELDS}) VALUES ({row})")
        ask(adapter, "INSERT INTO [sales].[orders] ([code]) VALUES (N'gone')")
        ask(adapter, "DELETE FROM [sales].[orders] WHERE [code] = N'gone'")
        ask(adapter, "INSERT INTO [dbo].[lines] ([id], [order], [note]) VALUES (1, 10, N'é😀')")
        ask(adapter, "INSERT INTO [dbo].[lines] ([id], [order]) VALUES (2, NULL)")
        for _ in range(2):
            ask(adapter, "INSERT INTO [dbo].[keyless] ([a], [b]) VALUES (N'same', 1)")


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ends]:
    folders = [tmp_path_factory.mktemp(name) for name in ("source", "sink", "state")]
    log = folders[1] / "statements"
    with running(folders[0]) as source, running(folders[1], statements=log) as server:
        fill(source)
        yield Ends(source, server, folders[2], log)


def receipt_of(done: subprocess.CompletedProcess[str]) -> Any:
    return next(json.loads(line) for line in done.stderr.splitlines() if line.startswith('{"receipt"'))


def same(ends: Ends, sink: str) -> None:
    assert catalog(sink) == catalog(ends.source)
    assert held(sink) == held(ends.source)
    assert ends.run("diff", ends.source, sink).returncode == 0


def test_everything_comes_along(ends: Ends) -> None:
    sink = ends.sink("everything")
    done = ends.run("copy", ends.source, sink, "--verify", "--strict", "--yes")
    assert done.returncode == 0, done.stderr
    assert "sales.orders: create, native" in done.stderr
    receipt = receipt_of(done)
    assert receipt["same"] is True
    assert receipt["left"] == []
    same(ends, sink)
    with opened(sink) as adapter:
        ask(adapter, "INSERT INTO [sales].[orders] ([day]) VALUES (N'2024-01-01')")
        found = ask(adapter, "SELECT o.id, o.code, o.n, o.small FROM [sales].[orders] AS o WHERE o.day = N'2024-01-01'")
        assert found == [(30, "it's", 9, 7)], "the counters go on where they were in the source"


def test_a_replacement_keeps_every_name(ends: Ends) -> None:
    sink = ends.sink("replaced")
    for mode in ("insert", "replace", "replace"):
        done = ends.run("copy", ends.source, sink, "--mode", mode, "--verify", "--yes")
        assert done.returncode == 0, done.stderr
        same(ends, sink)
    assert ends.run("copy", ends.source, sink, "sales.orders", "--mode", "upsert", "--verify").returncode == 0
    same(ends, sink)


def test_constraints_of_a_table_under_another_name_get_names_that_are_free(ends: Ends) -> None:
    sink = ends.sink("renamed")
    for name in ("one", "two"):
        done = ends.run("copy", f"{ends.source}#sales.orders", f"{sink}#{name}", "--verify")
        assert done.returncode == 0, done.stderr
    with opened(sink) as adapter:
        names = {name for (name,) in ask(adapter, "SELECT o.name FROM sys.objects AS o WHERE o.parent_object_id <> 0")}
    assert {"PK_orders", "PK_orders_1", "DF_code", "DF_code_1", "DF_n", "DF_n_1"} <= names


def test_a_difference_that_only_the_engine_sees_is_found_and_mended(ends: Ends) -> None:
    sink = ends.sink("different")
    assert ends.run("copy", ends.source, sink, "--yes").returncode == 0
    with opened(sink) as adapter:
        for change in (
            "[at] = N'2024-01-01T08:00:00.1234567+00:00' WHERE [id] = 10",  # the same moment elsewhere
            "[exactly] = N'9999-12-31T23:59:59.9999998' WHERE [id] = 15",  # a tenth of a microsecond
        ):
            ask(adapter, f"UPDATE [sales].[orders] SET {change}")
    found = ends.run("diff", ends.source, sink)
    assert found.returncode == 1
    assert {tuple(json.loads(line)["before"]) for line in found.stdout.splitlines()} == {("at",), ("exactly",)}
    assert ends.run("diff", ends.source, sink, "--exclude", "keyless", "--sync", "--yes").returncode == 0
    same(ends, sink)


def test_a_dump_holds_the_same(ends: Ends, tmp_path: Path) -> None:
    sink = ends.sink("loaded")
    assert ends.run("dump", ends.source, "--native", "-o", str(tmp_path / "dump")).returncode == 0
    done = ends.run("load", sink, str(tmp_path / "dump"), "--yes")
    assert done.returncode == 0, done.stderr
    same(ends, sink)
    elsewhere = tmp_path / "elsewhere.db"
    done = ends.run("load", f"sqlite:///{elsewhere}", str(tmp_path / "dump"), "--yes")
    assert done.returncode == 0, done.stderr


def test_what_refers_to_a_table_that_stays_is_named(ends: Ends) -> None:
    done = ends.run("copy", ends.source, ends.sink("alone"), "lines", "--verify", "--yes")
    assert done.returncode == 0, done.stderr
    (left,) = receipt_of(done)["left"]
    assert left == "lines: foreign key FK_lines: sales.orders is not in the sink: does not come along"


def killed_at(ends: Ends, source: str, sink: str, statement: str, *options: str) -> None:
    """Kill a copy as soon as the sink has got a batch with this text."""
    begin = ends.log.stat().st_size
    process = subprocess.Popen(
        [sys.executable, "-m", "dbfleet", "copy", source, sink, *options, "--yes"], cwd=ROOT, env=ends.environ,
        start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        with ends.log.open() as log:
            log.seek(begin)
            seen = ""
            while statement not in seen:
                if time.monotonic() > deadline or process.poll() is not None:
                    pytest.fail(f"no {statement} in {seen[-2000:]}")
                seen += log.read()
                time.sleep(0.001)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, "the copy was through before it could be killed"


@pytest.mark.parametrize(
    ("at", "statement", "options"),
    [
        ("made", "CREATE TABLE", ()),
        ("rows", "INSERT INTO [sales].[orders]", ()),
        ("keys", "PRIMARY KEY CLUSTERED", ("--verify",)),
        ("references", "ADD CONSTRAINT [FK_lines]", ()),
    ],
)
def test_a_copy_that_was_killed_goes_on(ends: Ends, at: str, statement: str, options: tuple[str, ...]) -> None:
    sink = ends.sink(f"killed_{at}")
    killed_at(ends, ends.source, sink, statement, *options)
    resumed = ends.run("copy", ends.source, sink, "--resume", "--yes", *options)
    assert resumed.returncode == 0, resumed.stderr
    same(ends, sink)


def test_a_replacement_that_was_killed_goes_on(ends: Ends) -> None:
    sink = ends.sink("killed_replacing")
    assert ends.run("copy", ends.source, sink, "--yes").returncode == 0
    killed_at(ends, ends.source, sink, "PRIMARY KEY CLUSTERED", "--mode", "replace")
    resumed = ends.run("copy", ends.source, sink, "--resume", "--yes")
    assert resumed.returncode == 0, resumed.stderr
    same(ends, sink)
