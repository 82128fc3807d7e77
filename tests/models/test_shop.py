"""The shop in every engine of the run, through Django: the models are those of the golden files, and every engine gives
the same orders, the same sums and the same joins."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from dbfleet import registry
from dbfleet.fleet import Fleet
from dbfleet.ops import models as op
from dbfleet.ops.seed import seed
from dbfleet.target import Target
from dbfleet.values import decimal_text
from tests.models.projects import Project, drop_shop, project
from tests.models.written import same_as_golden

SHOP = ("customers", "follows", "order_items", "orders", "products", "reviews")
ROWS = 200

ASKED = """
import importlib, json
from decimal import Decimal
from django.db.models import Count, Max, Min, Q, Sum
from dbfleet.values import decimal_text

def answers(label, joins):
    m = importlib.import_module(f"fleet.{label}.models")
    orders, items = m.Order.objects, m.OrderItem.objects
    assert orders.db == label
    yield "count", orders.count(), items.count(), m.Customer.objects.count(), m.Review.objects.count()
    yield "sums", orders.aggregate(Sum("total"), Max("total"), Min("total"), Count("pk"))
    yield "filtered", orders.filter(total__gt=100).count(), orders.filter(status="paid", gift=False).count()
    yield "null", orders.filter(paid_at=None).count(), orders.exclude(paid_at=None).count()
    yield "either", orders.filter(Q(status="paid") | Q(total__lt=20)).count()
    yield "in", [order.pk for order in orders.filter(pk__in=[3, 1, 2]).order_by("pk")]
    yield "sorted", list(orders.order_by("-total").values_list("pk", "total")[:5])
    yield "page", list(orders.order_by("pk").values_list("pk", flat=True)[5:8])
    seventh = items.filter(order=orders.get(pk=7)).order_by("pk")
    yield "compound", [(item.pk, item.quantity, item.unit_price) for item in seventh[:50]]
    yield "compound key", items.get(pk=(7, 1)).quantity, items.filter(pk__in=[(7, 1), (8, 1), (8, 99)]).count()
    yield "reference", items.get(pk=(7, 1)).order.customer.name, m.Order.objects.get(pk=7).customer.locale
    yield "uuid", m.Review.objects.get(pk=min(str(review.pk) for review in m.Review.objects.all())).rating
    delivered = orders.filter(delivered_on__isnull=False).order_by("delivered_on")
    yield "date", orders.filter(delivered_on__gt=delivered.first().delivered_on).count()
    yield "first", orders.first().pk, orders.last().pk, items.first().pk, items.last().pk
    yield "exists", orders.filter(pk=1).exists(), orders.filter(pk=-1).exists()
    if joins:
        yield "joined", orders.filter(customer__newsletter=True).count(), items.filter(order__status="paid").count()
        yield "back", m.Customer.objects.get(pk=1).orders.count(), m.Product.objects.get(pk=1).order_items.count()
        yield "grouped", sorted(orders.values_list("status").annotate(n=Count("pk"), t=Sum("total")))
        yield "by part of key", sorted(items.values_list("order").annotate(n=Count("line")))[:5]
        yield "select_related", [o.customer.name for o in orders.select_related("customer").order_by("pk")[:3]]
        yield "self", m.Customer.objects.filter(follows_by_follower__followed=1).count()

def text(value):
    if isinstance(value, dict):
        return {key: text(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [text(each) for each in value]
    return decimal_text(value) if isinstance(value, Decimal) else str(value)

for label, joins in json.loads(LABELS):
    print(json.dumps([label, {name: text(found) for name, *found in answers(label, joins)}]))
"""


@pytest.fixture(scope="module")
def shops(ends: Mapping[str, Target], fleet: Fleet) -> Iterator[Mapping[str, Target]]:
    """The engines of the run, each with a small shop; not the doubles that no ORM can ask."""
    found = {engine: target for engine, target in ends.items() if engine not in ("oracle", "sqlserver")}
    list(seed(list(found.values()), rows=ROWS, reset=True, connect=fleet.connect, agree=lambda told: None))
    yield found
    drop_shop(fleet, found.values())


@pytest.fixture(scope="module")
def shop(shops: Mapping[str, Target], fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with an app of each engine's shop."""
    return project(fleet, [(target, SHOP) for target in shops.values()], tmp_path_factory.mktemp("project"))


def test_the_models_of_each_engine_are_as_they_were(shops: Mapping[str, Target], fleet: Fleet) -> None:
    for engine, target in shops.items():
        (app,) = op.models(fleet, [(target, name) for name in SHOP])
        assert app.told == ()
        for name in (op.MODELS, "apps.py"):
            same_as_golden(f"{engine}/{name}", app.files[name])


def test_every_engine_gives_the_same_answers(shop: Project, shops: Mapping[str, Target]) -> None:
    labels = [(engine, registry.spec(engine).django is not None) for engine in shops]
    lines = shop.run(f"LABELS = {json.dumps(labels)!r}\n{ASKED}").splitlines()
    found: dict[str, dict[str, Any]] = dict(json.loads(line) for line in lines)
    assert set(found) == set(shops)
    first = next(engine for engine, joins in labels if joins)
    for engine, answers in found.items():
        for name, answer in answers.items():
            assert answer == found[first][name], (engine, name)


def test_what_was_asked_is_the_shop_s(shop: Project, shops: Mapping[str, Target], fleet: Fleet) -> None:
    """The answers are those of SQL, too: asked of SQLite without Django."""
    with fleet.connect(shops["sqlite"]) as adapter:
        total = sum(row[0] for batch in _rows(adapter, "orders", "total") for row in batch)
    code = "from django.db.models import Sum\nfrom fleet.sqlite.models import Order\n"
    assert shop.run(f"{code}print(Order.objects.aggregate(s=Sum('total'))['s'])").strip() == decimal_text(total)


def _rows(adapter: Any, collection: str, column: str) -> Sequence[Any]:
    schema = adapter.describe(collection)
    place = schema.names.index(column)
    return [[(row[place],) for row in batch] for batch in adapter.scan(schema)]
