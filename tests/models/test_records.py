"""Records: what they read is what the adapter reads, each lookup is what it is in Python, and what cannot be asked is
refused by its name."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest

from dbfleet.adapter import Adapter
from dbfleet.conformance.examples import wide_rows, wide_schema
from dbfleet.conformance.plugin import Make
from dbfleet.fleet import Fleet
from dbfleet.ops import models as op
from dbfleet.spec import EngineSpec
from dbfleet.target import Target
from dbfleet.values import Column, Reference, Schema, Type, digest_rows
from tests.models.projects import Project, project
from tests.models.written import formatted

pytestmark = pytest.mark.engines("redis", "couchdb", "cassandra", "neo4j")

PEOPLE = Schema(
    "dj_people",
    (
        Column("id", Type.INT, False),
        Column("name", Type.TEXT),
        Column("score", Type.DECIMAL, precision=10, scale=2),
        Column("class", Type.TEXT),
        Column("at", Type.INSTANT, fraction_digits=3),
        Column("boss_id", Type.INT),
        Column("data", Type.JSON),
    ),
    ("id",),
    (Reference(("boss_id",), "dj_people", ("id",)),),
)
PAIRS = Schema(
    "dj_pairs", (Column("a", Type.INT, False), Column("b", Type.TEXT, False), Column("n", Type.INT)), ("a", "b")
)


@pytest.fixture
def people(adapter: Adapter, target: Target, fleet: Fleet, made: Make, tmp_path: Path) -> Project:
    from datetime import UTC, datetime
    from decimal import Decimal

    names = ["Ann", "ann", "Bob", None, "Éva", "x%y_z", "", "Ann Lee"]
    made(PEOPLE)
    made(PAIRS)
    rows = [
        (
            number,
            names[number % len(names)] or ("-" if number % len(names) == 6 else None),
            None if number % 5 == 0 else Decimal(number) / 4,
            "c",
            datetime(2024, 1, 1 + number % 28, 12, tzinfo=UTC),
            number // 2 or None,
            {"n": number, "d": Decimal("1.5")} if number % 3 else None,
        )
        for number in range(1, 41)
    ]
    adapter.write(PEOPLE, [rows])
    adapter.write(PAIRS, [[(number // 3, "xyz"[number % 3], number) for number in range(12)]])
    found = project(fleet, [(target, ["dj_people", "dj_pairs"])], tmp_path)
    (app,) = found.apps.values()
    formatted(app.files[op.MODELS])
    return found


def run(people: Project, code: str) -> str:
    (label,) = (app.label for app in people.apps.values())
    head = f"from fleet.{label}.models import DjPair as Pair, DjPeople as Person\nfrom dbfleet.django import records\n"
    return people.run(f"{head}{code}\nrecords.close_all()\n")


def test_values_of_every_type_are_read_equal(
    adapter: Adapter, target: Target, spec: EngineSpec, fleet: Fleet, made: Make, tmp_path: Path
) -> None:
    schema = made(wide_schema("dj_wide", spec))
    adapter.write(schema, [wide_rows(spec, 40)])
    there = project(fleet, [(target, ["dj_wide"])], tmp_path)
    (app,) = there.apps.values()
    described = adapter.describe("dj_wide")
    code = f"""
import pickle
from dbfleet.django import records
from fleet.{app.label}.models import DjWide
rows = [tuple(getattr(row, name) for name in {described.names!r}) for row in DjWide.objects.all()]
pickle.dump(rows, open("found", "wb"))
records.close_all()
"""
    there.run(code)
    found = pickle.loads((tmp_path / "found").read_bytes())
    assert len(found) == 40
    assert digest_rows(described.columns, [found]) == digest_rows(described.columns, adapter.scan(described))


LOOKUPS = """
import re
from datetime import UTC, datetime
from decimal import Decimal
from django.db.models import Q

