"""Says which engines the tests ran on, and how many tests passed: report.py FOLDER, which holds pytest's JUnit files.

Rule: `fleet.xml` must hold at least one passed test of every engine that has an image under tests/images/, and
`outside.xml` one of every engine of a package under examples/, or the exit code is 1; so it is without any passed test,
with a failed one, or where tests are skipped for a reason that tests/skips.toml does not know or more often than its
bound. The last line is 'N passed, N failed, N skipped'. Before it
come the slowest tests, the seconds of each folder, and the skips by reason. An engine's version is what the run read
of the live server (the property `dbfleet.ENGINE`), else its image's. What ran in Docker is told by kind too: a real
server, a stand-in or a wire double, as its image's tag says.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[1]
RUNS = ("test", "outside", "fleet")
SLOWEST = 10


@dataclass
class Run:
    """What one JUnit file holds. A file that is missing holds nothing."""

    outcomes: Counter[str] = field(default_factory=Counter)
    by_engine: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    versions: dict[str, str] = field(default_factory=dict)
    skips: Counter[str] = field(default_factory=Counter)
    """How often tests were skipped, by pytest's message."""
    seconds: dict[str, float] = field(default_factory=dict)
    """What each test took, by its file and name."""


def main(folder: Path) -> int:
    expected = sorted(path.parent.name for path in (ROOT / "tests" / "images").glob("*/Dockerfile"))
    images = image_versions(ROOT / ".cache" / "test-images.env")
    runs = {name: read(folder / f"{name}.xml") for name in RUNS}
    for name, run in runs.items():
        sys.stdout.write(durations(name, run))
    told, troubles = skips({name: run.skips for name, run in runs.items()}, table())
    sys.stdout.write(told)
    totals: Counter[str] = Counter()
    for name, run in runs.items():
        totals += run.outcomes
        for engine, results in sorted(run.by_engine.items()):
            version = run.versions.get(engine) or (images.get(engine, "") if name == "fleet" else "")
            counts = ", ".join(f"{number} {outcome}" for outcome, number in sorted(results.items()))
            sys.stdout.write(f"{name:7} {engine:10} {version:32} {counts}\n")
    passed = {engine for engine, results in runs["fleet"].by_engine.items() if results["passed"]}
    missing = [engine for engine in expected if engine not in passed]
    sys.stdout.write(kinds({name: tag for name, tag in images.items() if name in passed}))
    unseen = sorted(engine for engine in outside() if not runs["outside"].by_engine[engine]["passed"])
    for trouble in troubles:
        sys.stdout.write(f"SKIPS: {trouble}\n")
    if unseen:
        sys.stdout.write(f"DID NOT RUN, though there is a package of it in examples/: {', '.join(unseen)}\n")
    if missing:
        sys.stdout.write(f"DID NOT RUN in Docker, though there is an image for it: {', '.join(missing)}\n")
    sys.stdout.write(f"{totals['passed']} passed, {totals['failed']} failed, {totals['skipped']} skipped\n")
    return int(bool(missing or unseen or troubles or totals["failed"] or not totals["passed"]))


def read(file: Path) -> Run:
    run = Run()
    if not file.exists():
        return run
    tree = ElementTree.parse(file)  # noqa: S314  (pytest wrote it a minute ago)
    for entry in tree.iter("property"):
        name = entry.get("name", "")
        if name.startswith("dbfleet."):
            run.versions[name.removeprefix("dbfleet.")] = entry.get("value", "")
    for case in tree.iter("testcase"):
        children = {child.tag for child in case}
        outcome = "failed" if children & {"failure", "error"} else "skipped" if "skipped" in children else "passed"
        run.outcomes[outcome] += 1
        run.skips.update(skipped.get("message", "") for skipped in case.iter("skipped"))
        name = f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name', '')}"
        run.seconds[name] = run.seconds.get(name, 0.0) + float(case.get("time", 0))
        # Behind @ is the group in which pytest-xdist ran it.
        parameters = re.search(r"\[(.*)\](?:@[\w.]+)?$", case.get("name", ""))
        if parameters:
            for engine in (engines() | outside()) & set(parameters[1].split("-")):
                run.by_engine[engine][outcome] += 1
    return run


def table() -> Mapping[str, Mapping[str, Any]]:
    """Why tests may be skipped, and how often in each run."""
    return tomllib.loads((ROOT / "tests" / "skips.toml").read_text("utf-8"))


