"""A collection by the name that a person typed: one that is not there comes with the nearest that is."""

from __future__ import annotations

from dbfleet.adapter import Adapter
from dbfleet.errors import NotFound, StatementError, nearest
from dbfleet.target import Target
from dbfleet.values import Schema


def schema_of(adapter: Adapter, target: Target, collection: str) -> Schema:
    """The collection's schema. NotFound, with what to do next as its hint."""
    try:
        return described(adapter, collection)
    except NotFound as error:
        if error.hint is None:
            close = nearest(collection, adapter.collections())
            where = target.name if "//" not in target.name else "TARGET"
            error.hint = f"did you mean {close}?" if close else f"dbfleet ls {where} lists what there is"
        raise


def described(adapter: Adapter, collection: str) -> Schema:
    """The collection's schema. An error names the collection: a broken view is one of many."""
    try:
        return adapter.describe(collection)
    except StatementError as error:
        if collection not in error.message:
            error.message = f"{collection}: {error.message}"
        raise
