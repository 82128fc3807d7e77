"""What is proven: drift, drills, and what each engine declares to keep."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from ninja import Router

from dbfleet.console import budgets, matrix, proofs, work
from dbfleet.console.access import needs
from dbfleet.console.pages.jobs import found
from dbfleet.errors import NotFound

router = Router()
PREFIX: Final = "/proofs"


@router.get("/drift", summary="The pairs that are watched, and through which moment they are known to be the same")
@needs("viewer")
def drift(request: Any) -> Any:
    """A record a pair, what is wrong first."""
    return [
        {"id": each.pk, "schedule": each.name, "targets": budgets.targets_of(each.kind, each.arguments),
         "state": "paused" if each.paused else each.state, "since": each.state_since,
         "verified_through": each.verified_through}
        for each in work.schedules(request.rights) if each.kind == "drift"
    ]  # fmt: skip


@router.get("/drift/{job}", summary="What one check has found; the rows for readers of both sides")
@needs("viewer")
def check(request: Any, job: int) -> Any:
    """A record a collection."""
    got = found(request, job)
    if got.kind != "drift":
        raise NotFound(f"job {job} is no check for drift")
    reads = all(request.rights.may("reader", each) for each in (got.source, got.target))
    records = proofs.records(got.result)
    if not reads:
        records = [{name: value for name, value in each.items() if name != "differences"} for each in records]
    return {"job": job, "state": got.state, "verdict": got.verdict or None, "ended": got.ended_at,
            "collections": records}  # fmt: skip


@router.get("/drills", summary="The newest drills")
@needs("viewer")
def drills(request: Any) -> Any:
    """A record a drill."""
    lines = work.page(request.rights, kind="drill", size=100)[0]
    return [{**work.record(each), "found": each.job.result} for each in lines]


@router.get("/fidelity", summary="How each engine keeps what comes from each other one")
@needs("viewer")
def fidelity(request: Any) -> Any:
    """A record a pair of engines."""
    return [asdict(cell) for _, cells in matrix.rows() for cell in cells]
