"""Datasets from a TOML file: what the example says is so, and every mistake is told with its line, key and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbfleet import datasets
from dbfleet.datasets import Dataset, from_toml
from dbfleet.errors import ConfigError, UsageError
from dbfleet.ops.datasets import datasets as described
from dbfleet.values import Row, Type, type_of


def parsed(text: str) -> Dataset:
    return from_toml.parse(text, file="mine.toml", source="mine.toml")


def made(dataset: Dataset, entity: str, rows: int, seed: int = 0, **slice_: int) -> list[Row]:
    return [row for batch in dataset.batches(entity, seed=seed, rows=rows, **slice_) for row in batch]


@pytest.fixture(scope="module")
def library() -> Dataset:
    return datasets.load("library")


@pytest.mark.parametrize("rows", [1, 2, 3, 99, 1000, 1025])
def test_the_example_keeps_keys_references_and_types_at_every_size(library: Dataset, rows: int) -> None:
    all_ = {schema.name: made(library, schema.name, rows) for schema in library.schemas()}
    for schema in library.schemas():
        found = all_[schema.name]
        assert len(found) == library.rows(schema.name, rows) > 0
        assert len({tuple(row[place] for place in schema.key_indexes) for row in found}) == len(found)
        for reference in schema.references:
            target = library.entity(reference.collection).schema
            keys = {row[target.key_indexes[0]] for row in all_[target.name]}
            assert {row[schema.names.index(reference.columns[0])] for row in found} - {None} <= keys
        for row in found:
            for column, value in zip(schema.columns, row, strict=True):
                assert column.nullable if value is None else type_of(value) is column.type


def test_the_example_shows_every_generator_and_its_edge_is_one(library: Dataset) -> None:
    text = Path(datasets.__file__).with_name("library.toml").read_text("utf-8")
    for generator in from_toml_generators():
        assert f"{generator} = " in text
    assert library.entity("wishes").schema.edge
    assert library.rows_are == "loans"


def from_toml_generators() -> tuple[str, ...]:
    from dbfleet.datasets._toml_columns import _GENERATORS

    return tuple(_GENERATORS)


def test_a_slice_is_a_slice_and_a_small_one_begins_a_large_one(library: Dataset) -> None:
    for entity in library.entities:
        whole = made(library, entity.name, 5000)
        assert made(library, entity.name, 5000, start=900, stop=1100, batch_size=13) == whole[900:1100]
        assert made(library, entity.name, 200) == whole[: library.rows(entity.name, 200)]
        if entity.name not in ("branches",):
            assert made(library, entity.name, 5000, seed=1) != whole


def test_columns_may_stand_in_any_order_and_hidden_ones_do_not_show() -> None:
    dataset = parsed("""
        [entities.people.columns]
        mail = { template = "{first}.{last}@example.org", null = 0.5 }
        first = { choice = ["Ann", "Bo"], hidden = true }
        last = { choice = ["Li"] }
        doc = { json = { who = "{first}", tags = ["{last}", 1, 0.5], on = true, row = "no {row}" } }
        """)
    schema = dataset.entity("people").schema
    assert schema.names == ("mail", "last", "doc")
    rows = made(dataset, "people", 50)
    assert {row[0] for row in rows} == {None, "Ann.Li@example.org", "Bo.Li@example.org"}
    assert all(row[2]["who"] in ("Ann", "Bo") and row[2]["on"] is True for row in rows)
    assert rows[9][2]["row"] == "no 10"


def test_ranges_reach_both_ends_and_keep_their_type() -> None:
    dataset = parsed("""
        [entities.x.columns]
        i = { range = [1, 3] }
        big = { range = [-9223372036854775808, 9223372036854775807] }
        d = { type = "decimal", range = [0.10, 0.12] }
        day = { range = [2024-02-28, 2024-03-01] }
        at = { range = [2024-01-01T00:00:00+01:00, 2024-01-01T00:00:00.000001+01:00] }
        f = { range = [0, 1.5] }
        """)
    columns = list(zip(*made(dataset, "x", 500), strict=True))
    assert set(columns[0]) == {1, 2, 3}
    assert {str(value) for value in columns[2]} == {"0.10", "0.11", "0.12"}
    assert {value.day for value in columns[3]} == {28, 29, 1}
    assert {(value.hour, value.microsecond) for value in columns[4]} == {(23, 0), (23, 1)}
    assert [column.type for column in dataset.entity("x").schema.columns] == [
        Type.INT, Type.INT, Type.DECIMAL, Type.DATE, Type.INSTANT, Type.FLOAT,
    ]  # fmt: skip


def test_faker_draws_its_pool_once_and_seeded() -> None:
    text = '[entities.x.columns]\nname = { faker = "name", locale = ["ja_JP", "el_GR"], pool = 20, length = 12 }'
    rows = made(parsed(text), "x", 400)
    assert rows == made(parsed(text), "x", 400)
    assert 10 < len({row[0] for row in rows}) <= 20
    assert all(len(row[0]) <= 12 for row in rows)


HEAD = "[entities.a]\nkey = 'id'\n[entities.a.columns]\nid = { sequence = 1 }\n"

ONE = "\n[entities.a.columns]\nid = { sequence = 1 }\n"


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("[entities.a\n", "mine.toml:1", None),
        ("", "mine.toml:1: entities: has no entity", "[entities.NAME]"),
        ("nmae = 'x'\n" + HEAD, "mine.toml:1: nmae: is not a key here", "did you mean name?"),
        ("entities = 3", "mine.toml:1: entities: must be a table, not 3", None),
        (HEAD + "b = { fker = 'name' }", "mine.toml:5: entities.a.columns.b.fker: is not a key", "did you mean faker?"),
        (HEAD + "b = 'x'", "mine.toml:5: entities.a.columns.b: must be a table", None),
        (HEAD + "b = { length = 3 }", "entities.a.columns.b: has nothing that makes its values", "sequence"),
        (HEAD + "b = { uuid = true, choice = [1] }", "b: has uuid and choice", "say one of"),
        (HEAD + "b = { uuid = true, type = 'uid' }", "b.type: no type is called 'uid'", "did you mean uuid?"),
        (HEAD + "b = { uuid = true, type = 'text' }", "b.type: uuid makes uuid here, not text", None),
        (HEAD + "b = { uuid = true, null = 2 }", "b.null: is a share from 0 to 1", None),
        (HEAD + "b = { faker = 'nmae' }", "b.faker: no provider of en_US is called 'nmae'", "did you mean name?"),
        (HEAD + "b = { faker = 'date_this_year' }", "looks at the clock", None),
        (HEAD + "b = { faker = 'name', locale = 'de_de' }", "b.locale: Faker has no locale 'de_de'", "did you mean de"),
        (HEAD + "b = { reference = 'aa' }", "b: no entity is called 'aa'", "did you mean a?"),
        (HEAD + "b = { reference = 'a' }", "b: the first row can refer to no earlier one", "null"),
        (HEAD + "b = { template = '{idd}' }", "b.template: no column is called 'idd'", "did you mean id?"),
        (HEAD + "b = { template = '{id' }", "b.template", "{{ }}"),
        (HEAD + "b = { template = '{id.__class__}' }", "is not the name of a column", None),
        (HEAD + "b = { template = '{c}' }\nc = { template = '{b}' }", "is made of itself", None),
        (HEAD + "b = { choice = [] }", "b.choice: has no value", None),
        (HEAD + "b = { choice = [1, 'x'] }", "b.choice: 'x' is no int", None),
        (HEAD + "b = { choice = [1, 2], weights = [1] }", "b.weights: must be 2 whole numbers", None),
        (HEAD + "b = { range = [3, 1] }", "b.range: 3 is above 1", None),
        (HEAD + "b = { range = ['a', 'b'] }", "b.range: is of numbers, dates or times", None),
        (HEAD + "b = { number = true }", "b.number: counts within the owner", None),
        (HEAD + "b = { reference = 'a', owner = true, null = 1 }", "b.owner: needs each", None),
        (HEAD + "'b c' = { uuid = true }", "'b c' is no name", None),
        ("[entities.a]\nkey = 'nr'" + ONE, "2: entities.a.key: no column", None),
        ("[entities.a]\nkey = 'id'" + ONE.replace("sequence = 1", "range = [1, 9]"), "may come twice", "uuid"),
        ("[entities.a]\nratio = 0" + ONE, "2: entities.a.ratio: must be above", None),
        ("[entities.a]\nrows = 1\nratio = 1" + ONE, "there is rows already", None),
        ("[entities.a]\nrows = true" + ONE, "must be a whole number", None),
        ("[entities.a]\nedge = true" + ONE, "an edge has two references", None),
        ("[entities.a]\neach = { of = 'b' }" + ONE, "no entity is called 'b'", None),
        ("rows = 'b'\n" + HEAD, "mine.toml:1: rows: no entity is called 'b'", None),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place(text: str, said: str, hint: str | None) -> None:
    with pytest.raises(ConfigError) as caught:
        parsed(text)
    assert said in str(caught.value)
    assert "mine.toml:" in str(caught.value)
    assert hint is None or hint in str(caught.value.hint)


def test_entities_that_wait_for_each_other_are_refused() -> None:
    with pytest.raises(ConfigError, match="refer to each other"):
        parsed(
            "[entities.a]\nkey='id'\n[entities.a.columns]\nid={sequence=1}\nb={reference='b'}\n"
            "[entities.b]\nkey='id'\n[entities.b.columns]\nid={sequence=1}\na={reference='a'}\n"
        )
    with pytest.raises(ConfigError, match="wait for each other"):
        parsed(
            "[entities.a]\neach={of='b'}\n[entities.a.columns]\nid={sequence=1}\n"
            "[entities.b]\neach={of='a'}\n[entities.b.columns]\nid={sequence=1}\n"
        )


def test_a_template_longer_than_its_column_is_an_error_when_rows_are_made() -> None:
    dataset = parsed("[entities.x.columns]\nname = { template = 'number {row}', length = 8 }")
    assert len(made(dataset, "x", 9)) == 9
    with pytest.raises(ConfigError, match=r"x\.name: 'number 10' is longer than length = 8"):
        made(dataset, "x", 20)


def test_a_file_is_read_by_its_path_and_names_are_suggested(tmp_path: Path) -> None:
    file = tmp_path / "tiny.toml"
    file.write_text("[entities.dots.columns]\nid = { sequence = 5 }\n", "utf-8")
    dataset = datasets.load(str(file))
    assert (dataset.name, dataset.source) == ("tiny", str(file))
    assert made(dataset, "dots", 2) == [(5,), (6,)]
    with pytest.raises(UsageError) as caught:
        datasets.load("shoop")
    assert caught.value.hint == "did you mean shop?"
    with pytest.raises(ConfigError, match="there is no file"):
        datasets.load(str(tmp_path / "none.toml"))
    file.write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="cannot be read"):
        datasets.load(str(file))


def test_datasets_lists_every_collection_with_its_columns() -> None:
    found = {(each.dataset, each.collection): each for each in described()}
    assert {name for name, _ in found} == set(datasets.names())
    items = found["shop", "order_items"]
    assert (items.rows, items.of, items.source) == (2500, "1000 orders", "built in")
    assert items.columns.startswith("order_id* int, line* int, product_id int, quantity int, unit_price decimal(12,2)")
    assert items.references == "order_id -> orders, product_id -> products"
    assert [each.rows for each in described("library", rows=10)][:2] == [12, 5]
