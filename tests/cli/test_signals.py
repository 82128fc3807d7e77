"""A hunt: SIGINT, SIGTERM and SIGHUP at random moments of every verb. Each ends with 128 and its number, without a
traceback, with nothing half, no process left and no statement that runs on.

DBFLEET_SIGNALS says how many moments (150), DBFLEET_SIGNALS_SEED which ones. SQLite is a file, PostgreSQL and Redis are
servers of the test's own; what is awaited is events, with bounds that only a hang can reach.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from command_line import Shell

from dbfleet.conformance.plugin import chosen, environment

MOMENTS = int(os.environ.get("DBFLEET_SIGNALS", "150"))
SEED = int(os.environ.get("DBFLEET_SIGNALS_SEED", "8"))
AT_ONCE = 2
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
ROWS = 400
TABLES = {"customers", "products", "orders", "order_items", "reviews", "follows"}
BOUND_S = 30
"""In which a command ends on a machine that is busy: a hang lasts longer."""

_FOREVER = "with recursive t(n) as (select 1 union all select n+1 from t) select count(*) from t"

VERBS: dict[str, tuple[str, ...]] = {
    "help": ("--help",),
    "help of one": ("copy", "--help"),
    "version": ("--version",),
    "engines": ("engines",),
    "where": ("where",),
    "config show": ("config", "show"),
    "status": ("status",),
    "health": ("health",),
    "query": ("query", "shop", "select * from order_items"),
    "query forever": ("query", "shop", _FOREVER),
    "query postgres": ("query", "postgres", "select pg_sleep(60)"),
    "query redis": ("query", "redis", "BLPOP nowhere 60"),
    "describe": ("describe", "shop"),
    "ls": ("ls", "shop"),
    "digest": ("digest", "shop"),
    "digest postgres": ("digest", "{pg}"),
    "dump": ("dump", "shop", "-o", "fresh.dump"),
    "load": ("load", "sqlite:///new.db", "../shop.dump"),
    "load postgres": ("load", "{pg}", "../shop.dump", "--mode", "replace", "--yes"),
    "seed": ("seed", "sqlite:///new.db", "--rows", str(ROWS)),
    "seed postgres": ("seed", "{pg}", "--rows", str(ROWS), "--reset", "--yes"),
    "seed redis": ("seed", "{redis}", "--rows", str(ROWS), "--reset", "--yes"),
    "copy": ("copy", "shop", "sqlite:///new.db"),
    "copy to postgres": ("copy", "shop", "{pg}", "--mode", "replace", "--yes"),
    "copy to redis": ("copy", "shop", "{redis}", "--mode", "replace", "--yes"),
    "diff": ("diff", "shop", "other"),
    "sync": ("diff", "shop", "other", "--sync", "--yes"),
    "drill": ("drill", "shop"),
    "drill redis": ("drill", "redis"),
    "drift": ("drift", "shop", "other", "--confirm", "60s"),
    "logs": ("logs", "-f", "redis"),
    "up": ("up", "redis"),
}

ENDLESS = ("query forever", "query postgres", "query redis", "drift", "logs")
"""What ends by itself later than any signal comes; `shop` and `other` differ, so drift waits to look again."""


@dataclass
class Case:
    number: int
    verb: str
    signals: tuple[tuple[float, int], ...]
    """Each after so many seconds since the one before it."""
    folder: Path = field(default_factory=Path)
    code: int | None = None
    err: str = ""
    seconds: float = 0.0
    wrong: str = ""

    def __str__(self) -> str:
        sent = ", ".join(f"{signal.Signals(number).name} after {after:.3f} s" for after, number in self.signals)
        return f"{self.number} {self.verb}: {sent}: {self.wrong} (code {self.code})\n{self.err[-1500:]}"


class Hunt:
    """Cases, `AT_ONCE` side by side; each in a folder of its own, each place with a database of its own."""

    def __init__(self, shell: Shell, engines: list[str]) -> None:
        self.shell, self.engines = shell, engines
        self.verbs = [name for name, command in VERBS.items() if self._possible(command, engines)]
        self.urls: list[dict[str, str]] = []
        shell.ok("seed", "sqlite:///shop.db", "--rows", str(ROWS))
        shutil.copy(shell.folder / "shop.db", shell.folder / "other.db")
        self.counts = _rows(shell.folder / "shop.db")
        with closing(sqlite3.connect(shell.folder / "other.db")) as other, other:
            other.execute("delete from order_items where order_id % 3 = 0")
            other.execute("update products set name = name || '!' where id % 5 = 0")
        shell.ok("dump", "sqlite:///shop.db", "-o", "shop.dump")
        if engines:
            shell.ok("up", *engines)
        for place in range(AT_ONCE):
            found = {}
            if "postgres" in engines:
                shell.ok("query", "postgres", f"create database hunt{place}")
                url = shell.ok("url", "postgres", "--reveal").strip()
                found["pg"] = re.sub(r"/\w+$", f"/hunt{place}", url)
            if "redis" in engines:
                url = shell.ok("url", "redis", "--reveal").strip()
                found["redis"] = re.sub(r"/\d+$", f"/{place + 1}", url)
            self.urls.append(found)

    def _possible(self, command: tuple[str, ...], engines: list[str]) -> bool:
        text = " ".join(command).replace("{pg}", "postgres")
        return all(name in engines for name in ("postgres", "redis") if name in text)

    def cases(self, count: int, seed: int) -> list[Case]:
        chance = random.Random(seed)
        found = []
        for number in range(count):
            share = chance.random()
            moment = chance.uniform(0, 0.35) if chance.random() < 0.35 else share  # else a share of what it takes
            sent = [(moment, chance.choice(SIGNALS))]
            if chance.random() < 0.25:
                sent.append((chance.choice((0.0, 0.01, 0.05, 0.2, 0.7)), chance.choice(SIGNALS)))
            found.append(Case(number, self.verbs[number % len(self.verbs)], tuple(sent)))
        return found

    def run(self, case: Case, place: int) -> None:
        case.folder = self.shell.folder / f"case{case.number}"
        case.folder.mkdir()
        for name in ("shop.db", "other.db"):
            shutil.copy(self.shell.folder / name, case.folder / name)
        command = [each.format_map(self.urls[place]) for each in VERBS[case.verb]]
        with subprocess.Popen(
            [sys.executable, "-m", "dbfleet", *command],
            cwd=case.folder,
            env=self.shell.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        ) as child:
            began = time.monotonic()
            for after, number in case.signals:
                if _ends(child, after):
                    break
                if number == case.signals[0][1]:
                    began = time.monotonic()
                child.send_signal(number)
            try:
                err = child.communicate(timeout=BOUND_S)[1]
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                err = child.communicate()[1]
                case.wrong = "hangs"
            case.seconds = time.monotonic() - began
        case.code, case.err = child.returncode, err.decode(errors="replace")
        case.wrong = case.wrong or self._wrong(case) or _left_running(child.pid) or self._half(case) or ""
        if not case.wrong:
            shutil.rmtree(case.folder)

    def _wrong(self, case: Case) -> str:
        if case.code in (0, 1) and case.verb not in ENDLESS:  # it was done before
            return "" if not case.err.count("interrupted") else "says that it was interrupted"
        numbers = [number for _, number in case.signals]
        if case.code in [-number for number in numbers] and not case.err:
            return ""  # before Python has begun
        if _before_us(case.err):
            return ""
        if case.code not in [128 + number for number in numbers]:
            return "ends with another code"
        for word in ("Traceback", "Exception ignored", "bug", "given up"):
            if word in case.err:
                return f"says {word!r}"
        return ""

    def _half(self, case: Case) -> str:
        beside = [each.name for each in case.folder.iterdir() if each.name.endswith(("-wal", "-shm", "-journal"))]
        if beside:
            return f"leaves {beside}"
        new = case.folder / "new.db"
        if case.verb in ("load", "seed") and new.exists():
            rows = _rows(new)
            whole = all(
                count in (self.counts.get(name), 0 if case.verb == "seed" else None) for name, count in rows.items()
            )
            if not whole:
                return f"leaves rows of what was to be whole: {rows}"
        dumped = case.folder / "fresh.dump"
        if case.verb == "dump" and dumped.exists() and not (dumped / "manifest.json").exists():
            return f"leaves a part of a dump: {sorted(each.name for each in dumped.iterdir())}"
        return ""


def _ends(child: subprocess.Popen[bytes], within_s: float) -> bool:
    try:
        child.wait(within_s)
    except subprocess.TimeoutExpired:
        return False
    return True


def _before_us(err: str) -> bool:
    """Python itself was interrupted, before it ran a line of ours that could do something about it."""
    return "Traceback" in err and "dbfleet: " not in err and f"dbfleet{os.sep}cli" not in err


def _left_running(group: int) -> str:
    """A worker that its owner does not know yet notices by itself that the owner is gone."""
    end = time.monotonic() + BOUND_S
    while time.monotonic() < end:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return ""
        time.sleep(0.02)
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
    return "leaves a process"


def _rows(file: Path) -> dict[str, int]:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        assert connection.execute("pragma integrity_check").fetchone() == ("ok",)
        names = [name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")]
        return {
            name: connection.execute(f"select count(*) from {name}").fetchone()[0] for name in names if name in TABLES
        }


@pytest.fixture(scope="module")
def hunt(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hunt]:
    folder = tmp_path_factory.mktemp("signals")
    given = environment(request.config)
    kept = {
        name: given[name]
        for name in given
        if name in ("PATH", "HOME", "PYTHONPATH") or name.startswith(("DBFLEET_", "PYTHON"))
    }
    state = f"/tmp/dbf{uuid.uuid4().hex[:8]}"  # short: a socket's path may have 107 characters
    (folder / "dbfleet.toml").write_text(
        '[targets.postgres]\n[targets.redis]\n[targets.shop]\nurl = "sqlite:///shop.db"\n'
        '[targets.other]\nurl = "sqlite:///other.db"\n'
    )
    fleet = f"s{uuid.uuid4().hex[:8]}"
    shell = Shell(
        folder, {**kept, "DBFLEET_STATE_DIR": state, "COLUMNS": "80", "DBFLEET_FLEET": fleet, "DBFLEET_DEBUG": "1"}
    )
    shell.environment.pop("DBFLEET_CONFIG", None)
    try:
        yield Hunt(shell, [name for name in chosen(request.config) if name in ("postgres", "redis")])
    finally:
        shell("down", "--volumes", "--yes")
        shutil.rmtree(state, ignore_errors=True)


_TAKEN_ELSEWHERE = """
import signal, threading, time
from dbfleet.cli.signals import Signals

