"""Asking targets. The answer comes as its rows come, in the bytes that `dbfleet query --format` writes; the header
`X-Dbfleet-Asked` has the id by which the question can be ended, and its outcome be had. A failure after the first byte
cuts the line."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from ninja import Field, Router, Schema

from dbfleet.console.access import needs
from dbfleet.console.errors import answer
from dbfleet.console.pages import query as page
from dbfleet.console.statements import allowed, saved
from dbfleet.console.statements.asked import TooMany
from dbfleet.console.statements.exports import TYPES, export
from dbfleet.console.statements.line import Line
from dbfleet.console.statements.record import MOST_CHARACTERS
from dbfleet.errors import NotFound

router = Router()
PREFIX = "/query"


class Ask(Schema):
    """A question: `params` are `name=value` or `name:type=value`. With `plan` the answer is the statement's plan."""

    target: str
    text: str = Field(max_length=MOST_CHARACTERS)
    params: list[str] = Field(default_factory=list)
    format: Literal["jsonl", "json", "csv", "tsv", "markdown", "table"] = "jsonl"
    plan: bool = False
    id: UUID | None = None


class Write(Schema):
    """A statement that may write. `typed` is the target's name once more."""

    target: str
    typed: str
    text: str = Field(max_length=MOST_CHARACTERS)
    params: list[str] = Field(default_factory=list)


class Rename(Schema):
    """The new name of a saved query."""

    name: str = Field(max_length=200)


class Keep(Schema):
    """A query to be kept."""

    name: str = Field(max_length=200)
    text: str = Field(max_length=MOST_CHARACTERS)
    targets: list[str] = Field(default_factory=list)
    shared: bool = False


@router.post("", summary="Ask a target")
@needs("reader")
def ask(request: Any, body: Ask) -> Any:
    """The answer in the format, by the account that can only read. 429 where too many statements run."""
    question = allowed.question(
        request, target=body.target, text=body.text, params=body.params, id=body.id, export=body.format, plan=body.plan
    )
    line = Line.of(request.environ)
    try:
        chunks = export(question, allowed.asker(request, question.target), line)
    except TooMany as error:
        response = answer(request, 429, error.message, hint=error.hint or "", kind="TooMany")
        response.headers["Retry-After"] = "1"
        return response
    found = page.streaming(chunks, TYPES[body.format])
    found.headers["X-Dbfleet-Asked"] = str(question.id)
    return found


@router.get("/{uuid:id}", summary="How a question stands")
@needs("reader")
def state(request: Any, id: UUID) -> dict[str, Any]:
    """Its state, the rows that were read, and the error: of one's own question, for a day."""
    found = saved.states(request.user, [id])
    if not found:
        raise NotFound("there is no such question of yours")
    return {"id": str(id), **found[str(id)]}


@router.post("/{uuid:id}/cancel", summary="End a question")
@needs("reader")
def cancel(request: Any, id: UUID) -> dict[str, Any]:
    """The statement is stopped on its server within about a second."""
    return {"cancelled": saved.cancel(request.user, [id])}


@router.post("/write", summary="Run a statement that may write, as a job")
@needs("writer")
def write(request: Any, body: Write) -> dict[str, Any]:
    """The number of the job."""
    return {"job": page.written(request, body.dict())}


@router.get("/history", summary="What was asked")
@needs("reader")
def asked(request: Any) -> list[dict[str, Any]]:
    """One's own statements with their outcomes, the newest first."""
    return saved.history(request.rights.who)


@router.get("/saved", summary="Saved queries")
@needs("reader")
def queries(request: Any) -> list[dict[str, Any]]:
    """One's own, and those that others share."""
    return saved.visible(request.user)


@router.post("/saved", summary="Save a query")
@needs("reader")
def keep(request: Any, body: Keep) -> dict[str, Any]:
    """One's own of the same name is replaced."""
    return saved.keep(request.user, name=body.name, text=body.text, targets=body.targets, shared=body.shared)


@router.patch("/saved/{int:number}", summary="Rename a saved query")
@needs("reader")
def rename(request: Any, number: int, body: Rename) -> dict[str, Any]:
    """One's own alone."""
    return saved.rename(request.user, number, body.name)


@router.delete("/saved/{int:number}", summary="Remove a saved query")
@needs("reader")
def drop(request: Any, number: int) -> dict[str, Any]:
    """One's own alone."""
    saved.remove(request.user, number)
    return {"removed": number}
