"""Schemas that dbfleet did not make, in each engine's own words: what they hold is read and saved right, or refused by
its name."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from dbfleet import registry
from dbfleet.adapter import Adapter
from dbfleet.fleet import Fleet
from dbfleet.ops import models as op
from dbfleet.target import Target
from dbfleet.values import digest_rows
from tests.models.projects import Project, project
from tests.models.written import formatted

_HELD = """
import pickle
from django.apps import apps
found = {}
for model in apps.get_app_config(LABEL).get_models():
    names = [field.attname for field in model._meta.concrete_fields]
    found[TABLES[model.__name__]] = [tuple(getattr(row, name) for name in names) for row in model.objects.iterator()]
    for row in model.objects.all():
        row.save(force_update=True)
        assert model.objects.filter(pk=row.pk).count() == 1, (model, row.pk)
        assert model.objects.get(pk=row.pk) == row
pickle.dump(found, open("found", "wb"))
"""
"""Reads every row, finds each by its key, saves each as it is."""


class Strangers:
    """A database of its own, its project, and what was left out."""

    def __init__(self, adapter: Adapter, fleet: Fleet, folder: Path) -> None:
        self.adapter, self.fleet, self.folder = adapter, fleet, folder
        self._names: list[str] = []

    def run(self, *statements: str) -> None:
        for statement in statements:
            with self.adapter.query(statement) as result:
                for _ in result:
                    pass

    def project(self, *names: str) -> Project:
        """A project of these collections, whose text a formatter would leave alone."""
        made = project(self.fleet, [(self.adapter.target, names)], self.folder)
        formatted(self.app(made).files[op.MODELS])
        return made

    def app(self, made: Project) -> op.App:
        (app,) = made.apps.values()
        return app

    def told(self, made: Project) -> dict[str, str]:
        return {each.what: each.why for each in self.app(made).told}

    def held(self, made: Project, classes: dict[str, str]) -> None:
        """What the models read is what the adapter reads, and it is the same after each row was saved as it is."""
        left_out = self.told(made)
        before = {name: self._rows(name, left_out) for name in classes.values()}
        made.run(f"LABEL = {self.app(made).label!r}\nTABLES = {classes!r}\n{_HELD}")
        found = pickle.loads((self.folder / "found").read_bytes())
        assert set(found) == set(classes.values())
        for name, (columns, rows) in before.items():
            assert rows, name
            assert digest_rows(columns, [found[name]]) == digest_rows(columns, [rows]), (name, found[name], rows)
            after = self._rows(name, left_out)
            assert digest_rows(*_one(after)) == digest_rows(columns, [rows]), (name, after[1], rows)

    def _rows(self, name: str, left_out: dict[str, str]):  # type: ignore[no-untyped-def]
        schema = self.adapter.describe(name)
        places = [place for place, column in enumerate(schema.columns) if f"{name}.{column.name}" not in left_out]
        rows = [tuple(row[place] for place in places) for batch in self.adapter.scan(schema) for row in batch]
        return [schema.columns[place] for place in places], rows


def _one(found):  # type: ignore[no-untyped-def]
    return found[0], [found[1]]


@pytest.fixture
def strangers(adapter: Adapter, fleet: Fleet, tmp_path: Path) -> Strangers:
    return Strangers(adapter, fleet, tmp_path)


@pytest.fixture
def cleaned(adapter: Adapter) -> Iterator[Callable[[Sequence[str]], None]]:
    """Statements that are run after the test."""
    later: list[str] = []
    yield later.extend
    with registry.connect(adapter.target) as cleaner:
        for statement in later:
            with cleaner.query(statement) as result:
                for _ in result:
                    pass


ODD_NAMES = {
    '"class"': "class_field",
    '"id"': "id_field",
    '"pk"': "pk_field",
    '"objects"': "objects_field",
    '"save"': "save_field",
    '"2nd"': "field_2nd",
    '"_hidden"': "hidden",
    '"with space"': "with_space",
    '"with""quote"': "with_quote",
    '"it\'s"': "it_s",
    '"a__b"': "a_b",
    '"a_b"': "a_b_2",
    '"Ümlaut"': "ümlaut",
    '"50%"': "field_50",
    '"createdAt"': "created_at",
    '"!"': "field",
    '"from"': "from_field",
    '"trailing_"': "trailing",
}
"""Names of columns in SQL, and of their fields."""


@pytest.mark.engines("postgres", "sqlite")
def test_names_of_all_kinds(strangers: Strangers, cleaned: Callable[[Sequence[str]], None]) -> None:
    names = dict(ODD_NAMES)
    if strangers.adapter.spec.name == "postgres":  # SQLite takes them for one
        names |= {'"Save"': "save_field_2", '"SAVE"': "save_field_3"}
    columns = ", ".join(f"{name} INTEGER" for name in names)
    numbers = ", ".join(map(str, range(2, len(names) + 2)))
    cleaned(['DROP TABLE "odd ""names"""'])
    strangers.run(
        f'CREATE TABLE "odd ""names""" ("key" INTEGER NOT NULL PRIMARY KEY, {columns})',
        f'INSERT INTO "odd ""names""" VALUES (1, {numbers}), (100, {numbers})',
    )
    made = strangers.project('odd "names"')
    assert strangers.told(made) == {}
    text = strangers.app(made).files[op.MODELS]
    for field in names.values():
        assert f"    {field} = models." in text, field
    strangers.held(made, {"OddName": 'odd "names"'})
    code = (
        "from fleet.{}.models import OddName\nprint(OddName.objects.filter(with_quote__gt=1, field_50__gt=1).count())"
    )
    assert made.run(code.format(strangers.app(made).label)) == "2\n"


