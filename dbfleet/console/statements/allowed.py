"""Who may ask which target, and the question that a request makes.

A reader may, where something but dbfleet keeps the statement from writing (`EngineSpec.guard` is account or session).
Elsewhere only who may write there. A target is one of the fleet, by its own name: no URL is taken from a request, and
an alias, which no grant is for, is turned into the name first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final
from uuid import UUID, uuid4

from dbfleet.console import here
from dbfleet.console.access import require
from dbfleet.console.statements.asked import Asker, Question
from dbfleet.console.statements.plan import plan_of
from dbfleet.errors import NotFound, UsageError
from dbfleet.ops import query as op
from dbfleet.spec import EngineSpec
from dbfleet.target import Target

_ENFORCED: Final = ("account", "session")


def enforced(spec: EngineSpec) -> bool:
    """Whether the server (or what opens the file) keeps a reader from writing."""
    return spec.guard in _ENFORCED


def role_for(spec: EngineSpec) -> str:
    """The role that asking such a target needs."""
    return "reader" if enforced(spec) else "writer"


def target_of(text: object) -> tuple[Target, str | None]:
    """The target of the fleet, and the collection, that a request names. UnknownEngine, or NotFound for a URL."""
    fleet = here.fleet()
    if not isinstance(text, str) or not text.strip():
        raise UsageError("which target is to be asked?")
    if "://" in text or "${" in text:
        raise NotFound("a target is named by its name in the fleet", hint=f"they are: {', '.join(fleet.names)}")
    found = fleet.locate(text.strip())
    if found[0].name not in fleet.names:
        raise NotFound(f"no target is called {text!r}", hint=f"they are: {', '.join(fleet.names)}")
    return found


def question(
    request: Any,
    *,
    target: object,
    text: object,
    params: Iterable[str] = (),
    id: object = None,
    export: str = "",
    plan: bool = False,
    from_page: bool = False,
) -> Question:
    """The question, if its asker may ask it: Refused else. UsageError for what is wrong with it."""
    place, collection = target_of(target)
    spec = here.fleet().spec(place)
    require(request, role_for(spec), place.name)
    if not isinstance(text, str):
        raise UsageError("the statement is missing")
    if plan and text.strip():
        text = plan_of(spec, text)
    return Question(
        f"{place.name}.{collection}" if collection else place.name,
        text,
        parameters(params),
        id=_id(id),
        reads_only=spec.guard != "none",
        export=export,
        from_page=from_page,
    )


def parameters(lines: Iterable[str]) -> Mapping[str, object]:
    """The params that these lines give: `name=text`, `name:type=value`."""
    found = list(lines)
    if not all(isinstance(each, str) for each in found):
        raise UsageError("a parameter is name=value or name:type=value")
    return op.parameters([each for each in found if each.strip()])


def asker(request: Any, target: str) -> Asker:
    """Who asks it, as the chain names them."""
    rights = request.rights
    return Asker(request.user.pk, rights.who, rights.role(target.partition(".")[0]), rights.token)


def _id(given: object) -> UUID:
    if given in (None, ""):
        return uuid4()
    try:
        return given if isinstance(given, UUID) else UUID(str(given))
    except ValueError:
        raise UsageError("the id of a question is a UUID") from None
