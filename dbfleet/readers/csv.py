"""CSV by RFC 4180, or in a dialect of its own (dbfleet/dialect.py): a header, then one record per line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from dbfleet.dialect import AS_USUAL, Dialect
from dbfleet.readers import Inferred, Reader, Rules, Skip, _cells, no_rules
from dbfleet.values import Batch, Schema


def rows(
    stream: BinaryIO, name: str, schema: Schema, exact: bool, dialect: Dialect = AS_USUAL, rules: Rules = no_rules,
    skip: Skip | None = None,
) -> Iterator[Batch]:  # fmt: skip
    """The rows of a file whose header names columns of the schema, in any order; a column that is absent is NULL."""
    return _cells.rows(stream, name, schema, dialect.settled("csv"), rules, skip)


def infer(
    stream: BinaryIO, name: str, dialect: Dialect = AS_USUAL, rules: Rules = no_rules, skip: Skip | None = None
) -> Inferred:
    """The columns of the header, with types that fit every cell."""
    return _cells.infer(stream, name, dialect.settled("csv"), rules, skip)


READER = Reader("csv", (".csv",), rows, infer)
