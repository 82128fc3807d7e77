"""Fleet, targets, jobs, schedules and drift as a person uses them."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import psutil
import pytest
from browser_site import PICTURES, Site
from console_servers import Console, ended, until

from dbfleet.console import watch
from dbfleet.console.desk import Desk
from dbfleet.console.jobs import making
from dbfleet.console.jobs.sweep import sweep
from dbfleet.console.models import Channel, Job, Notice, Part, Sample, Schedule, TargetState
from dbfleet.ops.up import up

Start = Callable[..., subprocess.Popen[bytes]]

SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)>"


def look(target: str, ok: bool = True, error: str = "") -> None:
    """A look at a target, as a job of kind health has it."""
    seen = {"target": target, "ok": ok, "error": error or None, "latency_ms": 1.5 if ok else None, "engine": "postgres",
            "url": "postgresql://a", "product": "PostgreSQL", "version": "18.1", "memory": 40_000_000}  # fmt: skip
    watch.record({"looks": [seen]}, making.now())


def year(target: str) -> None:
    """A year of sums of an hour, and two days of looks each minute."""
    now = making.now().replace(minute=0, second=0, microsecond=0)
    for span, step, count in ((watch.HOUR, timedelta(hours=1), 8760), (0, timedelta(minutes=1), 2 * 1440)):
        Sample.objects.bulk_create(
            [
                Sample(target=target, span=span, at=now - step * number, looks=60, bad=3 if 90 < number < 95 else 0,
                       latency_ms=2 + number % 7, latency_max_ms=20 + number % 9, memory=40_000_000 + 1000 * number,
                       error="it does not answer" if 90 < number < 95 else "")
                for number in range(1, count)
            ],
            batch_size=2000,
        )  # fmt: skip


# --- fleet ---


def server_of(console: Console, target: str) -> psutil.Process:
    """The process that serves a target, found by its port."""
    port = console.fleet.target(target).port
    listening = next(
        each for each in psutil.net_connections("tcp") if each.status == "LISTEN" and each.laddr.port == port
    )
    return psutil.Process(listening.pid)


def test_a_killed_server_is_red_with_its_cause_within_two_looks_and_green_again(
    console: Console, desk: Desk, site: Site, process: Start
) -> None:
    process("worker")
    process("beat")
    desk.add_schedule("health", {"targets": ["a", "c"]}, every="10s")
    page = site.person("viewer")
    page.wait_for_selector("article.card.ok:has(a:text-is('c'))", timeout=90_000)
    server = server_of(console, "c")
    assert not server.name().startswith("python")
    os.kill(server.pid, signal.SIGKILL)
    try:
        card = page.wait_for_selector("article.card.red:has(a:text-is('c'))", timeout=90_000)
        assert Sample.objects.filter(target="c", bad=1).count() <= 2
        assert card.query_selector(".cause").inner_text().strip()
        assert page.query_selector("article.card:first-child h2").inner_text() == "c"
    finally:
        up(console.fleet, ["c"])
    page.wait_for_selector("article.card.ok:has(a:text-is('c'))", timeout=90_000)


def test_a_hidden_tab_asks_for_nothing_and_goes_on_when_it_is_seen(site: Site) -> None:
    look("a")
    page = site.person("viewer")
    page.clock.install()
    site.open(page, "/fleet")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/static/" not in request.url else None)
    page.evaluate("Object.defineProperty(document, 'hidden', {get: () => window.away !== false, configurable: true})")
    page.clock.run_for(60_000)
    assert asked == []
    page.evaluate("window.away = false")
    with page.expect_request("**/fleet/part*"):
        page.clock.run_for(12_000)


def test_what_a_server_or_a_person_has_written_is_shown_and_never_run(desk: Desk, site: Site) -> None:
    for _ in range(2):
        look("a", False, SCRIPT)
    desk.add_schedule("dump", {"target": "a", "directory": f"/tmp/{SCRIPT}"}, every="1h", name=SCRIPT)
    job = desk.run_schedule(SCRIPT)["job"]
    Job.objects.filter(pk=job).update(state="failed", error=SCRIPT, result={"collections": [{"collection": SCRIPT}]})
    page = site.person()
    for path in (
        "/fleet",
        "/targets/a",
        "/jobs",
        f"/jobs/{job}",
        "/schedules",
        f"/schedules/{Schedule.objects.get().pk}",
    ):
        site.open(page, path)
        assert SCRIPT in page.inner_text("main"), path


# --- a target ---


def test_a_year_of_samples_is_drawn(site: Site) -> None:
    look("a")
    year("a")
    page = site.person("viewer")
    site.open(page, "/targets/a?range=1y")
    page.wait_for_selector("#timeline[data-drawn]")
    assert int(page.get_attribute("#timeline", "data-drawn")) > 8000
    assert page.query_selector("#latency canvas") is not None
    assert "it does not answer" in page.inner_text("#target")
    page.click("nav >> text='1h'")
    page.wait_for_selector("#timeline[data-drawn][data-points$='1h']")
    assert int(page.get_attribute("#timeline", "data-drawn")) < 100


# --- schedules ---


def test_the_next_five_runs_are_right_over_a_change_of_the_readers_clock(site: Site) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    day = making.now().astimezone(berlin).date()
    while True:  # the next day on which an hour is skipped
        day += timedelta(days=1)
        early, late = (datetime(day.year, day.month, day.day, hour, tzinfo=berlin) for hour in (0, 12))
        if late.utcoffset() > early.utcoffset():  # type: ignore[operator]
            break
    page = site.person("operator", zone="Europe/Berlin")
    site.open(page, "/schedules/new?kind=health")
    assert page.input_value("input[name=time_zone]") == "Europe/Berlin"
    page.fill("input[name=time_zone]", "UTC")
    page.fill("input[name=cron]", f"30 0-4 {day.day} {day.month} *")
    page.wait_for_selector(".runs li:nth-child(5)")
    shown = [each.inner_text() for each in page.query_selector_all(".runs time")]
    assert shown == [f"{day} {hour}:30:00" for hour in ("01", "03", "04", "05", "06")]
    page.fill("input[name=cron]", "61 * * * *")
    page.wait_for_selector("#runs [role=alert]")


def test_a_schedule_is_added_run_paused_and_removed(site: Site) -> None:
    page = site.person("operator")
    site.open(page, "/schedules/new?kind=dump")
    page.fill("input[name=target]", "a")
    page.fill("input[name=directory]", "/tmp/dumps")
    page.fill("input[name=every]", "1h")
    page.click("text=Add it")
    page.wait_for_selector("text=is added")
    assert len(page.query_selector_all(".runs li")) == 5
    schedule = Schedule.objects.get()
    assert (schedule.kind, schedule.made_by) == ("dump", "web:operator")
    page.click("button:has-text('Pause')")
    page.wait_for_selector("button:has-text('Go on')")
    page.click("button:has-text('Run it now')")
    page.wait_for_url("**/jobs/*")
    assert Job.objects.get().schedule_id == schedule.pk
    site.open(page, f"/schedules/{schedule.pk}")
    page.click("summary")
    page.fill("input[name=typed]", "wrong")
    page.click("button:has-text('Remove it')")
    page.wait_for_selector("text=nothing was removed")
    page.click("summary")
    page.fill("input[name=typed]", schedule.name)
    page.click("button:has-text('Remove it')")
    page.wait_for_url("**/schedules")
    assert not Schedule.objects.exists()
    assert Job.objects.count() == 1


# --- jobs ---


def test_a_job_whose_worker_was_killed_is_at_its_second_attempt_on_the_page(
    desk: Desk, site: Site, process: Start
) -> None:
    first = process("worker", DBFLEET_WORKER_SLOTS="1")
    job = desk.make_job("command", {"command": ["query", "a", "select pg_sleep(4)"]})
    until(lambda: Part.objects.filter(job_id=job, state=Part.RUNNING).exists(), "it runs")
    page = site.person()
    site.open(page, f"/jobs/{job}")
    os.killpg(first.pid, signal.SIGKILL)
    process("worker", DBFLEET_WORKER_SLOTS="1")
    page.wait_for_selector("text=attempt 2", timeout=90_000)
    page.wait_for_selector("#job:not([data-poll])", timeout=90_000)
    assert "done" in page.inner_text("dl.facts")
    site.open(page, "/jobs")
    assert "attempt 2" in page.inner_text("table")


def test_a_job_is_cancelled_and_tried_again(desk: Desk, site: Site) -> None:
    """web may not change a part: a job that nobody has begun is cancelled by the next sweep."""
    job = desk.make_job("dump", {"target": "a", "directory": "/tmp/x"})
    page = site.person("operator")
    site.open(page, f"/jobs/{job}")
    page.click("text=Cancel it")
    page.wait_for_selector("text=is being cancelled")
    assert sweep()
    page.wait_for_selector("button:has-text('Try again')")
    assert "cancelled by web:operator" in page.inner_text("dl.facts")
    page.click("text=Try again")
    page.wait_for_url(lambda url: not url.endswith(f"/jobs/{job}"))
    assert Job.objects.get(resumes=True).made_by == "web:operator"


# --- drift ---


def test_one_row_that_differs_is_found_shown_and_written_by_who_types_the_target_s_name(
    console: Console, desk: Desk, site: Site, process: Start
) -> None:
    for target in ("a", "b"):
        assert console.command("seed", target, "--rows", "50", "--reset", "--yes", "--quiet").returncode == 0
    assert console.command("query", "b", "UPDATE orders SET status = '<i>lost</i>' WHERE id = 4").returncode == 0
    process("worker")
    desk.add_schedule("drift", {"left": "a", "right": "b", "confirm_s": 0}, every="1h", name="pair")
    assert ended(desk.run_schedule("pair")["job"]).verdict == "drift"
    page = site.person("writer")
    site.open(page, "/drift")
    page.click("text=last check")
    page.wait_for_selector("table.side-by-side")
    rows = page.query_selector_all("table.side-by-side tbody tr")
    assert [each.inner_text().split() for each in rows] == [["4", "changed", "status", "delivered", "<i>lost</i>"]]
    assert site.found_by_axe(page) == []
    page.click("text=Preview: make orders of b like a")
    page.wait_for_selector("pre.statements", timeout=60_000)
    assert "UPDATE" in page.inner_text("pre.statements")
    assert site.found_by_axe(page) == []
    page.fill("input[name=typed]", "a")
    page.click("button.danger")
    page.wait_for_selector("text=nothing was written")
    page.fill("input[name=typed]", "b")
    page.click("button.danger")
    page.wait_for_selector("#job:not([data-poll])", timeout=60_000)
    assert ended(Job.objects.filter(kind="sync").latest("pk").pk).rows == 1
    assert ended(desk.run_schedule("pair")["job"]).verdict == "ok"
    site.open(page, "/drift")
    page.wait_for_selector("article.card.ok")
    assert "the same until" in page.inner_text("article.card")


# --- every page ---


def everything(desk: Desk) -> list[str]:
    """Something on every page; their paths."""
    year("a")
    for target, ok in (("a", True), ("b", True), ("c", False)):
        look(target, ok, "" if ok else "cannot connect to 127.0.0.1:5432: connection refused")
        look(target, ok, "" if ok else "cannot connect to 127.0.0.1:5432: connection refused")
    TargetState.objects.filter(target="b").update(memory=None)
    desk.add_schedule("health", {}, every="30s")
    desk.add_schedule("drift", {"left": "a", "right": "b"}, every="10m", name="shop")
    schedule = Schedule.objects.get(name="shop")
    schedule.verified_through = making.now() - timedelta(hours=2)
    schedule.state, schedule.state_since = "drift", making.now() - timedelta(minutes=70)
    schedule.save()
    job = Job.objects.get(pk=desk.run_schedule("shop")["job"])
    differences = [{"key": "7", "change": "changed", "before": {"id": "7", "status": "paid"},
                    "after": {"id": "7", "status": "lost"}}]  # fmt: skip
    found = {"collections": [{"collection": "orders", "state": "drift", "rows": 1000, "changed": 1,
                              "differences": differences}]}  # fmt: skip
    now = making.now()
    Job.objects.filter(pk=job.pk).update(
        state="done", verdict="drift", result=found, rows=1000, begun_at=now - timedelta(seconds=9), ended_at=now
    )
    job.parts.update(state="done", worker="worker@here:1", attempts=2, rows=1000, begun_at=now, ended_at=now)
    channel = Channel.objects.create(name="mail", url="json://example.com", made_by="x", made_at=now)
    Notice.objects.create(
        at=now, about="target c", before="ok", after="red", title="c is red", text="cannot connect", channel=channel,
        state="failed", tries=6, error="it was not taken",
    )  # fmt: skip
    return [
        "/fleet", "/targets/a?range=24h", "/targets/c", "/jobs", f"/jobs/{job.pk}", "/schedules",
        f"/schedules/{schedule.pk}", "/schedules/new?kind=copy", "/drift", f"/drift/{job.pk}", "/drills",
        "/fidelity?from=postgres&to=couchdb", "/notices",
    ]  # fmt: skip


@pytest.mark.parametrize(("width", "dark"), [(1440, False), (1440, True), (360, False), (360, True)])
def test_every_page_is_for_everybody_and_fits(desk: Desk, site: Site, width: int, dark: bool) -> None:
    """axe finds nothing, nothing is wider than the screen, the page's policy is kept; there is a picture of each."""
    paths = everything(desk)
    page = site.person(width=width, dark=dark)
    PICTURES.mkdir(parents=True, exist_ok=True)
    found: list[Any] = []
    for path in paths:
        site.open(page, path)
        page.wait_for_load_state("networkidle")
        assert "not sent" in page.inner_text(".bar.bad >> nth=-1")
        found += site.found_by_axe(page)
        wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if wider > 0:
            found.append(f"{path} is {wider} px wider than {width}")
        name = path.strip("/").partition("?")[0].replace("/", "-")
        page.screenshot(path=PICTURES / f"{name}-{width}-{'dark' if dark else 'light'}.png", full_page=True)
    assert found == []
