"""JSON: one array of objects, or objects one after another, over as many lines as they like; read as a stream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from dbfleet.dialect import AS_USUAL, Dialect
from dbfleet.readers import Inferred, Reader, Rules, Skip, _array, _objects, no_rules
from dbfleet.values import Batch, Schema


def rows(
    stream: BinaryIO, name: str, schema: Schema, exact: bool, dialect: Dialect = AS_USUAL, rules: Rules = no_rules,
    skip: Skip | None = None,
) -> Iterator[Batch]:  # fmt: skip
    """The rows of objects whose fields are the schema's columns, in any order; absent fields are NULL."""
    found = _array.found(stream, name, dialect, schema, ours=exact)
    return _objects.rows(found, name, schema, exact=exact, rules=rules, skip=skip)


def infer(
    stream: BinaryIO, name: str, dialect: Dialect = AS_USUAL, rules: Rules = no_rules, skip: Skip | None = None
) -> Inferred:
    """The fields as columns, in the order in which they first appear, with types that fit every value."""
    return _objects.infer(_array.found(stream, name, dialect, None), name, rules, skip=skip)


READER = Reader("json", (".json",), rows, infer)
