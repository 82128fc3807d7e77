"""Settings: a channel's URL goes in and never out; maintenances and budgets as they are typed."""

from __future__ import annotations

from collections.abc import Callable

from console_people import Person

from dbfleet.console.models import Budget, Channel, Entry, Maintenance, Notice

SECRET = "jsons://user:hunter2hunter2@hooks.example/T0K3N"


def test_a_channels_url_is_never_shown_again(person: Callable[..., Person]) -> None:
    admin, operator = person("ada", "admin"), person("olga", "operator")
    assert admin.post("/settings/channels", name="ops", url=SECRET, pattern="prod-*", about="health").status_code == 302
    kept = Channel.objects.get()
    assert "hunter2hunter2" in kept.url
    for page in (admin.page("/settings/"), operator.page("/settings/"), admin.get("/api/settings/channels").text):
        assert "jsons" in page
        for part in ("hunter2hunter2", "T0K3N", "hooks.example"):
            assert part not in page
    assert "hunter2" not in "".join(Entry.objects.values_list("body", flat=True))
    number = kept.pk
    admin.post(f"/settings/channels/{number}/enabled", enabled="0")
    assert not Channel.objects.get().enabled
    assert admin.call("POST", f"/settings/channels/{number}/test").status_code == 202
    assert Notice.objects.get().channel_id == number
    admin.post(f"/settings/channels/{number}/remove")
    assert Channel.objects.count() == 0
    did = [entry.body for entry in Entry.objects.filter(kind="setting")]
    assert len(did) == 4


def test_a_wrong_url_is_refused_without_being_repeated(person: Callable[..., Person]) -> None:
    admin = person("ada", "admin")
    for url in ("file:///etc/hunter2", "hunter2", "http://hunter2.example/", "gopher://hunter2", ""):
        found = admin.call("POST", "/settings/channels", {"name": "x", "url": url})
        assert found.status_code == 400, found.text
        assert "hunter2" not in found.text
        assert "could not be looked at" not in found.text
    assert (
        admin.call("POST", "/settings/channels", {"name": "x", "url": SECRET, "about": ["nonsense"]}).status_code == 400
    )
    assert Channel.objects.count() == 0


def test_a_maintenance_is_planned_in_its_own_time_zone(person: Callable[..., Person]) -> None:
    operator = person("olga", "operator", "shop")
    form = {"pattern": "shop", "begins": "2030-07-01T22:00", "ends": "2030-07-01T23:30", "time_zone": "Europe/Berlin"}
    operator.post("/settings/maintenance", why="disks & <b>more</b>", **form)
    found = Maintenance.objects.get()
    assert f"{found.begins_at:%H:%M} {found.ends_at:%H:%M}" == "20:00 21:30"
    assert "disks &amp; &lt;b&gt;more&lt;/b&gt;" in operator.page("/settings/")
    operator.post(f"/settings/maintenance/{found.pk}/end")
    assert Maintenance.objects.count() == 0


def test_a_maintenance_needs_the_role_on_all_that_it_may_match(person: Callable[..., Person]) -> None:
    operator = person("olga", "operator", "shop")
    form = {"begins": "2030-07-01T22:00", "ends": "2030-07-01T23:30"}
    assert operator.post("/settings/maintenance", pattern="*", **form).status_code == 403
    assert operator.post("/settings/maintenance", pattern="sho?", **form).status_code == 403
    assert Maintenance.objects.count() == 0


def test_a_maintenance_that_makes_no_sense_is_refused(person: Callable[..., Person]) -> None:
    admin = person("ada", "admin")
    right = {"pattern": "*", "begins": "2030-07-01T22:00", "ends": "2030-07-02T22:00", "time_zone": "UTC"}
    for name, value, told in (
        ("begins", "tomorrow", "is a date and a time"),
        ("ends", "2030-06-01T22:00", "ends after it begins"),
        ("ends", "2040-06-01T22:00", "a year at most"),
        ("time_zone", "Europe/Nowhere", "there is no time zone"),
        ("time_zone", "../../etc/passwd", "there is no time zone"),
        ("begins", "", "is missing"),
    ):
        assert admin.post("/settings/maintenance", **{**right, name: value}).status_code == 302
        assert told in admin.page("/settings/"), name
    assert Maintenance.objects.count() == 0


def test_a_budget_is_set_replaced_and_removed(person: Callable[..., Person]) -> None:
    admin = person("ada", "admin")
    admin.post("/settings/budgets", target="shop", jobs="2", quiet_from="22:00", quiet_to="06:00", time_zone="UTC")
    assert admin.call("PUT", "/settings/budgets", {"target": "shop", "statement_s": 2.5}).status_code == 200
    found = Budget.objects.get()
    assert (found.jobs, found.statement_s, found.quiet_from) == (None, 2.5, None)
    admin.post(f"/settings/budgets/{found.pk}/remove")
    assert Budget.objects.count() == 0


def test_a_budget_that_makes_no_sense_is_refused(person: Callable[..., Person]) -> None:
    admin = person("ada", "admin")
    for body in (
        {"target": "shop"},
        {"target": "", "jobs": 1},
        {"target": "shop", "jobs": -1},
        {"target": "shop", "statement_s": 0},
        {"target": "shop", "statement_s": 1e99},
        {"target": "shop", "jobs": 1, "time_zone": "Mars/Base"},
    ):
        found = admin.call("PUT", "/settings/budgets", body)
        assert found.status_code == 400, (body, found.text)
        assert found.json()["error"]
    assert admin.call("PUT", "/settings/budgets", {"target": "shop", "jobs": "many"}).status_code == 422
    assert Budget.objects.count() == 0
