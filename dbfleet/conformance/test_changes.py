"""Changes: rows removed by their keys, and changes as statements that the engine's own `query` runs."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from dbfleet.adapter import Adapter, Change
from dbfleet.conformance.examples import examples, types_of
from dbfleet.conformance.plugin import Make
from dbfleet.errors import ConstraintViolated, Unsupported
from dbfleet.fidelity import coarsened
from dbfleet.spec import Capability
from dbfleet.values import Column, Reference, Row, Schema, Type, digest_rows

ID = Column("id", Type.INT, nullable=False)
TEXT = Column("text", Type.TEXT)


def rows_of(adapter: Adapter, schema: Schema) -> list[Row]:
    return sorted(row for batch in adapter.scan(schema) for row in batch)


def run(adapter: Adapter, schema: Schema, changes: Iterable[Change]) -> list[str]:
    """Run the statements of the changes as one text, and return them."""
    statements = list(adapter.statements(schema, changes))
    if statements:
        result = adapter.query("\n".join(statements))
        while True:
            with result:
                for _ in result:
                    pass
                following = result.following()
            if following is None:
                break
            result = following
    return statements


# --- delete ---------------------------------------------------------------------------------------------------------


def test_delete_removes_the_keys_and_says_how_many_there_were(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(Schema(name, (ID, TEXT), ("id",)))
    adapter.write(schema, [[(number, f"row {number}") for number in range(3000)]])
    assert adapter.delete(schema, [(number,) for number in range(0, 5000, 2)]) == 1500
    assert rows_of(adapter, schema) == [(number, f"row {number}") for number in range(1, 3000, 2)]
    assert adapter.delete(schema, [(0,), (2,), (-7,)]) == 0
    assert adapter.delete(schema, []) == 0
    assert adapter.delete(schema, [(1,), (1,), (3,)]) == 2
    assert adapter.count(name) == 1498


def test_delete_by_a_compound_key(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(Schema(name, (ID, Column("line", Type.TEXT, nullable=False, length=40), TEXT), ("id", "line")))
    rows = [(number, line, "x") for number in range(20) for line in ("a", "A", "a:b", "it's")]
    adapter.write(schema, [rows])
    assert adapter.delete(schema, [(3, "a"), (3, "it's"), (4, "b"), (99, "a")]) == 2
    assert rows_of(adapter, schema) == sorted(row for row in rows if row[:2] not in [(3, "a"), (3, "it's")])


@pytest.mark.parametrize("type_", [Type.TEXT, Type.BYTES, Type.DECIMAL, Type.DATE, Type.INSTANT, Type.UUID], ids=str)
def test_delete_by_a_key_of_any_usual_type(adapter: Adapter, made: Make, name: str, type_: Type) -> None:
    schema = made(Schema(name, (Column("key", type_, nullable=False, length=_length(type_)), TEXT), ("key",)))
    coarsen = coarsened(schema.columns, adapter.spec) or (lambda row: row)
    keys = {}
    for value in examples(type_, adapter.spec):
        (key, _) = coarsen((value, None))
        if value not in ("", b"", " ", "trailing  ") and (not hasattr(value, "__len__") or len(value) < 200):
            keys[key] = (key, "x")
    assert not adapter.write(schema, [list(keys.values())]).rejected
    first, *others = keys
    assert adapter.delete(schema, [(first,)]) == 1
    assert {row[0] for row in rows_of(adapter, schema)} == set(others)
    assert adapter.delete(schema, [(key,) for key in keys]) == len(others)
    assert adapter.count(name) == 0


def _length(type_: Type) -> int | None:
    return 200 if type_ in (Type.TEXT, Type.BYTES) else None


def test_deleted_key_can_be_inserted_again(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(Schema(name, (ID, TEXT), ("id",)))
    adapter.write(schema, [[(1, "old"), (2, "kept")]])
    assert adapter.delete(schema, [(1,)]) == 1
    assert adapter.write(schema, [[(1, "new")]]).rejected == []
    assert rows_of(adapter, schema) == [(1, "new"), (2, "kept")]


def test_delete_of_a_row_that_is_referred_to(adapter: Adapter, made: Make, name: str) -> None:
    parents = made(Schema(f"{name}_p", (ID, TEXT), ("id",)))
    children = made(
        Schema(name, (ID, Column("parent", Type.INT)), ("id",), (Reference(("parent",), f"{name}_p", ("id",)),))
    )
    adapter.write(parents, [[(1, "one"), (2, "two"), (3, "three")]])
    adapter.write(children, [[(10, 1), (11, None)]])
    if Capability.REFERENCES in adapter.spec.capabilities:
        with pytest.raises(ConstraintViolated):
            adapter.delete(parents, [(2,), (1,)])
        assert adapter.count(parents.name) == 3  # all or nothing
    assert adapter.delete(children, [(10,)]) == 1
    assert adapter.delete(parents, [(1,), (2,)]) == 2
    assert rows_of(adapter, parents) == [(3, "three")]
    assert rows_of(adapter, children) == [(11, None)]


# --- statements -----------------------------------------------------------------------------------------------------


def _spoken(adapter: Adapter, schema: Schema, values: Iterable[object]) -> list[object]:
    """The values for which the language has literals; the others are refused, with their column's name."""
    found = []
    for value in values:
        try:
            list(adapter.statements(schema, [Change(None, (1, value))]))
        except Unsupported as refused:
            assert refused.hint
            continue
        found.append(value)
    return found


