"""The readers of Oracle and SQL Server, on the wire doubles: which statements make the account, and that the account is
used. What such an account may do on the real servers is their documentation's to say, not the doubles'."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dbfleet.abilities import MakesReader, able
from dbfleet.conformance.held import PLAIN_ROWS, filled, plain_schema
from dbfleet.errors import AuthFailed, DbfleetError
from dbfleet.fleet import READER, Fleet
from dbfleet.ops.query import query
from dbfleet.target import Target
from dbfleet.values import Schema, digest_rows
from tests.doubles.oracle.running import running as oracle
from tests.doubles.sqlserver.running import running as sqlserver

PASSWORD = "Password4Readers"


@dataclass(frozen=True)
class Double:
    """A double that runs: its owner's target, its reader's, and the statements that it has been sent."""

    fleet: Fleet
    owner: Target
    reader: Target
    sent: Path

    def statements(self) -> list[str]:
        lines = [json.loads(line) for line in self.sent.read_text().splitlines()] if self.sent.exists() else []
        return [line if isinstance(line, str) else line["text"] for line in lines]


@pytest.fixture(params=[oracle, sqlserver], ids=["oracle", "sqlserver"])
def double(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Double]:
    sent = tmp_path / "sent"
    with request.param(tmp_path, statements=sent) as url:
        text = f'[targets.shop]\nurl = "{url}"\n'
        place = url.partition("@")[2]
        more = "?schema=DBFLEET" if "oracle" in url else ""
        text += f'ro_url = "{url.partition(":")[0]}://{READER}:{PASSWORD}@{place}{more}"\n'
        (tmp_path / "dbfleet.toml").write_text(text)
        fleet = Fleet.open(environ={"DBFLEET_STATE_DIR": str(tmp_path / "state")}, directory=tmp_path)
        owner = fleet.target("shop")
        yield Double(fleet, owner, fleet.reader(owner), sent)


def make(double: Double, password: str = PASSWORD) -> None:
    with double.fleet.connect(double.owner) as adapter:
        making = able(adapter, MakesReader)
        assert making is not None
        making.make_reader(READER, password)


def seeded(double: Double) -> Schema:
    with double.fleet.connect(double.owner) as adapter:
        adapter.create(plain_schema("plain"))
        return filled(adapter, plain_schema("plain"))


def test_the_reader_sees_what_the_owner_sees(double: Double) -> None:
    make(double)
    schema = seeded(double)
    with double.fleet.connect(double.owner) as owner, double.fleet.connect(double.reader) as reader:
        assert list(reader.collections()) == ["plain"]
        assert reader.describe("plain") == owner.describe("plain")
        assert digest_rows(schema.columns, reader.scan(schema)) == digest_rows(schema.columns, [PLAIN_ROWS])


def test_the_reader_changes_nothing(double: Double) -> None:
    make(double)
    schema = seeded(double)
    with double.fleet.connect(double.reader) as reader:
        for change in (
            lambda: reader.write(schema, [[(99, *PLAIN_ROWS[0][1:])]]),
            lambda: reader.write(schema, [[(1, "other", *PLAIN_ROWS[0][2:])]], mode="upsert"),
            lambda: reader.delete(schema, [(1,)]),
            lambda: reader.drop("plain"),
            lambda: reader.create(plain_schema("other")),
        ):
            with pytest.raises(DbfleetError, match=r"insufficient privileges|permission was denied"):
                change()
    with double.fleet.connect(double.owner) as owner:
        assert list(owner.collections()) == ["plain"]
        assert digest_rows(schema.columns, owner.scan(schema)) == digest_rows(schema.columns, [PLAIN_ROWS])


def test_a_query_for_reading_only_is_the_readers(double: Double) -> None:
    make(double)
    seeded(double)
    text = 'select "id" from "plain" where "id" = 7'
    with query(double.fleet, [(double.owner, None)], text, read_only=True) as answers:
        assert [row for read in answers for batch in read for row in batch] == [(7,)]
    places = [(double.owner, None)]
    with (
        pytest.raises(DbfleetError, match=r"insufficient privileges|permission was denied"),
        query(double.fleet, places, 'delete from "plain"', read_only=True) as answers,
    ):
        list(answers)


def test_an_account_that_is_right_is_left_alone(double: Double) -> None:
    make(double)
    before = len(double.statements())
    make(double)
    sent = double.statements()[before:]
    assert [text for text in sent if text.split()[0] in ("CREATE", "DROP", "GRANT", "REVOKE")] == []
    assert [text for text in sent if text.startswith("ALTER") and "SESSION" not in text] == []


def test_another_password_is_put_right(double: Double) -> None:
    make(double, "Another4Password")
    with pytest.raises(AuthFailed), double.fleet.connect(double.reader):
        pass
    make(double)
    with double.fleet.connect(double.reader) as reader:
        reader.ping()


def test_no_more_than_these_rights_are_granted(double: Double) -> None:
    make(double)
    granted = [text for text in double.statements() if text.startswith(("GRANT", "ALTER ROLE"))]
    assert (
        granted
        == {
            "oracle": [
                'GRANT CREATE SESSION TO "DBFLEET_RO"',
                'GRANT READ ANY TABLE ON SCHEMA "DBFLEET" TO "DBFLEET_RO"',
            ],
            "sqlserver": [
                "ALTER ROLE [db_datareader] ADD MEMBER [dbfleet_ro]",
                "GRANT VIEW DEFINITION TO [dbfleet_ro]",
                "GRANT SHOWPLAN TO [dbfleet_ro]",
            ],
        }[double.owner.engine]
    )