rows = {person.pk: person for person in Person.objects.all()}
assert len(rows) == 40
noon = datetime(2024, 1, 9, 12, tzinfo=UTC)
asked = {
    Q(name="Ann"): lambda p: p.name == "Ann",
    Q(name=None): lambda p: p.name is None,
    Q(name__isnull=False): lambda p: p.name is not None,
    Q(name__in=["Ann", "Bob", None]): lambda p: p.name in ("Ann", "Bob"),
    Q(name__in=[]): lambda p: False,
    Q(name__iexact="ANN"): lambda p: (p.name or "").lower() == "ann",
    Q(name__contains="n"): lambda p: "n" in (p.name or ""),
    Q(name__icontains="N"): lambda p: "n" in (p.name or "").lower(),
    Q(name__startswith="x%"): lambda p: (p.name or "").startswith("x%"),
    Q(name__endswith="Lee"): lambda p: (p.name or "").endswith("Lee"),
    Q(name__regex="^A.n"): lambda p: re.search("^A.n", p.name or "") is not None,
    Q(name__gt="B"): lambda p: p.name is not None and p.name > "B",
    Q(score__gt=5): lambda p: p.score is not None and p.score > 5,
    Q(score__lte="2.5"): lambda p: p.score is not None and p.score <= Decimal("2.5"),
    Q(score=Decimal("2.750")): lambda p: p.score == Decimal("2.75"),
    Q(score__range=(1, 3)): lambda p: p.score is not None and 1 <= p.score <= 3,
    Q(at__lt=noon): lambda p: p.at < noon,
    Q(pk=7): lambda p: p.pk == 7,
    Q(pk__in=[1, 2, 99, 2]): lambda p: p.pk in (1, 2),
    Q(id__gte=39): lambda p: p.id >= 39,
    Q(pk=7, name="nobody"): lambda p: False,
    Q(data={"n": 4, "d": Decimal("1.50")}): lambda p: p.id == 4,
    Q(boss=rows[3]): lambda p: p.boss_id == 3,
    Q(name="Ann") | Q(score__lt=1): lambda p: p.name == "Ann" or (p.score is not None and p.score < 1),
    Q(name="Ann") & ~Q(score__lt=4): lambda p: p.name == "Ann" and not (p.score is not None and p.score < 4),
    Q(name="Ann") ^ Q(score__lt=4): lambda p: (p.name == "Ann") != (p.score is not None and p.score < 4),
}
empty = (Q(name__in=[]), Q(pk=7, name="nobody"))
for q, true in asked.items():
    wanted = sorted(pk for pk, person in rows.items() if true(person))
    others = sorted(set(rows) - set(wanted))
    assert bool(wanted) is (q not in empty), q
    assert sorted(person.pk for person in Person.objects.filter(q)) == wanted, q
    assert sorted(person.pk for person in Person.objects.exclude(q)) == others, q
    assert Person.objects.filter(q).count() == len(wanted), q
    assert Person.objects.filter(q).exists() is bool(wanted), q
