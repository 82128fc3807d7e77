"""Channels (whose URL goes in only), maintenance windows, budgets."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Any

from ninja import Router, Schema
from ninja.responses import Status

from dbfleet.console import forms, rules
from dbfleet.console.access import needs

PREFIX = "/settings"
router = Router()


class NewChannel(Schema):
    """A channel to add: its URL as Apprise has it."""

    name: str
    url: str
    about: tuple[str, ...] = ()
    pattern: str = "*"


class Enabled(Schema):
    """Whether a channel is told anything."""

    enabled: bool


class NewMaintenance(Schema):
    """A window: moments without a zone are in UTC."""

    pattern: str = "*"
    begins: datetime
    ends: datetime
    why: str = ""


class NewBudget(Schema):
    """What jobs may take of a target."""

    target: str
    jobs: int | None = None
    statement_s: float | None = None
    quiet_from: time | None = None
    quiet_to: time | None = None
    time_zone: str = "UTC"


@router.get("/channels")
@needs("operator")
def channels(request: Any) -> list[dict[str, Any]]:
    """Every channel, without its URL."""
    return rules.channels()


@router.post("/channels", response={201: dict})
@needs("admin")
def add_channel(request: Any, body: NewChannel) -> Any:
    """Add a channel."""
    name, url = forms.text({"name": body.name}, "name"), forms.text({"url": body.url}, "url", most=2000)
    found = rules.add_channel(request.rights, name, url, about=body.about, pattern=body.pattern)
    return Status(201, {"channel": found.pk, "name": found.name})


@router.post("/channels/{number}/enabled")
@needs("admin")
def enable_channel(request: Any, number: int, body: Enabled) -> dict[str, Any]:
    """Let a channel be told, or not."""
    rules.enable_channel(request.rights, number, body.enabled)
    return {"channel": number, "enabled": body.enabled}


@router.post("/channels/{number}/test", response={202: dict})
@needs("admin")
def try_channel(request: Any, number: int) -> Any:
    """Send a test."""
    rules.try_channel(request.rights, number)
    return Status(202, {"channel": number})


@router.delete("/channels/{number}", response={204: None})
@needs("admin")
def remove_channel(request: Any, number: int) -> Any:
    """Remove a channel."""
    rules.remove_channel(request.rights, number)
    return Status(204, None)


@router.get("/maintenance")
@needs("operator")
def maintenances(request: Any) -> list[dict[str, Any]]:
    """Windows that are open, to come, or were over within the last month."""
    return rules.maintenances()


@router.post("/maintenance", response={201: dict})
@needs("operator")
def add_maintenance(request: Any, body: NewMaintenance) -> Any:
    """Plan a window."""
    begins, ends = _zoned(body.begins), _zoned(body.ends)
    found = rules.add_maintenance(
        request.rights, body.pattern, begins, ends, forms.text({"why": body.why}, "why", most=300)
    )
    return Status(201, {"maintenance": found.pk, "pattern": found.pattern})


def _zoned(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@router.delete("/maintenance/{number}", response={204: None})
@needs("operator")
def end_maintenance(request: Any, number: int) -> Any:
    """End a window now."""
    rules.end_maintenance(request.rights, number)
    return Status(204, None)


@router.get("/budgets")
@needs("operator")
def budgets(request: Any) -> list[dict[str, Any]]:
    """Every budget."""
    return rules.budgets()


@router.put("/budgets")
@needs("admin")
def set_budget(request: Any, body: NewBudget) -> dict[str, Any]:
    """Set a target's budget."""
    values = {
        "statement_s": "" if body.statement_s is None else body.statement_s,
        "jobs": "" if body.jobs is None else body.jobs,
    }
    found = rules.set_budget(
        request.rights, body.target, jobs=forms.whole(values, "jobs", most=1000),
        statement_s=forms.seconds(values, "statement_s"), quiet=(body.quiet_from, body.quiet_to),
        time_zone=forms.zone({"time_zone": body.time_zone}),
    )  # fmt: skip
    return {"budget": found.pk, "target": found.target}


@router.delete("/budgets/{number}", response={204: None})
@needs("admin")
def remove_budget(request: Any, number: int) -> Any:
    """Remove a budget."""
    rules.remove_budget(request.rights, number)
    return Status(204, None)
