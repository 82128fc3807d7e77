"""Statements of the user's own: params are bound, rows come in batches, and the next statement is run when the rows of
the one before it have been read."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from dbfleet.adapter import Result, ResultColumn
from dbfleet.engines.neo4j import reader
from dbfleet.engines.neo4j.session import Session
from dbfleet.engines.neo4j.text import parameters, statements
from dbfleet.engines.neo4j.values import STORE, plain_row
from dbfleet.errors import UsageError
from dbfleet.values import Batch, Type, type_of

_PLAN: Final = [
    ResultColumn("step", Type.TEXT),
    ResultColumn("details", Type.TEXT),
    ResultColumn("estimated_rows", Type.FLOAT),
]


def run(session: Session, text: str, params: Mapping[str, object], batch_size: int) -> Result:
    """The statements of a text, one after another. UsageError for an empty text, and for a param too many or too
    few."""
    target = session.target.name
    texts = statements(text)
    if not texts:
        raise UsageError("the statement is empty", target=target)
    known = {name for statement in texts for name in parameters(statement)}
    for name in sorted(set(params) - known):
        raise UsageError(f"no ${name} in the statement", target=target)
    for name in sorted(known - set(params)):
        hint = f"give one with --param {name}=…"
        raise UsageError(f"the statement has ${name} and no value for it", target=target, hint=hint)
    return _result(session, texts, params, batch_size)


def _result(session: Session, texts: Sequence[str], params: Mapping[str, object], batch_size: int) -> Result:
    """The first statement's result, and behind it the others'."""
    messages: list[str] = []
    if session.target.read_only:
        reader.check(session, texts[0], _bound(params))
    opened = session.open(1)
    try:
        with session.translated():
            answer = opened.run(session.marked(texts[0]), _bound(params))
            columns = [ResultColumn(name) for name in answer.keys()]  # noqa: SIM118, no dict
            # One page ahead, so that an error in the first row comes from `query` itself.
            pages = session.batches(answer, batch_size)
            first = next(pages, None) if columns else None
            if first is None:
                summary = answer.consume()
                messages += _counted(summary)
                opened.close()
                if summary.plan and not summary.profile:  # EXPLAIN: nothing has run
                    columns, first, pages = _PLAN, list(_steps(summary.plan)), iter(())
    except BaseException:
        opened.close()
        raise

    def batches() -> Iterator[Batch]:
        if first is None:
            return
        try:
            for page in itertools.chain((first,), pages):
                yield [plain_row(values) for values in page]
            with session.translated():
                messages.extend(_counted(answer.consume()) if columns is not _PLAN else ())
        finally:
            opened.close()

    return Result(
        columns,
        batches() if columns else (),
        messages=messages,
        close=opened.close,
        following=lambda: _result(session, texts[1:], params, batch_size) if len(texts) > 1 else None,
    )


def _bound(params: Mapping[str, object]) -> dict[str, Any]:
    """The params as Neo4j keeps such values; a list or a map stays one."""
    bound = {}
    for name, value in params.items():
        type_ = type_of(value)
        keep = type_ is None or type_ is Type.JSON or type_ not in STORE
        bound[name] = value if keep else STORE[type_](value)  # type: ignore[index]
    return bound


def _steps(step: Mapping[str, Any], depth: int = 0) -> Iterator[list[Any]]:
    """A plan's steps as rows, the last one to be done first, each below the one that takes its rows."""
    arguments = step.get("args", {})
    name = str(step.get("operatorType", "")).partition("@")[0]
    yield [f"{'  ' * depth}{name}", arguments.get("Details", ""), arguments.get("EstimatedRows")]
    for child in step.get("children", ()):
        yield from _steps(child, depth + 1)


def _counted(summary: Any) -> list[str]:
    """What the statement has changed, in words; nothing where it has changed nothing."""
    counters = summary.counters
    counts = {
        "nodes created": counters.nodes_created,
        "nodes deleted": counters.nodes_deleted,
        "relationships created": counters.relationships_created,
        "relationships deleted": counters.relationships_deleted,
        "properties set": counters.properties_set,
        "labels added": counters.labels_added,
        "labels removed": counters.labels_removed,
        "indexes added": counters.indexes_added,
        "indexes removed": counters.indexes_removed,
        "constraints added": counters.constraints_added,
        "constraints removed": counters.constraints_removed,
    }
    parts = [f"{count} {word}" for word, count in counts.items() if count]
    return [", ".join(parts)] if parts else []
