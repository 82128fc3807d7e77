"""Statements in the engine's own language, by the spec's examples."""

from __future__ import annotations

import threading

import pytest

from dbfleet.abilities import ENCODINGS, Encodes, Finds, LimitsTime
from dbfleet.adapter import Adapter, Result
from dbfleet.conformance.examples import wide_rows, wide_schema
from dbfleet.conformance.held import needed
from dbfleet.conformance.plugin import Connect, Make
from dbfleet.errors import DbfleetError, StatementError, Unsupported, UsageError
from dbfleet.spec import Capability
from dbfleet.values import Column, Schema, Type

PAIR = (Column("id", Type.INT, nullable=False), Column("v", Type.TEXT))


def only_value(adapter: Adapter, statement: str, params: dict[str, object] | None = None) -> object:
    with adapter.query(statement, params) as result:
        ((row,),) = list(result)
        value = row[0]
        if result.documents:
            (value,) = row[0].values()
        return value


def alive(adapter: Adapter) -> bool:
    """Check that the connection answers a statement, or a ping where the language has no expressions."""
    one = adapter.spec.examples.get("one")
    return str(only_value(adapter, one)) == "1" if one else bool(adapter.ping().version)


def test_one_record_with_one_value(adapter: Adapter) -> None:
    assert alive(adapter)


def test_result_streams_all_rows_in_batches(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(Schema(name, PAIR, ("id",)))
    adapter.write(schema, [[(number, f"v{number}") for number in range(2500)]])
    with adapter.query(adapter.spec.examples["all"].format(collection=name), batch_size=100) as result:
        assert result.documents == (len(result.columns) == 1 and result.documents)
        rows = [row for batch in result for row in batch]
    assert len(rows) == 2500


def test_half_read_result_can_be_closed(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(Schema(name, PAIR, ("id",)))
    adapter.write(schema, [[(number, "x" * 50) for number in range(3000)]])
    result = adapter.query(adapter.spec.examples["all"].format(collection=name), batch_size=10)
    next(iter(result))
    result.close()
    assert alive(adapter)


def test_every_type_can_be_queried(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(wide_schema(name, adapter.spec))
    adapter.write(schema, [wide_rows(adapter.spec, 50)])
    with adapter.query(adapter.spec.examples["all"].format(collection=name)) as result:
        assert sum(len(batch) for batch in result) == 50


@pytest.mark.parametrize("empty", ["", "   \n"])
def test_empty_statement_is_a_usage_error(adapter: Adapter, empty: str) -> None:
    with pytest.raises(UsageError):
        adapter.query(empty)


@pytest.mark.parametrize("kind", ["bad", "missing"])
def test_statement_that_the_engine_rejects(adapter: Adapter, kind: str) -> None:
    """A missing collection may count as an empty one, where the engine sees it so; a malformed statement is always an
    error."""
    try:
        with adapter.query(adapter.spec.examples[kind]) as result:
            rows = [row for batch in result for row in batch]
    except StatementError as exc:
        assert str(exc)
        assert exc.engine == adapter.spec.name
    else:
        assert kind == "missing"
        assert rows == [] or adapter.spec.paradigm == "key-value"
    assert alive(adapter)


def test_parameters_are_bound_never_spliced(adapter: Adapter) -> None:
    hostile = "1); drop table x; -- ' \" \\ $n :n {{}} \n😀"
    if Capability.PARAMETERS not in adapter.spec.capabilities:
        with pytest.raises(Unsupported):
            adapter.query(adapter.spec.examples["missing"], {"n": hostile})
        return
    statement = adapter.spec.examples["parameter"]
    assert only_value(adapter, statement, {"n": hostile}) == hostile
    assert str(only_value(adapter, statement, {"n": 17})) == "17"
    with pytest.raises((UsageError, StatementError)):
        only_value(adapter, statement)
    with pytest.raises(UsageError):
        adapter.query(statement, {"n": 1, "unused": 2})


def test_filter_asks_one_collection(adapter: Adapter, made: Make, name: str) -> None:
    find = needed(adapter, Finds).find
    schema = made(Schema(name, PAIR, ("id",)))
    adapter.write(schema, [[(number, f"v{number}") for number in range(5)]])
    with find(name, adapter.spec.examples["filter"]) as result:
        (document,) = [row[0] for batch in result for row in batch]
    assert document["v"] == "v1"
    with pytest.raises(UsageError):
        find(name, "  ")
    for bad in ("{", "1; 2", "{}).drop("):
        with pytest.raises(StatementError):
            list(find(name, bad))
    assert adapter.count(name) == 5


def test_cancel_stops_the_statement(connect: Connect) -> None:
    adapter = connect()
    if Capability.CANCEL not in adapter.spec.capabilities:
        with pytest.raises(Unsupported):
            adapter.cancel()
        return
    adapter.cancel()  # no statement runs, so nothing happens
    cancelled = threading.Event()

    def cancel() -> None:
        cancelled.set()
        adapter.cancel()

    timer = threading.Timer(1.0, cancel)
    timer.start()
    try:
        with pytest.raises(DbfleetError), adapter.query(adapter.spec.examples["slow"]) as result:
            for _ in result:
                pass
        assert cancelled.is_set(), "left alone, it would have gone on, and ended without an error"
    finally:
        timer.cancel()
        timer.join()


def test_a_limit_of_time_is_the_servers(connect: Connect) -> None:
    """Nobody stops the statement from here: it is the server that ends it."""
    limited = connect()
    needed(limited, LimitsTime).limit(1.0)
    slow = limited.spec.examples.get("slow")
    if slow is None:  # the engine cannot end one; what is quick is as before
        with pytest.raises(DbfleetError), limited.query(limited.spec.examples["missing"]) as result:
            list(result)
        return
    with pytest.raises(DbfleetError), limited.query(slow) as result:
        for _ in result:
            pass


def test_encoded_result_is_what_the_formats_make(adapter: Adapter, made: Make, name: str) -> None:
    """The fast path gives the same bytes as the plain path."""
    from dbfleet import formats

    encode = needed(adapter, Encodes).encoded

    schema = made(wide_schema(name, adapter.spec))
    adapter.write(schema, [wide_rows(adapter.spec, 300)])
    one = adapter.spec.examples.get("one", adapter.spec.examples["missing"])
    given = 0
    for statement in (adapter.spec.examples["all"].format(collection=name), one):
        for word in ENCODINGS.values():
            chunks = encode(statement, {}, word)
            if chunks is None:  # it may decline here; test_abilities says where it may not
                continue
            given += 1
            quick = b"".join(chunks)
            with adapter.query(statement) as result:
                plain = b"".join(formats.encode(word, [result]))
            assert quick.splitlines() == plain.splitlines()
    if not given:
        pytest.skip("declined for this schema")


def test_a_plan_is_something_else_than_the_answer(adapter: Adapter, made: Make, name: str) -> None:
    """The question for a plan (`EngineSpec.explain`) is answered, and not by the collection's rows."""
    if adapter.spec.explain is None:
        assert adapter.spec.no_plan or not adapter.spec.examples
        pytest.skip("undeclared by the spec")
    schema = made(Schema(name, PAIR, ("id",)))
    adapter.write(schema, [[(number, f"v{number}") for number in range(50)]])
    statement = adapter.spec.examples["all"].format(collection=name)
    rows: list[object] = []
    result: Result | None = adapter.query(adapter.spec.plan_of(statement) or "")
    while result is not None:  # the question may be several statements
        with result:
            rows += [row for batch in result for row in batch]
            result = result.following()
    assert rows
    assert not any("v49" in str(row) for row in rows)
    assert alive(adapter)
