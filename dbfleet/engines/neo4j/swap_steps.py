"""A swap of more rows than one transaction holds, in steps that are carried to their end whatever happens.

Before anything changes, the node `:_dbfleet_swap` says what was begun. While that node is there, whoever asks for
leftovers ends the swap first. Each step can be done again, also by two clients at once: the rows that go have the final
label and not the staged one, and the rows that come have the staged label until the end. A relationship has one type
and no such mark, so relationships are moved one batch at a time, under the lock of that node. Until the end a reader
sees some of the rows.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any, Final

from dbfleet.adapter import Swap
from dbfleet.engines.neo4j import text as cypher
from dbfleet.engines.neo4j.session import Session
from dbfleet.engines.neo4j.text import quoted
from dbfleet.errors import StatementError
from dbfleet.values import Schema

JOURNAL: Final = "_dbfleet_swap"
"""The label of the node that says what was begun."""
_BATCH: Final = 10_000


def is_too_much(error: StatementError) -> bool:
    """Whether the server has refused for the memory that one transaction, or all of them, may take."""
    return "OutOfMemory" in (error.code or "")


def begin(session: Session, swaps: Sequence[Swap], gone: dict[str, str]) -> None:
    """Write down what is begun. `gone` has, for each name of nodes that go, the label that they get."""
    plan = {"gone": gone, "swaps": [{"staged": swap.staged.to_dict(), "name": swap.name} for swap in swaps]}
    session.run(f"CREATE (:{JOURNAL} {{plan: $plan, cleared: $none, turn: 0}})", {"plan": json.dumps(plan), "none": []})


def begun(session: Session) -> tuple[list[Swap], dict[str, str]] | None:
    """What was begun and has not ended, as `begin` wrote it down."""
    rows = session.rows(f"MATCH (j:{JOURNAL}) RETURN j.plan LIMIT 1")
    if not rows:
        return None
    plan = json.loads(rows[0][0])
    swaps = [Swap(Schema.from_dict(entry["staged"]), entry["name"]) for entry in plan["swaps"]]
    return swaps, plan["gone"]


def ended(session: Session) -> None:
    """Remove what `begin` wrote down: nothing is left to do."""
    session.run(f"MATCH (j:{JOURNAL}) DELETE j")


def move(session: Session, swaps: Sequence[Swap], gone: dict[str, str], repointed: Sequence[str]) -> None:
    """Move labels and relationships; `repointed` are the statements for relationships of collections outside. All of it
    can be done again."""
    for swap in swaps:
        label, staged = quoted(swap.name), quoted(swap.staged.name)
        if swap.name in gone:
            change = f"REMOVE x:{label} SET x:{quoted(gone[swap.name])}"
            _all(session, f"MATCH (x:{label}) WHERE NOT x:{staged}", change)
        else:
            clear = f"WITH j WHERE NOT $name IN j.cleared MATCH ()-[x:{label}]->() WITH x LIMIT {_BATCH} DELETE x"
            _locked(session, clear, {"name": swap.name})
            session.run(
                f"MATCH (j:{JOURNAL}) SET j.turn = j.turn + 1 WITH j WHERE NOT $name IN j.cleared "
                "SET j.cleared = j.cleared + $name",
                {"name": swap.name},
            )
    for swap in swaps:
        label, staged = quoted(swap.name), quoted(swap.staged.name)
        if cypher.is_edge(swap.staged):
            made = f"CREATE (a)-[y:{label}]->(b) SET y = properties(x) DELETE x"
            _locked(session, f"WITH j MATCH (a)-[x:{staged}]->(b) WITH a, x, b LIMIT {_BATCH} {made}", {})
        else:
            _all(session, f"MATCH (x:{staged}) WHERE NOT x:{label}", f"SET x:{label}")
    for text in repointed:
        session.run(text)


def _all(session: Session, match: str, change: str) -> None:
    session.run(f"{match} CALL (x) {{ {change} }} IN TRANSACTIONS OF {_BATCH} ROWS")


def _locked(session: Session, change: str, params: dict[str, Any]) -> None:
    """Change one batch after another until none is left. Nobody else moves anything meanwhile, as each batch holds the
    lock of the node, and what the node says is read under that lock."""
    statement = f"MATCH (j:{JOURNAL}) SET j.turn = $now {change} RETURN count(*)"
    while session.rows(statement, {**params, "now": time.time_ns()})[0][0]:
        pass