@pytest.mark.engines("postgres", "sqlite")
def test_references_of_all_kinds(strangers: Strangers, cleaned: Callable[[Sequence[str]], None]) -> None:
    tables = ("leaf", "pairs", "single", "twice", "keyless", "right_side", "left_side")
    cleaned(["UPDATE left_side SET parent = NULL, right_id = NULL"])
    cleaned(["ALTER TABLE left_side DROP COLUMN right_id", *(f"DROP TABLE {name}" for name in tables)])
    strangers.run(
        # A circle of two, and one to itself.
        "CREATE TABLE left_side (id INTEGER NOT NULL PRIMARY KEY, parent INTEGER REFERENCES left_side (id), "
        "code VARCHAR(9) UNIQUE)",
        "CREATE TABLE right_side (id INTEGER NOT NULL PRIMARY KEY, left_id INTEGER REFERENCES left_side (id))",
        "ALTER TABLE left_side ADD COLUMN right_id INTEGER REFERENCES right_side (id)",
        # Over two columns, to a compound key; and one that leads to a unique column.
        "CREATE TABLE pairs (b INTEGER NOT NULL, a INTEGER NOT NULL, right_id INTEGER REFERENCES right_side (id), "
        "PRIMARY KEY (a, b))",
        "CREATE TABLE leaf (id INTEGER NOT NULL PRIMARY KEY, pair_a INTEGER, pair_b INTEGER, "
        "code VARCHAR(9) REFERENCES left_side (code), FOREIGN KEY (pair_a, pair_b) REFERENCES pairs (a, b))",
        # The key is a reference; a key holds one; two to the same table; no key at all.
        "CREATE TABLE single (id INTEGER NOT NULL PRIMARY KEY REFERENCES left_side (id), note VARCHAR(9))",
        "CREATE TABLE twice (one_id INTEGER NOT NULL REFERENCES left_side (id), "
        "other_id INTEGER NOT NULL REFERENCES left_side (id), PRIMARY KEY (one_id, other_id))",
        "CREATE TABLE keyless (left_id INTEGER REFERENCES left_side (id))",
        "INSERT INTO left_side (id, parent, code) VALUES (1, NULL, 'x'), (2, 1, 'y')",
        "INSERT INTO right_side VALUES (7, 2)",
        "UPDATE left_side SET right_id = 7 WHERE id = 1",
        "INSERT INTO pairs VALUES (20, 10, 7), (21, 10, NULL)",
        "INSERT INTO leaf VALUES (5, 10, 20, 'y'), (6, NULL, NULL, NULL)",
        "INSERT INTO single VALUES (1, 'n')",
        "INSERT INTO twice VALUES (1, 2), (2, 2)",
    )
    names = ("left_side", "right_side", "pairs", "leaf", "single", "twice")
    made = strangers.project(*names)
    assert strangers.told(made) == {}
    classes = {"LeftSide": "left_side", "RightSide": "right_side", "Pair": "pairs", "Leaf": "leaf", "Single": "single",
               "Twice": "twice"}  # fmt: skip
    strangers.held(made, classes)
    label = strangers.app(made).label
    asked = f"""
from fleet.{label}.models import *
leaf = Leaf.objects.get(pk=5)
print(leaf.pair.pk, leaf.pair.right.left.parent.code, leaf.code.pk, leaf.code_id)
print(Leaf.objects.filter(pair__right__left__code="y").count(), Leaf.objects.get(pk=6).pair)
print(Pair.objects.get(pk=(10, 20)).leaf.get().pk, LeftSide.objects.get(pk=1).single.note)
print(sorted(each.pk for each in LeftSide.objects.get(pk=2).twice_by_other.all()))
print(LeftSide.objects.get(pk=1).left_side.get().code)
"""
    assert made.run(asked) == "(10, 20) x 2 y\n1 None\n5 n\n[(1, 2), (2, 2)]\ny\n"


