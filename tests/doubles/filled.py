"""What the tests of a wire double put into it, and what they find there."""

from __future__ import annotations

from dbfleet import datasets, registry
from dbfleet.adapter import Adapter
from dbfleet.conformance.examples import wide_rows, wide_schema
from dbfleet.fleet import Fleet
from dbfleet.values import Schema, digest_rows


def opened(url: str) -> Adapter:
    """A connection to the double at this URL."""
    return registry.connect(Fleet.open("double", environ={"DBFLEET_CONFIG": ""}).target(url))


def fill(adapter: Adapter) -> None:
    """The shop, with keys and references, and a collection of every type."""
    shop = datasets.load("shop")
    for schema in shop.schemas():
        adapter.create(schema)
        adapter.write(schema, shop.batches(schema.name, seed=0, rows=50))
    wide = wide_schema("wide", adapter.spec)
    adapter.create(wide)
    adapter.write(wide, [wide_rows(adapter.spec, 60)])


def contents(adapter: Adapter) -> dict[str, tuple[Schema, str]]:
    """Each collection with its schema and its digest."""
    schemas = [adapter.describe(name) for name in adapter.collections()]
    return {each.name: (each, str(digest_rows(each.columns, adapter.scan(each)))) for each in schemas}