@pytest.mark.parametrize("type_", list(Type), ids=str)
def test_statements_write_what_the_bulk_path_writes(adapter: Adapter, made: Make, name: str, type_: Type) -> None:
    if type_ not in types_of(adapter.spec):
        pytest.skip("refused by the spec")
    columns = (ID, Column("value", type_))
    plain, spoken = made(Schema(f"{name}_w", columns, ("id",))), made(Schema(f"{name}_s", columns, ("id",)))
    values = _spoken(adapter, spoken, [*examples(type_, adapter.spec), None])
    coarsen = coarsened(columns, adapter.spec) or (lambda row: row)
    rows = [coarsen((number, value)) for number, value in enumerate(values)]
    shifted = [(row[0], other[1]) for row, other in zip(rows, rows[1:] + rows[:1], strict=True)]
    adapter.write(plain, [rows])
    run(adapter, spoken, [Change(None, row) for row in rows])
    assert digest_rows(columns, adapter.scan(spoken)) == digest_rows(columns, adapter.scan(plain))
    adapter.write(plain, [shifted], mode="upsert")
    run(adapter, spoken, [Change(*each) for each in zip(rows, shifted, strict=True)])
    assert digest_rows(columns, adapter.scan(spoken)) == digest_rows(columns, adapter.scan(plain))
    run(adapter, spoken, [Change(row, None) for row in shifted])
    assert adapter.count(spoken.name) == 0


def test_statements_change_the_named_columns_of_the_named_rows(adapter: Adapter, made: Make, name: str) -> None:
    other = Column("other", Type.INT)
    schema = made(Schema(name, (ID, Column("line", Type.TEXT, nullable=False, length=40), TEXT, other), ("id", "line")))
    rows = [(number, line, "x", 1) for number in range(3) for line in ("a", "A", "it's \\ :x $y ; /")]
    adapter.write(schema, [rows])
    change, gone = (1, "A", "x", 1), (2, "it's \\ :x $y ; /", "x", 1)
    new = (7, 'say "so"', "two\nlines; not :a parameter", None)
    changes = [Change(None, new), Change(change, (1, "A", None, 2)), Change(gone, None), Change(rows[0], rows[0])]
    assert run(adapter, schema, changes)
    left = [row for row in rows if row not in (change, gone)]
    assert rows_of(adapter, schema) == sorted([*left, new, (1, "A", None, 2)], key=lambda row: row[:2])
    assert run(adapter, schema, []) == []


def test_statements_keep_references(adapter: Adapter, made: Make, name: str) -> None:
    parents = made(Schema(f"{name}_p", (ID, TEXT), ("id",)))
    children = made(
        Schema(name, (ID, Column("parent_id", Type.INT)), ("id",), (Reference(("parent_id",), f"{name}_p", ("id",)),))
    )
    adapter.write(parents, [[(1, "one"), (2, "two")]])
    adapter.write(children, [[(10, 1), (11, 1), (12, None)]])
    run(
        adapter,
        children,
        [Change((10, 1), (10, 2)), Change((11, 1), None), Change((12, None), (12, 1)), Change(None, (13, 2))],
    )
    assert rows_of(adapter, children) == [(10, 2), (12, 1), (13, 2)]
    run(adapter, children, [Change((10, 2), (10, None))])
    assert rows_of(adapter, children) == [(10, None), (12, 1), (13, 2)]
