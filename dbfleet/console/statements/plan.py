"""The plan of a statement: the question for it, as the engine's spec has it (`EngineSpec.explain`). Nothing runs."""

from __future__ import annotations

from dbfleet.errors import Unsupported, UsageError
from dbfleet.spec import EngineSpec
from dbfleet.sql.text import Lexis, statements

_LEXIS = Lexis(dollar_quotes=True)


def plan_of(spec: EngineSpec, text: str) -> str:
    """The statement that asks for the plan of this one. Unsupported where the language has none, UsageError for a text
    of several statements: what stands behind the first would be run."""
    if spec.explain is None:
        raise Unsupported(spec.no_plan or f"{spec.title} has no question for a plan", engine=spec.name)
    found = statements(text, _LEXIS)
    if len(found) != 1:
        raise UsageError("a plan is of one statement", hint="mark the statement that is meant, and ask again")
    return str(spec.plan_of(found[0].text.strip().rstrip(";").rstrip()))
