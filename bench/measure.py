"""Run commands in turn and say what they took: wall seconds (of short ones, CPU seconds: a shared machine's wall clock
says little of them) and the peak memory of the largest process."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


class NotRun(Exception):
    """Why a line of the benchmark cannot be had on this machine."""


@dataclass(frozen=True, slots=True)
class Run:
    seconds: float
    peak_mb: float
    cpu_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Case:
    """One line: `ours` and `theirs` do one timed run each, `before` what must be right before each and is not timed.

    `reach` bounds ours / theirs; `peak_mb` bounds our memory. With `cpu` the seconds are the processor's, and there are
    five times as many runs.
    """

    name: str
    reach: float
    ours: Callable[[], Run]
    theirs: Callable[[], Run]
    before: Callable[[], None] = lambda: None
    peak_mb: float | None = None
    cpu: bool = False


class _Peak:
    """The peak memory of the largest process below one, by looking: what wait4 tells includes whatever the process
    that forked it held, which is ours."""

    def __init__(self, pid: int) -> None:
        self.mb = 0.0
        self._pid = pid
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._ended.wait(0.01):
            for pid in self._family(self._pid):
                try:
                    status = Path(f"/proc/{pid}/status").read_text()
                except OSError:
                    continue
                if found := re.search(r"VmHWM:\s+(\d+) kB", status):
                    self.mb = max(self.mb, int(found[1]) / 1024)

    def _family(self, pid: int) -> list[int]:
        try:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        except OSError:
            return []
        return [pid, *(each for child in children for each in self._family(int(child)))]

    def end(self) -> float:
        self._ended.set()
        self._thread.join()
        return self.mb


def command(argv: Sequence[str], *, stdin: Path | None = None, env: dict[str, str] | None = None) -> Run:
    """One run with stdout read and thrown away by /dev/null. NotRun with its stderr if it fails."""
    with open(stdin or os.devnull, "rb") as source, tempfile.TemporaryFile() as errors:
        started = time.perf_counter()
        process = subprocess.Popen(
            list(argv), stdin=source, stdout=subprocess.DEVNULL, stderr=errors, env={**os.environ, **(env or {})}
        )
        peak = _Peak(process.pid)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - started
        peak_mb = peak.end()
        if process.returncode:
            errors.seek(0)
            raise NotRun(f"{argv[0]} ended with {process.returncode}: {errors.read().decode(errors='replace')[-300:]}")
    return Run(seconds, peak_mb, used.ru_utime + used.ru_stime)


def script(code: str, *arguments: str) -> Run:
    """A Python program; it may print a number, the seconds that count, where its preparation must not."""
    started = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=output, stderr=subprocess.PIPE)
        peak = _Peak(process.pid)
        _, errors = process.communicate()
        seconds = time.perf_counter() - started
        peak_mb = peak.end()
        if process.returncode:
            raise NotRun(errors.decode(errors="replace").strip().splitlines()[-1][:300])
        output.seek(0)
        said = output.read(40).strip()
    return Run(float(said) if said else seconds, peak_mb)


def line(case: Case, runs: int) -> str:
    ours, theirs = [], []
    for _ in range(runs * 5 if case.cpu else runs):
        case.before()
        theirs.append(case.theirs())
        case.before()
        ours.append(case.ours())
    took = (lambda run: run.cpu_s) if case.cpu else (lambda run: run.seconds)
    ratio = statistics.median(took(a) / took(b) for a, b in zip(ours, theirs, strict=True))
    peak = max(run.peak_mb for run in ours)
    good = ratio <= case.reach and (case.peak_mb is None or peak <= case.peak_mb)
    reach = f"<= {case.reach:g}" + (f", {case.peak_mb:.0f} MB" if case.peak_mb else "")
    return (
        f"{case.name:<44} {statistics.median(map(took, ours)):8.2f} "
        f"{statistics.median(map(took, theirs)):8.2f} {ratio:6.2f} {reach:>15} {peak:7.0f}  "
        f"{'ok' if good else 'short'}"
    )


HEADING = f"{'what':<44} {'ours s':>8} {'theirs s':>8} {'ratio':>6} {'reach':>15} {'peak MB':>7}"