@pytest.mark.engines("postgres", "sqlite")
def test_a_collection_without_a_key_is_refused_by_name(
    strangers: Strangers, cleaned: Callable[[Sequence[str]], None]
) -> None:
    from dbfleet.errors import Unsupported

    cleaned(["DROP VIEW seen", "DROP TABLE refers", "DROP TABLE kept"])
    strangers.run(
        "CREATE TABLE kept (id INTEGER NOT NULL PRIMARY KEY)",
        "CREATE VIEW seen AS SELECT id FROM kept",
        "CREATE TABLE refers (n INTEGER)",
    )
    for name in ("seen", "refers"):
        with pytest.raises(Unsupported, match=f"{name} cannot be a model: it has no key"):
            op.models(strangers.fleet, [(strangers.adapter.target, name)])


@pytest.mark.engines("postgres", "sqlite")
def test_two_hundred_columns_and_collections_that_fall_together(
    strangers: Strangers, cleaned: Callable[[Sequence[str]], None]
) -> None:
    wide = ", ".join(f'"c{number}" VARCHAR(10)' for number in range(200))
    cleaned([f'DROP TABLE "{name}"' for name in ("wide", "order line", "order-line", "order_lines", "models", "2024")])
    strangers.run(
        f"CREATE TABLE wide (id INTEGER NOT NULL PRIMARY KEY, {wide})",
        "INSERT INTO wide (id, c7, c199) VALUES (1, 'x', 'y')",
        *(
            f'CREATE TABLE "{name}" (id INTEGER NOT NULL PRIMARY KEY)'
            for name in ("order line", "order-line", "order_lines", "models", "2024")
        ),
        *(f'INSERT INTO "{name}" VALUES (1)' for name in ("order line", "order-line", "order_lines", "models", "2024")),
    )
    made = strangers.project("wide", "order line", "order-line", "order_lines", "models", "2024")
    classes = {"Wide": "wide", "OrderLine": "order line", "OrderLine_2": "order-line", "OrderLine_3": "order_lines",
               "Model": "models", "Collection2024": "2024"}  # fmt: skip
    strangers.held(made, classes)


# --- what one engine alone has --------------------------------------------------------------------------------------