def skips(found: Mapping[str, Mapping[str, int]], reasons: Mapping[str, Mapping[str, Any]]) -> tuple[str, list[str]]:
    """A table of how often each reason was given in each run beside its bound; and what is wrong with it, in words."""
    counts: dict[str, Counter[str]] = {run: Counter() for run in found}
    troubles = []
    for run, messages in found.items():
        for message, number in sorted(messages.items()):
            reason = message if message in reasons else known(message, reasons)
            if reason:
                counts[run][reason] += number
            else:
                troubles.append(f"{number} in {run} for a reason that tests/skips.toml does not know: {message}")
    lines = [f"{'skipped because':36} " + " ".join(f"{run:>7} {'bound':>6}" for run in found)]
    for reason, entry in reasons.items():
        if any(counts[run][reason] for run in found):
            lines.append(f"{reason:36} " + " ".join(f"{counts[run][reason]:7} {entry.get(run, 0):6}" for run in found))
        troubles += [
            f"{counts[run][reason]} in {run}, and at most {entry.get(run, 0)} may be: {reason}"
            for run in found
            if counts[run][reason] > entry.get(run, 0)
        ]
    return "\n".join(lines) + "\n\n" if len(lines) > 1 else "", troubles


def known(message: str, reasons: Mapping[str, Mapping[str, Any]]) -> str | None:
    """The reason that pytest says in words of its own."""
    return next((name for name, each in reasons.items() if message.startswith(tuple(each.get("also", ())))), None)


def durations(name: str, run: Run) -> str:
    """The slowest tests of a run, and the seconds of each folder; summed up, where several processes ran at once."""
    if not run.seconds:
        return ""
    slowest = sorted(run.seconds.items(), key=lambda each: -each[1])[:SLOWEST]
    folders: Counter[str] = Counter()
    for test, seconds in run.seconds.items():
        folders[folder_of(test)] += seconds  # type: ignore[assignment]
    lines = [f"{name}: the slowest tests, and the folders"]
    lines += [f"{seconds:8.1f} s  {test}" for test, seconds in slowest]
    lines += [f"{seconds:8.1f} s  in {folder}" for folder, seconds in folders.most_common()]
    return "\n".join(lines) + "\n\n"


def folder_of(test: str) -> str:
    """`tests/unit` of `tests/unit/test_x.py::test_y`."""
    return test.partition("::")[0].rpartition("/")[0]


def engines() -> set[str]:
    """The engines' names, as the registry reads them: modules and packages, by their names alone."""
    found = {path.stem for path in (ROOT / "dbfleet" / "engines").glob("[!_]*") if path.suffix in ("", ".py")}
    stacks = {path.stem for path in (ROOT / "stacks" / "engines").glob("*.yaml")}
    if not found >= stacks:
        raise SystemExit(f"fewer engines were found than have a stack: {', '.join(sorted(stacks - found))}")
    return found


def outside() -> set[str]:
    """The engines that packages under examples/ offer, by their entry points."""
    files = (ROOT / "examples").glob("*/pyproject.toml")
    projects = [tomllib.loads(file.read_text("utf-8"))["project"] for file in files]
    return {name for project in projects for name in project.get("entry-points", {}).get("dbfleet.engines", {})}


def kinds(images: dict[str, str]) -> str:
    """`in Docker: 7 real servers (…), 1 stand-in (couchdb), 2 wire doubles (oracle, sqlserver)`; empty for none."""
    found: dict[str, list[str]] = {"real server": [], "stand-in": [], "wire double": []}
    for engine, tag in sorted(images.items()):
        kind = (
            "wire double" if tag.startswith("double") else "stand-in" if tag.startswith("stand-in") else "real server"
        )
        found[kind].append(engine)
    told = [
        f"{len(names)} {kind}{'s' * (len(names) > 1)} ({', '.join(names)})" for kind, names in found.items() if names
    ]
    return f"in Docker: {', '.join(told)}\n" if told else ""


def image_versions(file: Path) -> dict[str, str]:
    """`DBFLEET_REDIS_IMAGE=dbfleet-test/redis:8.0.2` as {"redis": "8.0.2 (image)"}."""
    if not file.exists():
        return {}
    lines = (re.fullmatch(r"DBFLEET_(\w+)_IMAGE=.*:(.+)", line) for line in file.read_text("utf-8").splitlines())
    return {found[1].lower(): f"{found[2]} (image)" for found in lines if found}


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
