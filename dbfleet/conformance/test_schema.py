"""Collections and their schemas: `describe` gives back what `create` was given."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dbfleet.abilities import Finds
from dbfleet.adapter import Adapter
from dbfleet.conformance.examples import wide_schema
from dbfleet.conformance.plugin import Connect, Make
from dbfleet.errors import AlreadyExists, DbfleetError, NotFound, Unavailable, Unsupported
from dbfleet.spec import Capability, EngineSpec, Fidelity
from dbfleet.values import Column, Reference, Schema, Type

ID = Column("id", Type.INT, nullable=False)


def plain(schema: Schema) -> list[tuple[str, Type, bool]]:
    return [(column.name, column.type, column.nullable) for column in schema.columns]


def test_spec_says_how_it_keeps_every_type(spec: EngineSpec) -> None:
    assert set(spec.types) == set(Type)
    assert {"all", "bad", "missing"} <= set(spec.examples)
    assert ("slow" in spec.examples) == (Capability.CANCEL in spec.capabilities)
    assert ("parameter" in spec.examples) == (Capability.PARAMETERS in spec.capabilities)
    assert ("filter" in spec.examples) == (Finds in spec.abilities)
    assert spec.verified_on, "an engine says what it was verified on"
    assert not [word for word in spec.types.values() if word not in Fidelity]


def test_ping_names_the_server_that_answers(adapter: Adapter) -> None:
    info = adapter.ping()
    assert info.product
    assert info.version[0].isdigit()
    assert info.latency_s > 0


def test_closed_adapter_is_unavailable_and_closes_again_in_silence(connect: Connect) -> None:
    adapter = connect()
    adapter.close()
    adapter.close()
    with pytest.raises(Unavailable):
        adapter.ping()
    with pytest.raises(Unavailable):
        adapter.collections()
    with pytest.raises(Unavailable):
        list(adapter.scan(Schema("x", (ID,), ("id",))))
    with pytest.raises(Unavailable):
        list(adapter.query(adapter.spec.examples["missing"]))


def test_every_type_is_described_as_it_was_created(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(wide_schema(name, adapter.spec))
    found = adapter.describe(name)
    assert sorted(plain(found)) == sorted(plain(schema))
    assert found.key == schema.key
    assert found.name == name
    assert name in adapter.collections()


def test_columns_keep_their_order(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(Schema(name, (Column("z", Type.TEXT), ID, Column("a", Type.TEXT)), ("id",)))
    assert adapter.describe(name).names == schema.names


def test_precision_scale_length_and_nullability_are_described(adapter: Adapter, made: Make, name: str) -> None:
    columns = (
        ID,
        Column("price", Type.DECIMAL, nullable=False, precision=12, scale=2),
        Column("code", Type.TEXT, nullable=False, length=20),
        Column("comment", Type.TEXT),
    )
    made(Schema(name, columns, ("id",)))
    found = adapter.describe(name)
    price, code, comment = (found.column(column) for column in ("price", "code", "comment"))
    assert (price.precision, price.scale, price.nullable) == (12, 2, False)
    assert (code.length, code.nullable) == (20, False)
    assert (comment.length, comment.nullable) == (None, True)


def test_compound_key_keeps_its_order(adapter: Adapter, made: Make, name: str) -> None:
    columns = (Column("a", Type.INT, nullable=False), Column("v", Type.TEXT), Column("b", Type.TEXT, False, length=40))
    made(Schema(name, columns, ("b", "a")))
    assert adapter.describe(name).key == ("b", "a")


def test_references_are_described(adapter: Adapter, made: Make, name: str) -> None:
    parent = made(Schema(name, (ID,), ("id",)))
    child = made(
        Schema(
            f"{name}_c",
            (ID, Column("parent_id", Type.INT), Column("other", Type.INT)),
            ("id",),
            (Reference(("parent_id",), parent.name, ("id",)),),
        )
    )
    assert adapter.describe(child.name).references == child.references
    assert adapter.describe(parent.name).references == ()


def test_edge_is_described(adapter: Adapter, made: Make, name: str) -> None:
    parent = made(Schema(name, (ID,), ("id",)))
    columns = (Column("src", Type.INT, False), Column("dst", Type.INT, False), Column("since", Type.DATE))
    references = (Reference(("src",), parent.name, ("id",)), Reference(("dst",), parent.name, ("id",)))
    edge = made(Schema(f"{name}_e", columns, ("src", "dst"), references, edge=True))
    found = adapter.describe(edge.name)
    assert (found.edge, found.key, set(found.references)) == (True, edge.key, set(edge.references))


def test_partition_is_described(adapter: Adapter, made: Make, name: str) -> None:
    columns = (Column("a", Type.INT, False), Column("b", Type.INT, False), Column("c", Type.INT, False))
    made(Schema(name, columns, ("a", "b", "c"), partition=("a", "b")))
    assert adapter.describe(name).partition == ("a", "b")


def test_create_of_what_is_there_is_refused_and_harmless(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(Schema(name, (ID, Column("v", Type.TEXT)), ("id",)))
    adapter.write(schema, [[(1, "kept")]])
    with pytest.raises(AlreadyExists):
        adapter.create(replace(schema, columns=(ID,)))
    assert [row for batch in adapter.scan(schema) for row in batch] == [(1, "kept")]


def test_drop_removes_and_is_silent_when_there_is_nothing(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(Schema(name, (ID,), ("id",)))
    adapter.write(schema, [[(1,)]])
    adapter.drop(name)
    adapter.drop(name)
    assert name not in adapter.collections()
    with pytest.raises(NotFound):
        adapter.describe(name)
    made(schema)
    assert adapter.count(name) == 0


def test_what_is_not_there_is_not_found(adapter: Adapter, name: str) -> None:
    with pytest.raises(NotFound):
        adapter.describe(name)
    with pytest.raises(NotFound):
        adapter.count(name)
    with pytest.raises(NotFound):
        list(adapter.scan(Schema(name, (ID,), ("id",))))


@pytest.mark.parametrize(
    "odd",
    ["Order Details", "select", 'quo"te', "it's", "back`tick", "Ünï", "a.b", "UPPER", "100%", "a:b", "x]y", "a$b"],
)
def test_odd_names_are_names(adapter: Adapter, made: Make, name: str, odd: str) -> None:
    """An engine may refuse a name (Unsupported); it may not store it under another."""
    schema = Schema(f"{name} {odd}", (ID, Column(odd, Type.TEXT)), ("id",))
    try:
        made(schema)
    except Unsupported as refused:
        assert refused.message
        assert [each for each in adapter.collections() if each.casefold().startswith(name)] == []
        return
    assert adapter.write(schema, [[(1, "x"), (2, None)]]).rows == 2
    assert sorted(row for batch in adapter.scan(schema) for row in batch) == [(1, "x"), (2, None)]
    assert adapter.describe(schema.name).names == schema.names
    assert schema.name in adapter.collections()


def test_names_that_differ_in_case_only_never_meet(adapter: Adapter, made: Make, name: str) -> None:
    lower = made(Schema(name, (ID,), ("id",)))
    try:
        upper = made(Schema(name.upper(), (ID,), ("id",)))
    except (Unsupported, AlreadyExists):
        assert [each for each in adapter.collections() if each.casefold() == name] == [name]
        assert adapter.count(name) == 0
        return
    adapter.write(lower, [[(1,)]])
    assert adapter.count(upper.name) == 0


def test_name_that_is_too_long_is_refused_not_cut(adapter: Adapter, made: Make, name: str) -> None:
    limit = adapter.spec.limits.name_length
    if limit is None:
        made(Schema(name + "x" * 200, (ID,), ("id",)))
        assert name + "x" * 200 in adapter.collections()
        return
    with pytest.raises(DbfleetError):
        made(Schema(name + "x" * limit, (ID,), ("id",)))
    longest = (name + "x" * limit)[:limit]
    made(Schema(longest, (ID,), ("id",)))
    assert longest in adapter.collections()


def test_collection_without_a_key(adapter: Adapter, made: Make, name: str) -> None:
    schema = Schema(name, (Column("a", Type.INT), Column("b", Type.TEXT)))
    if Capability.KEYLESS not in adapter.spec.capabilities:
        with pytest.raises(Unsupported):
            made(schema)
        return
    made(schema)
    rows = [(1, "x"), (1, "x"), (None, None)]
    assert adapter.write(schema, [rows]).rows == 3
    assert sorted((row for batch in adapter.scan(schema) for row in batch), key=repr) == sorted(rows, key=repr)
    assert adapter.describe(name).key == ()


def test_refused_types_are_refused(adapter: Adapter, made: Make, name: str) -> None:
    types = [type_ for type_ in Type if adapter.spec.fidelity(type_) is Fidelity.REFUSED]
    if not types:
        pytest.skip("refuses nothing")
    for type_ in types:
        with pytest.raises(Unsupported):
            made(Schema(f"{name}_{type_.value}", (ID, Column("v", type_)), ("id",)))
