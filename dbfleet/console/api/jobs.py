"""Jobs: the list, one, make, cancel, try again."""

# Annotations are not postponed here: ninja looks for a body's class, not for its name.

from typing import Any, Final

from ninja import Field, Router, Schema

from dbfleet.console import forms, here, may, work
from dbfleet.console.access import needs
from dbfleet.console.jobs import kinds
from dbfleet.console.pages.jobs import found

router = Router()
PREFIX: Final = "/jobs"


class New(Schema):
    """A job to be made."""

    kind: str
    arguments: dict[str, Any] = Field(default_factory=dict)


@router.get("", summary="The newest jobs; `before` is the number of the last one of the page before")
@needs("viewer")
def jobs(
    request: Any, kind: str = "", state: str = "", target: str = "", before: int | None = None, limit: int = 50
) -> Any:
    """The newest first."""
    lines, older = work.page(
        request.rights, before=before, kind=forms.one_of(kind, kinds.NAMES, "kind of job"),
        state=forms.one_of(state, work.STATES, "state of jobs"), target=forms.text({"target": target}, "target"),
        size=forms.size(limit, 500),
    )  # fmt: skip
    return {"jobs": [work.record(each) for each in lines], "before": older}


@router.get("/{number}", summary="One job, with its parts and what it found")
@needs("viewer")
def job(request: Any, number: int) -> Any:
    """One job."""
    found(request, number)
    return here.desk(request).job(number)


@router.post("", summary="A job now: dump, drift, drill, copy, load, sync, health")
@needs("reader")
def make(request: Any, body: New) -> Any:
    """Its number. The role is that of the kind, on its targets."""
    may.require_job(request, body.kind, kinds.checked(here.fleet(), body.kind, body.arguments))
    return {"job": here.desk(request).make_job(body.kind, body.arguments)}


@router.post("/{number}/cancel", summary="Ask for its end")
@needs("reader")
def cancel(request: Any, number: int) -> Any:
    """The job."""
    got = found(request, number)
    may.require_again(request, got.kind, got.arguments)
    return here.desk(request).cancel(number)


@router.post("/{number}/retry", summary="A new job with the same arguments")
@needs("reader")
def retry(request: Any, number: int) -> Any:
    """The new job."""
    got = found(request, number)
    may.require_again(request, got.kind, got.arguments)
    return here.desk(request).retry(number)