several = Pair.objects.filter(pk__in=[(1, "x"), (2, "q"), (3, "z")])
print(Pair.objects.get(pk=(1, "x")).n, sorted(pair.pk for pair in several))
print([pair.n for pair in Pair.objects.filter(a=2).order_by("-b")[:9]], sorted(Pair.objects.in_bulk([(0, "y")])))
print([p.pk for p in Person.objects.order_by("name", "-id")[:3]])
print([p.pk for p in Person.objects.order_by("-score", "pk")[:9]])
print(Person.objects.get(pk=9).boss.boss.pk, Person.objects.get(pk=1).boss, Person.objects.order_by("pk")[3].pk)
print(list(Person.objects.filter(pk=2).values("id", "class_field")))
print(list(Person.objects.order_by("id").values_list("pk", flat=True)[2:4]))
print(Person.objects.get(pk=3) == rows[3], len({rows[3], Person.objects.get(pk=3)}))
print(Person.objects.first().pk, Person.objects.last().pk)
"""


def test_each_lookup_is_what_it_is_in_python(people: Project) -> None:
    assert run(people, LOOKUPS).splitlines() == [
        "3 [(1, 'x'), (3, 'z')]",
        "[8, 7, 6] [(0, 'y')]",
        "[38, 30, 22]",
        "[5, 10, 15, 20, 25, 30, 35, 40, 39]",
        "2 None 4",
        "[{'id': 2, 'class_field': 'c'}]",
        "[3, 4]",
        "True 1",
        "1 40",
    ]


REFUSED = {
    "Person.objects.create(id=1)": "NotSupportedError create",
    "Person.objects.update(name='x')": "NotSupportedError update",
    "Person.objects.filter(pk=1).delete()": "NotSupportedError delete",
    "Person.objects.bulk_create([])": "NotSupportedError bulk_create",
    "Person.objects.get(pk=1).save()": "NotSupportedError save",
    "Person.objects.get(pk=1).delete()": "NotSupportedError delete",
    "Person.objects.annotate(n=Count('pk'))": "NotSupportedError annotate",
    "Person.objects.select_related('boss')": "NotSupportedError select_related",
    "Person.objects.distinct()": "NotSupportedError distinct",
    "list(Person.objects.order_by('name'))": "NotSupportedError order_by",
    "list(Person.objects.order_by('name')[:100000])": "NotSupportedError order_by",
    "list(Person.objects.order_by('data')[:3])": "FieldError data",
    "Person.objects.filter(boss__name='x')": "FieldError boss__name",
    "Person.objects.filter(boss=3)": "FieldError boss",
    "Person.objects.filter(at__year=2024)": "FieldError year",
    "Person.objects.filter(data__n=1)": "FieldError n",
    "Person.objects.filter(nope=1)": "FieldError nope",
    "Person.objects.filter(id='1')": "ValueError id",
    "Person.objects.filter(id=True)": "ValueError id",
    "Person.objects.filter(at__lt=datetime(2024, 1, 1))": "ValueError at",
    "Person.objects.filter(name=b'x')": "ValueError name",
    "Pair.objects.get(pk=1)": "ValueError a, b",
    "Pair.objects.filter(pk__gt=(1, 'x'))": "FieldError pk",
    "Person.objects.aggregate(Sum('name'))": "NotSupportedError name",
    "Person.objects.aggregate(s=Sum(F('id') + 1))": "NotSupportedError Sum",
    "Person.objects.aggregate(Count('id', distinct=True))": "NotSupportedError Count",
    "Person.objects.all()[:5].filter(id=1)": "TypeError slice",
    "Person.objects.all()[-1]": "ValueError negative",
    "Person.objects.get(pk=99)": "DoesNotExist DjPeople",
    "Person.objects.get(name='Ann')": "MultipleObjectsReturned DjPeople",
    "len(Person.objects.all())": "TypeError len",
    "Person.objects.using('nowhere').count()": "ImproperlyConfigured nowhere",
}


def test_what_cannot_be_asked_is_refused_by_name(people: Project) -> None:
    code = f"""
import json
from datetime import datetime
from django.db.models import Count, F, Sum
found = {{}}
for asked in json.loads({json.dumps(list(REFUSED))!r}):
    try:
        found[asked] = repr(eval(asked))
    except Exception as error:
        found[asked] = f"{{type(error).__name__}} {{error}}"
print(json.dumps(found))
"""
    found: dict[str, str] = json.loads(run(people, code))
    for asked, wanted in REFUSED.items():
        kind, word = wanted.split(" ", 1)
        assert found[asked].startswith(f"{kind} "), (asked, found[asked])
        assert word in found[asked], (asked, found[asked])


def test_explain_says_what_the_engine_is_asked(people: Project) -> None:
    code = """
print(Person.objects.filter(pk__in=[1, 2]).explain())
print(Person.objects.filter(name__contains="x").explain())
print(Pair.objects.filter(a=1, b__in=["x", "y", "z"], n__gt=0).explain())
"""
    assert run(people, code).splitlines() == [
        "2 keys of dj_people, each tested here",
        "a scan of dj_people, each row tested here",
        "3 keys of dj_pairs, each tested here",
    ]


def test_a_slice_ends_the_scan_and_the_connection_is_used_again(people: Project) -> None:
    """A connection that a half-read query gave back serves the next; queries inside of each other have one each."""
    code = """
from dbfleet.django.records import _pool
for _ in range(5):
    assert len(list(Person.objects.all()[:3])) == 3
    next(iter(Person.objects.all()))
(free,) = _pool._free.values()
assert len(free) == 1, free
inside = sum(1 for one in Person.objects.all()[:3] for other in Person.objects.iterator(chunk_size=7))
print(inside, len(free))
"""
    assert run(people, code) == "120 2\n"


def test_a_column_that_is_gone_is_named(people: Project, adapter: Adapter) -> None:
    adapter.drop("dj_pairs")
    adapter.create(Schema("dj_pairs", (Column("a", Type.INT, False), Column("b", Type.TEXT, False)), ("a", "b")))
    code = """
try:
    list(Pair.objects.all())
except Exception as error:
    print(type(error).__name__, error)
"""
    assert run(people, code).startswith(
        "FieldError dj_pairs has no column 'n' any more, as DjPair.n is: write the class anew"
    )
