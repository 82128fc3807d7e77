"""JSON's types, as CouchDB keeps them, a field of one document each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from dbfleet.adapter import Adapter
from tests.zoo.zoos import Kind, Value, Zoo, kinds, run

_LISTED = {
    "true or false": ("true", "false"),
    "whole number": ("1", "9007199254740993", "-9223372036854775808"),
    "number": ("2.5", "0.1", "1e+300"),
    "string": ('""', '" "', '"é😀"'),
    "object": ('{"b": 1, "a": {"c": [1, 2.5, "x", null, true]}}', "{}"),
    "array": ('[1, "two", [3.5]]', "[]"),
}
_BEYOND: Mapping[str, Sequence[str]] = {}


def _make(adapter: Adapter, name: str, made: Mapping[str, Kind]) -> None:
    """A database has no columns: it is there with its first document."""


def _fill(adapter: Adapter, name: str, values: Sequence[Value]) -> None:
    if not values:  # a database that is there and empty has none of the columns
        return
    documents = ", ".join(f'{{"_id": "{value.id}", "{value.column}": {value.words}}}' for value in values)
    run(adapter, f"PUT /{name}")
    run(adapter, f'POST /{name}/_bulk_docs {{"docs": [{documents}]}}')


def _said(adapter: Adapter, name: str, columns: Sequence[str]) -> dict[int, str]:
    found = {}
    for (document,) in run(adapter, f"GET /{name}/_all_docs?include_docs=true"):
        if not document["_id"].startswith("_"):
            value = next((document[column] for column in columns if document.get(column) is not None), None)
            found[int(document["_id"])] = json.dumps(value, default=str, sort_keys=True)
    return found


ZOO = Zoo("couchdb", kinds(_LISTED, _BEYOND), _make, _fill, _said, typeless=True)
