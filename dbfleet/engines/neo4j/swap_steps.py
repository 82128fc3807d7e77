"""A swap of more than one transaction holds, in steps that are carried to their end whatever happens.

The node `:_dbfleet_swap` says what was begun, before anything has changed; while it is there, whoever asks for
leftovers ends it first. Each step can be done again, and by two at once: what goes is what has the final label and not
the staged one, what comes has the staged label until the end. Relationships have one type and no such mark, so of them
one batch is moved at a time, under the lock of that node. Until the end a reader sees some of the rows.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from dbfleet.adapter import Swap
from dbfleet.engines.neo4j import text as cypher
from dbfleet.engines.neo4j.values import quoted
from dbfleet.errors import StatementError
from dbfleet.values import Schema

if TYPE_CHECKING:
    from dbfleet.engines.neo4j.adapter import Neo4jAdapter

JOURNAL: Final = "_dbfleet_swap"
_BATCH: Final = 10_000


def is_too_much(error: StatementError) -> bool:
    """Whether the server has refused for the memory that one transaction, or all of them, may take."""
    return "OutOfMemory" in (error.code or "")


def begin(adapter: Neo4jAdapter, swaps: Sequence[Swap], gone: dict[str, str]) -> None:
    plan = {"gone": gone, "swaps": [{"staged": each.staged.to_dict(), "name": each.name} for each in swaps]}
    adapter._run(
        f"CREATE (:{JOURNAL} {{plan: $plan, cleared: $none, turn: 0}})", {"plan": json.dumps(plan), "none": []}
    )


def begun(adapter: Neo4jAdapter) -> tuple[list[Swap], dict[str, str]] | None:
    found = adapter._rows(f"MATCH (j:{JOURNAL}) RETURN j.plan LIMIT 1")
    if not found:
        return None
    plan = json.loads(found[0][0])
    swaps = [Swap(Schema.from_dict(each["staged"]), each["name"]) for each in plan["swaps"]]
    return swaps, plan["gone"]


def ended(adapter: Neo4jAdapter) -> None:
    adapter._run(f"MATCH (j:{JOURNAL}) DELETE j")


def move(adapter: Neo4jAdapter, swaps: Sequence[Swap], gone: dict[str, str], repointed: Sequence[str]) -> None:
    for each in swaps:
        label, staged = quoted(each.name), quoted(each.staged.name)
        if each.name in gone:
            change = f"REMOVE x:{label} SET x:{quoted(gone[each.name])}"
            _all(adapter, f"MATCH (x:{label}) WHERE NOT x:{staged}", change)
        else:
            clear = f"WITH j WHERE NOT $name IN j.cleared MATCH ()-[x:{label}]->() WITH x LIMIT {_BATCH} DELETE x"
            _locked(adapter, clear, {"name": each.name})
            adapter._run(
                f"MATCH (j:{JOURNAL}) SET j.turn = j.turn + 1 WITH j WHERE NOT $name IN j.cleared "
                "SET j.cleared = j.cleared + $name",
                {"name": each.name},
            )
    for each in swaps:
        label, staged = quoted(each.name), quoted(each.staged.name)
        if cypher.is_edge(each.staged):
            made = f"CREATE (a)-[y:{label}]->(b) SET y = properties(x) DELETE x"
            _locked(adapter, f"WITH j MATCH (a)-[x:{staged}]->(b) WITH a, x, b LIMIT {_BATCH} {made}", {})
        else:
            _all(adapter, f"MATCH (x:{staged}) WHERE NOT x:{label}", f"SET x:{label}")
    for text in repointed:
        adapter._run(text)


def _all(adapter: Neo4jAdapter, match: str, change: str) -> None:
    adapter._run(f"{match} CALL (x) {{ {change} }} IN TRANSACTIONS OF {_BATCH} ROWS")


def _locked(adapter: Neo4jAdapter, change: str, params: dict[str, Any]) -> None:
    """One batch after another until none is left; nobody else moves any meanwhile, and what the node says is read
    under its lock."""
    statement = f"MATCH (j:{JOURNAL}) SET j.turn = $now {change} RETURN count(*)"
    while adapter._rows(statement, {**params, "now": time.time_ns()})[0][0]:
        pass