@pytest.mark.engines("postgres")
def test_types_of_postgres_s_own(strangers: Strangers, cleaned: Callable[[Sequence[str]], None]) -> None:
    cleaned(['DROP SCHEMA "other schema" CASCADE', "DROP TABLE own_types", "DROP TYPE mood"])
    strangers.run(
        "CREATE TYPE mood AS ENUM ('sad', 'ok')",
        "CREATE TABLE own_types (id integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, address inet, span interval, "
        "feeling mood, bits bit(4), small smallint, wide numeric(60,30), tags text[], "
        "doubled integer GENERATED ALWAYS AS (small * 2) STORED, late time with time zone, money numeric, "
        "padded char(5), real_one real)",
        "INSERT INTO own_types (address, span, feeling, bits, small, wide, tags, late, money, padded, real_one) VALUES "
        "('10.0.0.1/8', '1 day 02:00', 'ok', '1010', 3, 123456789012345678901234567890.123456789012345678901234567891, "
        "'{a,b}', '12:00+02', 'NaN', 'ab', 0.1), (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
        'CREATE SCHEMA "other schema"',
        'CREATE TABLE "other schema"."own.types" (id uuid PRIMARY KEY, at timestamp, '
        "of integer REFERENCES own_types (id))",
        "INSERT INTO \"other schema\".\"own.types\" VALUES ('f81d4fae-7dec-11d0-a765-00a0c91e6bf6', '2024-02-29', 1)",
    )
    made = strangers.project("own_types", "other schema.own.types")
    assert strangers.told(made) == {"own_types.tags": "text[], as json"}
    strangers.held(made, {"OwnType": "own_types", "Type": "other schema.own.types"})
    label = strangers.app(made).label
    code = f"""
from decimal import Decimal
from fleet.{label}.models import OwnType, Type
print(OwnType.objects.filter(address="10.0.0.1/8", span="26:00:00", feeling="ok").count())
new = OwnType(address="::1", small=21, wide=Decimal("0.5"))
new.save()
print(new.pk, OwnType.objects.get(pk=new.pk).doubled, Type.objects.filter(of__feeling="ok").count())
"""
    assert made.run(code) == "1\n3 42 1\n"  # a day and two hours are 26 hours


@pytest.mark.engines("sqlite")
def test_a_file_that_django_itself_wrote(strangers: Strangers, cleaned: Callable[[Sequence[str]], None]) -> None:
    cleaned(["DROP TABLE shop_order", "DROP TABLE rails"])
    strangers.run(
        'CREATE TABLE "shop_order" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "total" decimal NOT NULL, '
        '"paid" bool NOT NULL, "at" datetime NOT NULL, "day" date NOT NULL, "slot" time NULL, "ref" char(32) NOT NULL, '
        '"data" text NOT NULL CHECK (JSON_VALID("data")), "price" decimal(10,2) NULL)',
        "INSERT INTO shop_order VALUES (1, 12.5, 1, '2024-02-29 13:05:00', '2024-02-29', '13:05:00', "
        "'f81d4fae7dec11d0a76500a0c91e6bf6', '{\"a\": 1}', 9.9), (2, 3, 0, '2024-02-29 13:05:00.250000', '2024-02-29', "
        "NULL, 'f81d4fae7dec11d0a76500a0c91e6bf7', '[]', NULL)",
        "CREATE TABLE rails (id integer NOT NULL PRIMARY KEY, created_at datetime(6) NOT NULL, flag boolean)",
        "INSERT INTO rails VALUES (1, '2024-02-29 13:05:00.000000', 't'), (2, '2024-02-29 13:05:00.250000', 'f')",
    )
    made = strangers.project("shop_order", "rails")
    assert strangers.told(made) == {"rails.flag": "its truth values are words"}
    strangers.held(made, {"ShopOrder": "shop_order", "Rail": "rails"})
    label = strangers.app(made).label
    code = f"""
from datetime import datetime
from decimal import Decimal
from fleet.{label}.models import Rail, ShopOrder
print(Rail.objects.get(created_at=datetime(2024, 2, 29, 13, 5)).pk)
print(ShopOrder.objects.filter(total__gt=Decimal(4)).get().pk)
new = ShopOrder(total=1, paid=True, at=datetime(2025, 1, 1), day=datetime(2025, 1, 1).date(), ref="x", data={{}})
new.save()
print(new.pk)
"""
    assert made.run(code) == "1\n1\n3\n"


