"""How a target was: no outage is averaged away, and its edges are right to one look."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.db import connection
from django.test.utils import CaptureQueriesContext

from dbfleet.console import metrics, timeline, watch
from dbfleet.console.desk import Desk
from dbfleet.console.models import Job, Notice, Sample, TargetState
from dbfleet.console.overview import overview

NOW = datetime(2026, 3, 29, 12, 0, tzinfo=UTC)


def looks(count: int, *, every_s: int = 30, until: datetime = NOW, bad: range = range(0), target: str = "a") -> None:
    """So many looks, the last one at `until`; the numbers in `bad` were bad."""
    first = until - timedelta(seconds=every_s * (count - 1))
    Sample.objects.bulk_create(
        Sample(
            target=target, at=first + timedelta(seconds=every_s * number), looks=1, bad=int(number in bad),
            latency_ms=None if number in bad else 2.0 + number % 5, latency_max_ms=None if number in bad else 9.0,
            memory=1_000_000, error="it does not answer" if number in bad else "",
        )
        for number in range(count)
    )  # fmt: skip


def state(target: str, ok: bool | None = True) -> TargetState:
    found: TargetState = TargetState.objects.create(
        target=target, engine="postgres", ok=ok, at=NOW, since=NOW, latency_ms=1.5, memory=5
    )
    return found


def test_the_edges_of_an_outage_are_right_to_one_look(desk: Desk) -> None:
    looks(100, bad=range(40, 47))
    first = NOW - timedelta(seconds=30 * 99)
    (outage,) = timeline.outages("a", timeline.RANGES["1h"], NOW)
    assert outage.began == first + timedelta(seconds=30 * 40)
    assert outage.after == first + timedelta(seconds=30 * 39)
    assert outage.ended == first + timedelta(seconds=30 * 47)
    assert (outage.looks, outage.error, outage.exact) == (7, "it does not answer", True)


def test_an_outage_that_lasts_has_no_end_and_comes_first(desk: Desk) -> None:
    looks(100, bad=range(10, 12))
    Sample.objects.filter(at__gte=NOW - timedelta(seconds=60)).update(bad=1, error="gone")
    newest, older = timeline.outages("a", timeline.RANGES["1h"], NOW)
    assert (newest.ended, newest.error) == (None, "gone")
    assert older.ended is not None


def test_one_bad_look_in_a_year_is_still_an_outage(desk: Desk) -> None:
    looks(24 * 366, every_s=3600, bad=range(100, 101))
    Sample.objects.update(span=watch.HOUR)
    (outage,) = timeline.outages("a", timeline.RANGES["1y"], NOW)
    assert (outage.looks, outage.exact) == (1, False)


def test_a_sum_and_the_looks_that_it_sums_are_one_outage(desk: Desk) -> None:
    looks(2 * 120, bad=range(60, 100))
    watch.roll_up(NOW)
    assert Sample.objects.filter(span=watch.TEN_MINUTES).exists()
    assert len(timeline.outages("a", timeline.RANGES["7d"], NOW)) == 1


def test_a_week_is_drawn_from_sums_and_from_the_looks_that_are_not_summed_up_yet(desk: Desk) -> None:
    looks(2 * 60 * 3)  # three hours
    watch.roll_up(NOW - timedelta(hours=1))
    found = timeline.points("a", timeline.RANGES["7d"], NOW)
    assert sum(each.looks for each in found) == 2 * 60 * 3
    assert len({each.at for each in found}) == len(found)
    assert [each.at for each in found] == sorted(each.at for each in found)


def test_where_nobody_looked_there_is_a_gap(desk: Desk) -> None:
    looks(20, until=NOW - timedelta(minutes=30))
    looks(20)
    drawn = timeline.drawn(timeline.points("a", timeline.RANGES["1h"], NOW))
    assert drawn["latency"].count(None) == 1
    assert len(drawn["at"]) == 41
    assert drawn["at"] == sorted(drawn["at"])


def test_a_year_of_samples_is_some_thousand_points(desk: Desk) -> None:
    looks(24 * 366, every_s=3600)
    Sample.objects.update(span=watch.HOUR)
    found = timeline.points("a", timeline.RANGES["1y"], NOW)
    assert 24 * 360 < len(found) <= 24 * 366


def test_a_look_each_second_is_summed_up_for_the_picture_and_no_bad_one_is_lost(desk: Desk) -> None:
    looks(20_000, every_s=1, bad=range(7, 8))
    found = timeline.points("a", timeline.RANGES["6h"], NOW)
    assert len(found) <= 9_000
    assert (sum(each.looks for each in found), sum(each.bad for each in found)) == (20_000, 1)


def test_the_fleet_costs_as_many_queries_with_40_targets_as_with_11(desk: Desk) -> None:
    counts = []
    for number in (11, 40):
        for each in range(TargetState.objects.count(), number):
            state(f"t{each:02}")
            looks(20, target=f"t{each:02}")
        with CaptureQueriesContext(
            connection,
        ) as asked:
            found = overview(desk.fleet)
        assert len(found.cards) >= number
        counts.append(len(asked))
    assert counts[0] == counts[1]
    assert counts[0] <= 5


def test_what_is_wrong_stands_first(desk: Desk) -> None:
    state("good")
    state("down", None)
    state("ill", False)
    desk.add_schedule("health", {}, every="30s")
    TargetState.objects.exclude(target="ill").update(at=overview(desk.fleet).now)
    assert [each.state for each in overview(desk.fleet).cards][:2] == ["unknown", "new"]  # the last look is long ago
    TargetState.objects.update(at=overview(desk.fleet).now)
    cards = overview(desk.fleet).cards
    assert cards[0].target == "ill"
    assert cards[-1].target == "down"


def test_metrics_are_the_numbers_of_the_control_database(desk: Desk) -> None:
    state("a")
    state("b", False)
    state("c", None)
    desk.add_schedule("dump", {"target": "a", "directory": "/tmp/x"}, every="1h", name="nightly")
    desk.run_schedule("nightly")
    Notice.objects.create(at=NOW, about="target b", before="ok", after="red", title="b is red", state="failed")
    text = metrics.render().decode()
    for line in (
        'dbfleet_target_up{engine="postgres",target="a"} 1.0',
        'dbfleet_target_up{engine="postgres",target="b"} 0.0',
        'dbfleet_target_up{engine="postgres",target="c"} NaN',
        'dbfleet_target_latency_seconds{engine="postgres",target="a"} 0.0015',
        'dbfleet_jobs{kind="dump",state="waiting"} 1.0',
        'dbfleet_parts{state="waiting"} 1.0',
        'dbfleet_schedule_state{kind="dump",schedule="nightly",state="new"} 1.0',
        'dbfleet_schedule_state{kind="dump",schedule="nightly",state="ok"} 0.0',
        'dbfleet_notices{state="failed"} 1.0',
        "dbfleet_chain_entries 1.0",
    ):
        assert line in text, line


def test_metrics_cost_as_many_queries_with_40_targets_as_with_one(desk: Desk) -> None:
    counts = []
    for number in (1, 40):
        for each in range(TargetState.objects.count(), number):
            state(f"t{each}")
            Job.objects.create(kind="dump", made_by="test", made_at=NOW)
        with CaptureQueriesContext(connection) as asked:
            metrics.render()
        counts.append(len(asked))
    assert counts[0] == counts[1]
