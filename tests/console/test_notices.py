"""Who is told of a change: once, after it was confirmed, through a door that leads to the outside only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from typing import Any

import pytest
from console_servers import until

from dbfleet.console import notices, outbound, watch
from dbfleet.console.desk import Desk
from dbfleet.console.jobs import claims, ending, making
from dbfleet.console.jobs.kinds import Outcome
from dbfleet.console.models import Channel, Job, Maintenance, Notice, Schedule
from dbfleet.errors import UsageError


class Hook:
    """A web server that takes notices; `status` is what it answers."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.status = 200
        self.leads_to = ""
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.heard.append(json.loads(body))
                self.send_response(hook.status)
                if hook.leads_to:
                    self.send_header("Location", hook.leads_to)
                self.end_headers()

            def log_message(self, *words: Any) -> None:
                """Nothing on the test's screen."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"json://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hook]:
    made = Hook()
    monkeypatch.setenv("DBFLEET_NOTICE_ALLOW", "127.0.0.1")
    yield made
    made.server.shutdown()
    made.server.server_close()


def channel(url: str = "json://example.com/", **facts: Any) -> Channel:
    found: Channel = Channel.objects.create(name="hook", url=url, made_by="test", made_at=making.now(), **facts)
    return found


def look(ok: bool, target: str = "a") -> None:
    seen = {"target": target, "ok": ok, "error": None if ok else "cannot connect", "latency_ms": 1.0 if ok else None,
            "engine": "postgres", "url": "postgresql://a", "product": "PostgreSQL", "version": "18"}  # fmt: skip
    watch.record({"looks": [seen]}, making.now())


def told() -> list[str]:
    return list(Notice.objects.order_by("id").values_list("title", flat=True))


def due() -> None:
    Notice.objects.filter(state=Notice.WAITING).update(try_at=making.now() - timedelta(seconds=1))


# --- a target ---


def test_one_bad_look_tells_nobody_and_the_second_one_does_once(desk: Desk) -> None:
    channel()
    look(True)
    look(True)
    look(False)
    assert told() == []
    look(False)
    look(False)
    assert told() == ["a is red"]


def test_recovery_is_told_once_too(desk: Desk) -> None:
    channel()
    for ok in (True, True, False, False, True, True, True):
        look(ok)
    assert told() == ["a is red", "a is ok again"]


def test_a_target_that_flaps_is_told_as_often_as_it_stays(desk: Desk) -> None:
    channel()
    for ok in (True, True, False, True, False, True, False, True):
        look(ok)
    assert told() == []


def test_a_target_that_was_taken_down_on_purpose_is_no_change(desk: Desk) -> None:
    channel()
    look(True)
    look(True)
    for _ in range(2):
        watch.record({"looks": [], "down": [{"target": "a", "engine": "postgres", "url": ""}]}, making.now())
    look(True)
    look(True)
    assert told() == []


def test_a_channel_hears_of_its_targets_and_kinds_alone(desk: Desk) -> None:
    channel(pattern="prod-*")
    look(False)
    look(False)
    assert told() == []
    Channel.objects.update(pattern="*", about=["drift"])
    for _ in range(2):
        look(True)
    assert told() == []


# --- a schedule ---


def finished(schedule: Schedule, verdict: str, result: Any = None) -> None:
    """A job of the schedule, done with this verdict."""
    job = making.make(schedule.kind, schedule.arguments, by="test", schedule=schedule)
    assert claims.begin(job.pk)
    claim = claims.claim(job.pk, "test", ["host"])
    assert claim is not None
    assert ending.done(job, claim, Outcome(verdict=verdict, result=result))


def dumps(desk: Desk) -> Schedule:
    desk.add_schedule("dump", {"target": "a", "directory": "/tmp/x"}, every="1h", name="nightly")
    found: Schedule = Schedule.objects.get(name="nightly")
    return found


def test_a_schedule_tells_each_change_of_its_state_once(desk: Desk) -> None:
    channel()
    schedule = dumps(desk)
    for verdict in ("ok", "ok", "drift", "drift", "ok", "ok"):
        finished(schedule, verdict)
    assert told() == ["nightly: drift", "nightly is ok again"]


def test_the_words_have_numbers_and_no_values(desk: Desk) -> None:
    channel()
    found = {"collections": [{"collection": "orders", "state": "drift", "changed": 3, "removed": 1,
                              "differences": [{"key": "1", "before": {"card": "4111"}}]}]}  # fmt: skip
    finished(dumps(desk), "drift", found)
    text = Notice.objects.get().text
    assert "orders: 1 removed, 3 changed" in text
    assert "4111" not in text


def test_two_slots_that_nobody_noticed_are_one_notice(desk: Desk) -> None:
    channel()
    schedule = dumps(desk)
    back = schedule.anchor - timedelta(hours=3)
    Schedule.objects.filter(pk=schedule.pk).update(anchor=back, last_slot=back, state="ok")
    made = making.tick(schedule.pk)
    assert [job.state for job in made].count("overdue") == 2
    assert told() == ["nightly: overdue"]


def test_a_health_schedule_does_not_repeat_what_its_targets_say(desk: Desk) -> None:
    channel()
    desk.add_schedule("health", {}, every="1h", name="look")
    schedule = Schedule.objects.get(name="look")
    finished(schedule, "ok", {"looks": []})
    finished(schedule, "red", {"looks": []})
    assert told() == []


# --- maintenance ---


def maintenance(pattern: str = "a") -> Maintenance:
    at = making.now()
    found: Maintenance = Maintenance.objects.create(
        pattern=pattern, begins_at=at - timedelta(minutes=1), ends_at=at + timedelta(hours=1), made_by="test"
    )
    return found


def test_what_changed_in_a_maintenance_is_on_record_and_told_after_it_if_it_stays(desk: Desk) -> None:
    channel()
    held = maintenance()
    for ok in (True, True, False, False):
        look(ok)
    assert [each.state for each in Notice.objects.all()] == ["held"]
    assert notices.release(making.now() + timedelta(minutes=30)) == 0
    end = held.ends_at + timedelta(seconds=1)
    assert notices.release(end) == 1
    assert [each.state for each in Notice.objects.all()] == ["waiting"]


def test_what_is_well_again_by_the_end_of_a_maintenance_is_not_told(desk: Desk) -> None:
    channel()
    held = maintenance()
    for ok in (True, True, False, False, True, True):
        look(ok)
    assert notices.release(held.ends_at + timedelta(seconds=1)) == 0
    assert [each.state for each in Notice.objects.order_by("id")] == ["held", "held"]


# --- sending ---


def test_a_notice_is_sent_and_on_record(desk: Desk, hook: Hook) -> None:
    channel(hook.url)
    look(False)
    look(False)
    assert notices.send_due() == 1
    assert [each["title"] for each in hook.heard] == ["a is red"]
    assert "cannot connect" in hook.heard[0]["message"]
    found = Notice.objects.get()
    assert (found.state, found.tries, found.sent_at is not None) == ("sent", 1, True)
    assert notices.send_due() == 0


def test_what_fails_is_tried_again_later_and_has_failed_after_the_last_try(desk: Desk, hook: Hook) -> None:
    channel(hook.url)
    hook.status = 500
    look(False)
    look(False)
    later = []
    for _ in range(notices.MOST_TRIES):
        due()
        before = making.now()
        assert notices.send_due() == 1
        found = Notice.objects.get()
        later.append(found.try_at - before if found.try_at else None)
    assert len(hook.heard) == notices.MOST_TRIES
    assert later[-1] is None
    assert all(one < two for one, two in pairwise(later[:-1]))
    assert (found.state, "500" in found.error) == ("failed", True)
    assert list(notices.in_trouble()) == [found]
    hook.status = 200
    notices.send_again(found, making.now())
    notices.send_due()
    assert Notice.objects.get().state == "sent"
    assert not notices.in_trouble()


def test_two_senders_send_a_notice_once(desk: Desk, hook: Hook) -> None:
    channel(hook.url)
    look(False)
    look(False)
    threads = [threading.Thread(target=notices._send_in_thread) for _ in range(2)]
    taken = notices._taken()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 1
    assert hook.heard == []  # it is the first one's until its next try


def test_a_channel_that_was_switched_off_gets_nothing(desk: Desk, hook: Hook) -> None:
    channel(hook.url)
    look(False)
    look(False)
    Channel.objects.update(enabled=False)
    notices.send_due()
    assert (Notice.objects.get().state, hook.heard) == ("dropped", [])


# --- where a notice may go ---

INSIDE = [
    "json://127.0.0.1:{port}/", "json://localhost:{port}/", "json://2130706433:{port}/", "json://0.0.0.0:{port}/",
    "json://169.254.169.254/latest/meta-data", "json://10.0.0.1/", "json://192.168.1.1/", "json://[::1]:{port}/",
    "json://0x7f.1:{port}/",
]  # fmt: skip


def sent(url: str, **environ: str) -> str:
    """What came of sending there."""
    found = subprocess.run(
        [sys.executable, "-m", "dbfleet.console.outbound"], capture_output=True, text=True, timeout=60,
        input=json.dumps({"id": 1, "url": url, "title": "t", "text": "x"}) + "\n",
        env={**{name: value for name, value in os.environ.items() if not name.startswith("DBFLEET_NOTICE")}, **environ},
    )  # fmt: skip
    return str(json.loads(found.stdout)["error"])


@pytest.mark.parametrize("url", INSIDE)
def test_a_notice_does_not_reach_this_machine_or_its_network(hook: Hook, url: str) -> None:
    error = sent(url.format(port=hook.server.server_port))
    assert error
    assert hook.heard == []


def test_a_redirect_leads_nowhere_that_is_not_allowed(hook: Hook) -> None:
    hook.status, hook.leads_to = 307, f"http://127.0.0.2:{hook.server.server_port}/inner"
    assert "127.0.0.2 is not a public address" in sent(hook.url, DBFLEET_NOTICE_ALLOW="127.0.0.1")
    assert len(hook.heard) == 1


@pytest.mark.parametrize("url", ["file:///tmp/x", "dbus://", "syslog://", "gnome://", "exec://id", "nonsense", ""])
def test_a_scheme_that_is_not_on_the_list_is_refused_and_never_repeated(url: str) -> None:
    with pytest.raises(UsageError) as refused:
        outbound.checked(url)
    assert not url or url not in refused.value.message


def test_the_admin_decides_which_schemes_there_are() -> None:
    assert outbound.checked("json://example.com/x", {}) == "json://example.com/x"
    with pytest.raises(UsageError, match="not allowed"):
        outbound.checked("json://example.com/x", {"DBFLEET_NOTICE_SCHEMES": "mailtos, slack"})


def test_a_plain_https_address_is_a_webhook() -> None:
    assert outbound.checked("https://example.com/hook") == "jsons://example.com/hook"


@pytest.mark.parametrize(
    ("address", "may"),
    [
        ("93.184.216.34", True), ("127.0.0.1", False), ("::1", False), ("::ffff:10.0.0.1", False),
        ("fe80::1%eth0", False),
        ("64:ff9b::7f00:1", False), ("2002:7f00:1::", False), ("100.64.0.1", False), ("224.0.0.1", False),
        ("2606:4700::1111", True), ("no address", False),
    ],
)  # fmt: skip
def test_an_address_is_public_in_whatever_dress(address: str, may: bool) -> None:
    assert outbound.may(address, ()) is may


def test_a_job_that_counts_no_more_tells_nobody(desk: Desk) -> None:
    channel()
    schedule = dumps(desk)
    finished(schedule, "ok")
    job = making.make("dump", schedule.arguments, by="test", schedule=schedule)
    claims.begin(job.pk)
    first = claims.claim(job.pk, "one", ["host"], lease_s=0)
    assert first is not None
    # No lease has passed while the control database has just been started.
    until(lambda: claims.claim(job.pk, "two", ["host"]), "the lease has passed")
    assert not ending.done(job, first, Outcome(verdict="drift"))
    assert told() == []
    assert Job.objects.get(pk=job.pk).state == "running"