with Signals() as signals:
    signals.begin()
    threading.Timer(0.2, lambda: signal.pthread_kill(threading.get_ident(), signal.SIGTERM)).start()
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        print("interrupted")
    signals.over()
raise SystemExit(signals.code)
"""


def test_a_signal_that_does_not_end_a_wait_is_sent_again() -> None:
    """As one that comes just before the wait begins: the hunt below meets that moment only now and then."""
    done = subprocess.run(
        [sys.executable, "-c", _TAKEN_ELSEWHERE], capture_output=True, text=True, timeout=2 * BOUND_S, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (143, "interrupted\n", "")


_NEVER_HANDLED = """
import signal, threading, time
from dbfleet.cli import signals as ours

ours.UNWIND_S = 0.3
with ours.Signals() as signals:
    signals.begin()
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    def take() -> None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
    threading.Timer(0.2, take).start()
    time.sleep(60)
"""


def test_a_command_that_is_given_up_ends_with_the_code_of_the_signal_that_it_never_handled() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _NEVER_HANDLED], capture_output=True, text=True, timeout=2 * BOUND_S, check=False
    )
    assert (done.returncode, done.stdout) == (143, "")
    assert "given up" in done.stderr


def test_signals_at_random_moments(hunt: Hunt) -> None:
    cases = hunt.cases(MOMENTS, SEED)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        shares = [cases[place::AT_ONCE] for place in range(AT_ONCE)]
        list(pool.map(lambda place: [hunt.run(case, place) for case in shares[place]], range(AT_ONCE)))
    wrong = [case for case in cases if case.wrong]
    interrupted = [case for case in cases if case.code in (129, 130, 143)]
    print(
        f"{len(cases)} moments, {len(interrupted)} interrupted, the slowest {max(case.seconds for case in cases):.1f} s"
    )
    assert not wrong, "\n".join(map(str, wrong))
    assert len(interrupted) > len(cases) / 3
    assert list(Path(hunt.shell.environment["DBFLEET_STATE_DIR"]).glob("drill-*/drill.json")) == []
    if "postgres" in hunt.engines:
        still = "select query from pg_stat_activity where state = 'active' and pid <> pg_backend_pid()"
        assert hunt.shell.ok("query", "postgres", still + " and application_name = 'dbfleet'") == ""
