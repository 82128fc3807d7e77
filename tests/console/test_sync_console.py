"""A sync by a worker: previewed, and then exactly what was shown is written."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest
from console_servers import Console, ended

from dbfleet.console.desk import Desk
from dbfleet.console.models import Entry, Job, Receipt
from dbfleet.errors import UsageError

Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def differing(console: Console, desk: Desk, process: Start) -> str:
    """Two targets that hold the same but for one row, and a worker."""
    process("worker")
    for target in ("a", "b"):
        assert console.command("seed", target, "--rows", "50", "--reset", "--yes", "--quiet").returncode == 0
    changed = console.command("query", "b", "UPDATE orders SET status = 'lost' WHERE id = 4")
    assert changed.returncode == 0, changed.stderr
    return "orders"


def differs(console: Console) -> str:
    return console.command("diff", "a", "b", "--format", "jsonl").stdout


def previewed(desk: Desk) -> Job:
    return ended(desk.make_job("sync", {"source": "a.orders", "target": "b.orders", "preview": True}))


@pytest.mark.usefixtures("differing")
def test_a_preview_shows_the_statements_and_writes_nothing(console: Console, desk: Desk) -> None:
    found = previewed(desk)
    assert found.result["stakes"] == "1 row to be changed"
    assert "UPDATE" in found.result["statements"]
    assert "'lost'" not in found.result["statements"]
    assert differs(console) != ""
    assert not Receipt.objects.exists()


@pytest.mark.usefixtures("differing")
def test_what_was_agreed_is_written_and_has_a_receipt(console: Console, desk: Desk) -> None:
    digest = previewed(desk).result["digest"]
    done = ended(desk.make_job("sync", {"source": "a.orders", "target": "b.orders", "agreed": digest}))
    assert (done.state, done.rows, done.error) == ("done", 1, "")
    assert differs(console) == ""
    receipt = Receipt.objects.get()
    assert (receipt.kind, receipt.same, receipt.rows) == ("sync", True, 1)
    assert digest in Entry.objects.get(pk=receipt.pk).body


@pytest.mark.usefixtures("differing")
def test_what_was_not_shown_is_not_written(console: Console, desk: Desk) -> None:
    digest = previewed(desk).result["digest"]
    console.command("query", "b", "UPDATE orders SET status = 'lost' WHERE id = 5")
    before = differs(console)
    refused = ended(desk.make_job("sync", {"source": "a.orders", "target": "b.orders", "agreed": digest}))
    assert (refused.state, "not what the preview has shown" in refused.error) == ("failed", True)
    assert differs(console) == before


def test_a_sync_without_a_preview_is_refused(desk: Desk) -> None:
    for arguments in ({}, {"preview": True, "agreed": "x"}):
        with pytest.raises(UsageError, match="previewed first"):
            desk.make_job("sync", {"source": "a.orders", "target": "b.orders", **arguments})