@pytest.mark.engines("mysql", "mariadb")
def test_types_of_mysql_s_own(strangers: Strangers, cleaned: Callable[[Sequence[str]], None]) -> None:
    cleaned(["DROP TABLE `own ``types`"])
    strangers.run(
        "CREATE TABLE `own ``types` (`id` int unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, `big` bigint unsigned, "
        "`kind` enum('a','b'), `many` set('x','y'), `stamp` timestamp(3) NULL, `plain` datetime, `day` year, "
        "`bits` bit(4), `class` varchar(20), `with ``tick` int, `twice` int GENERATED ALWAYS AS (`with ``tick` * 2), "
        "`50%` int, `spot` point)",
        "INSERT INTO `own ``types` (big, kind, many, stamp, plain, day, bits, class, `with ``tick`, `50%`) VALUES "
        "(18446744073709551615, 'b', 'x,y', '2024-02-29 13:05:00.123', '2024-02-29 13:05:00', 2024, b'101', 'c', 4, 1),"
        "(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
    )
    made = strangers.project("own `types")
    told = strangers.told(made)
    assert set(told) == {"own `types.bits", "own `types.50%", "own `types.spot"}
    assert told["own `types.50%"] == "Django cannot name it: there is a percent sign in it"
    strangers.held(made, {"OwnType": "own `types"})
    label = strangers.app(made).label
    code = f"""
from decimal import Decimal
from fleet.{label}.models import OwnType
new = OwnType(big=Decimal(2**64 - 1), with_tick=8)
new.save()
print(new.pk, OwnType.objects.get(pk=new.pk).twice, OwnType.objects.filter(big=Decimal(2**64 - 1)).count())
"""
    assert made.run(code) == "3 16 2\n"


@pytest.mark.engines("mongodb")
def test_documents_of_others(strangers: Strangers, adapter: Adapter, target: Target) -> None:
    adapter.drop("people")
    strangers.run(
        'db.people.insertMany([{name: "Ann", age: 3, address: {street: "x", tags: [1, 2.5]}, class: "a", mixed: 1}, '
        '{name: "Bob", seen: new Date("2024-02-29T13:05:00Z"), "dotted": null, mixed: "text"}])'
    )
    made = strangers.project("people")
    text = strangers.app(made).files[op.MODELS]
    assert 'id = ObjectIdAutoField(db_column="_id", primary_key=True)' in text
    assert set(strangers.told(made)) <= {"people.mixed"}
    label = strangers.app(made).label
    code = f"""
from fleet.{label}.models import People
ann = People.objects.get(name="Ann")
print(ann.age, ann.address["tags"], ann.seen, People.objects.get(name="Bob").seen.isoformat())
print(People.objects.filter(address__street="x").count(), People.objects.filter(age=None).count())
new = People(name="Cid")
new.save()
print(People.objects.get(pk=new.pk).name, People.objects.count())
"""
    out = made.run(code)
    assert out == "3 [1, 2.5] None 2024-02-29T13:05:00+00:00\n1 1\nCid 3\n", out
    with adapter.query("db.people.findOne({name: 'Cid'})") as result:
        (row,) = [row for batch in result for row in batch]
    assert set(row[0]) == {"_id", "name"}
    adapter.drop("people")


@pytest.mark.engines("mongodb")
def test_compound_keys_are_sub_documents_in_key_order(strangers: Strangers, adapter: Adapter) -> None:
    from dbfleet.values import Column, Schema, Type

    schema = Schema(
        "parts", (Column("n", Type.INT), Column("b", Type.TEXT, False), Column("a", Type.UUID, False)), ("a", "b")
    )
    adapter.drop("parts")
    adapter.create(schema)
    made = strangers.project("parts")
    label = strangers.app(made).label
    code = f"""
from uuid import UUID
from fleet.{label}.models import Part
Part(a=UUID(int=1), b="x", n=5).save()
Part.objects.create(a=UUID(int=1), b="y")
Part.objects.bulk_create([Part(a=UUID(int=2), b="x", n=7)])
Part.objects.filter(a=UUID(int=1)).update(n=6)
print(Part.objects.get(pk=(UUID(int=1), "y")).n, Part.objects.filter(b="x").count())
print(Part.objects.order_by("-pk").first().n)
Part.objects.get(pk=(UUID(int=2), "x")).delete()
"""
    assert made.run(code) == "6 2\n7\n"
    rows = sorted(row for batch in adapter.scan(adapter.describe("parts")) for row in batch)
    assert [(row[0], row[1]) for row in rows] == [(6, "x"), (6, "y")]
    assert len(list(adapter.get(schema, [(rows[0][2], "x")]))) == 1
    adapter.drop("parts")
