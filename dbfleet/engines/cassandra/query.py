"""Statements of the user's own: params are bound, rows come page by page, and the next statement is run when the rows
of the one before it have been read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dbfleet.adapter import Result, ResultColumn
from dbfleet.engines.cassandra.session import Session
from dbfleet.engines.cassandra.text import statements
from dbfleet.engines.cassandra.values import FOREIGN, plain_value
from dbfleet.errors import UsageError
from dbfleet.values import Batch, Type


def run(session: Session, text: str, params: Mapping[str, object], batch_size: int) -> Result:
    """The statements of a text, one after another. UsageError for an empty text, and for params with several."""
    texts = statements(text)
    if not texts:
        raise UsageError("the statement is empty", target=session.target.name)
    if params and len(texts) > 1:
        raise UsageError("params go with one statement, not with several", target=session.target.name)
    return _result(session, texts, params, batch_size)


def _result(session: Session, texts: Sequence[str], params: Mapping[str, object], batch_size: int) -> Result:
    """The first statement's result, and behind it the others'."""
    from cassandra.query import SimpleStatement

    bound: Any = _bind(session, texts[0], params) if params else SimpleStatement(texts[0])
    if session.consistency is not None:
        bound.consistency_level = session.consistency
    result = session.first_page(bound)
    names = result.column_names or []
    types = result.column_types or []
    columns = [
        ResultColumn(name, _result_type(type_), type_.cql_parameterized_type())
        for name, type_ in zip(names, types, strict=True)
    ]

    def batches() -> Iterator[Batch]:
        for rows in session.pages_of(result, batch_size):
            yield [tuple(map(plain_value, row)) for row in rows]

    return Result(
        columns,
        batches() if columns else (),
        messages=list(result.response_future.warnings or ()),
        following=lambda: _result(session, texts[1:], params, batch_size) if len(texts) > 1 else None,
    )


def _bind(session: Session, text: str, params: Mapping[str, object]) -> Any:
    """The prepared statement with its params. UsageError for one too many or one too few."""
    prepared = session.prepare(text)
    target = session.target.name
    known = {column.name: column.type.typename for column in prepared.column_metadata}
    for name in sorted(set(params) - set(known)):
        raise UsageError(f"no :{name} in the statement", target=target)
    for name in sorted(set(known) - set(params)):
        hint = f"give one with --param {name}=…"
        raise UsageError(f"the statement has :{name} and no value for it", target=target, hint=hint)
    text_types = ("text", "varchar", "ascii")
    values = {
        name: str(value) if known[name] in text_types and not isinstance(value, str) and value is not None else value
        for name, value in params.items()
    }
    with session.translated():
        return prepared.bind(values)


def _result_type(type_: Any) -> Type | None:
    """The type of a result's column; None where its values are of several types (a date that Python cannot hold)."""
    carried = FOREIGN.get(type_.typename, Type.JSON)
    return None if carried in (Type.DATE, Type.TIME) or type_.typename in ("inet", "duration") else carried
