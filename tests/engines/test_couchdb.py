"""What CouchDB's server does that surprises, and what its adapter promises beyond the contract."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from dbfleet import registry
from dbfleet.adapter import Adapter
from dbfleet.conformance.plugin import Make
from dbfleet.errors import AuthFailed, StatementError, Unavailable, Unsupported
from dbfleet.target import Target
from dbfleet.values import Column, Schema, Type

pytestmark = pytest.mark.engines("couchdb")

ID = Column("id", Type.INT, nullable=False)


def request(adapter: Adapter, statement: str) -> list[dict[str, Any]]:
    with adapter.query(statement) as result:
        return [row[0] for batch in result for row in batch]


def test_numbers_stay_numbers_where_a_double_holds_them(adapter: Adapter, made: Make, name: str) -> None:
    made(Schema(name, (ID, Column("price", Type.DECIMAL), Column("big", Type.INT), Column("f", Type.FLOAT)), ("id",)))
    rows = [(1, Decimal("12.50"), 17, 1.0), (2, Decimal("0.10000000000000000001"), 2**60, 5e-324)]
    adapter.write(adapter.describe(name), [rows])
    first, second = request(adapter, f'POST /{name}/_find {{"selector": {{}}}}')
    assert (first["price"], first["big"]) == (12.5, 17)
    assert (second["price"], second["big"], second["f"]) == ("0.10000000000000000001", 2**60, "5e-324")
    assert list(adapter.get(adapter.describe(name), [(1,), (2,)])) == rows


def test_upsert_keeps_attachments(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(Schema(name, (ID, Column("v", Type.TEXT)), ("id",)))
    adapter.write(schema, [[(1, "old")]])
    (document,) = request(adapter, f"GET /{name}/1")
    body = (
        '{"_id":"1","_rev":"%s","id":1,"v":"old","_attachments":{"a.txt":{"content_type":"text/plain","data":"eA=="}}}'
    )
    request(adapter, f"PUT /{name}/1 {body % document['_rev']}")
    assert adapter.write(schema, [[(1, "new")]], mode="upsert").rows == 1
    (document,) = request(adapter, f"GET /{name}/1")
    assert document["v"] == "new"
    assert "a.txt" in document["_attachments"]


def test_design_documents_are_no_rows_and_stay(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(Schema(name, (ID,), ("id",)))
    request(adapter, f'PUT /{name}/_design/mine {{"views":{{}}}}')
    adapter.write(schema, [[(number,) for number in range(20)]], mode="upsert")
    assert adapter.count(name) == 20
    assert sum(len(batch) for batch in adapter.scan(schema, batch_size=3)) == 20
    assert request(adapter, f"GET /{name}/_design/mine")[0]["_id"] == "_design/mine"


def test_deleted_document_is_no_row_and_its_key_can_be_used_again(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(Schema(name, (ID, Column("v", Type.TEXT)), ("id",)))
    adapter.write(schema, [[(1, "a"), (2, "b")]])
    (document,) = request(adapter, f"GET /{name}/1")
    request(adapter, f"DELETE /{name}/1?rev={document['_rev']}")
    assert adapter.count(name) == 1
    assert list(adapter.get(schema, [(1,)])) == []
    assert adapter.write(schema, [[(1, "again")]]).rejected == []


def test_documents_that_dbfleet_did_not_make(adapter: Adapter, name: str) -> None:
    request(adapter, f"PUT /{name}")
    try:
        request(
            adapter, f'POST /{name}/_bulk_docs {{"docs":[{{"_id":"a","n":1,"t":"x"}},{{"_id":"b","n":"two","l":[1]}}]}}'
        )
        schema = adapter.describe(name)
        assert [(column.name, column.type) for column in schema.columns] == [
            ("_id", Type.TEXT), ("n", Type.JSON), ("t", Type.TEXT), ("l", Type.JSON),
        ]  # fmt: skip
        assert [row for batch in adapter.scan(schema) for row in batch] == [
            ("a", 1, "x", None),
            ("b", "two", None, [1]),
        ]
    finally:
        adapter.drop(name)


def test_selector_on_a_collection_is_followed_to_the_end(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(Schema(name, (ID, Column("status", Type.TEXT)), ("id",)))
    adapter.write(schema, [[(number, "paid" if number % 2 else "open") for number in range(300)]])
    assert len(request(adapter, f'{name} {{"status": "paid"}}')) == 150
    assert len(request(adapter, f'{name} {{"selector": {{"status": "paid"}}, "limit": 7}}')) == 7
    assert len(request(adapter, f"GET /{name}/_all_docs?limit=3")) == 3


def test_malformed_statements_are_refused(adapter: Adapter) -> None:
    for statement in ("nonsense", "GET orders", "orders {", 'POST /x/_find {"selector"', "orders []"):
        with pytest.raises(StatementError):
            adapter.query(statement)


def test_names_that_couchdb_cannot_have(adapter: Adapter, made: Make, name: str) -> None:
    for word in ("Order Details", "1st", "_x", "é"):
        schema = made(Schema(f"{name.upper()} {word}", (ID, Column("_odd", Type.DATE), Column("%", Type.INT)), ("id",)))
        adapter.write(schema, [[(1, date(2024, 2, 29), 5)]])
        assert schema.name in adapter.collections()
        assert [row for batch in adapter.scan(adapter.describe(schema.name)) for row in batch] == [
            (1, date(2024, 2, 29), 5)
        ]


def test_path_is_a_prefix(target: Target, adapter: Adapter, name: str) -> None:
    with registry.connect(target.with_(database=f"{name}_")) as prefixed:
        prefixed.create(Schema("orders", (ID,), ("id",)))
        assert prefixed.collections() == ["orders"]
    assert f"{name}_orders" in adapter.collections()
    adapter.drop(f"{name}_orders")


def test_wrong_password_and_closed_port(target: Target) -> None:
    with pytest.raises(AuthFailed):
        registry.connect(target.with_(password="@:/?#%é"))
    with pytest.raises(Unavailable):
        registry.connect(target.with_(port=1), timeout_s=2)
    with pytest.raises(Unsupported), registry.connect(target) as adapter:
        adapter.query("GET /_all_dbs", {"n": 1})
