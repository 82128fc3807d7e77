"""Says which engines the tests ran on, and how many tests passed: report.py FOLDER, which holds pytest's JUnit files.

Rule: `fleet.xml` must hold at least one passed test of every engine that has an image under tests/images/, or the exit
code is 1; so it is without any passed test, or with a failed one. The last line is 'N passed, N failed, N skipped'.
An engine's version is what the run recorded of the live server (the property `dbfleet.ENGINE`), else its image's. What
ran in Docker is told by kind too: a real server, a stand-in or a wire double, as its image's tag says.
"""

from __future__ import annotations

import re
import sys
from collections import Counter, defaultdict
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[1]


def main(folder: Path) -> int:
    expected = sorted(path.parent.name for path in (ROOT / "tests" / "images").glob("*/Dockerfile"))
    images = image_versions(ROOT / ".cache" / "test-images.env")
    totals: Counter[str] = Counter()
    missing = []
    for run in ("test", "fleet"):
        counts, by_engine, versions = read(folder / f"{run}.xml")
        totals += counts
        for engine, results in sorted(by_engine.items()):
            version = versions.get(engine) or (images.get(engine, "") if run == "fleet" else "")
            told = ", ".join(f"{number} {outcome}" for outcome, number in sorted(results.items()))
            sys.stdout.write(f"{run:6} {engine:10} {version:32} {told}\n")
        if run == "fleet":
            missing = [engine for engine in expected if not by_engine[engine]["passed"]]
            sys.stdout.write(kinds({name: tag for name, tag in images.items() if by_engine[name]["passed"]}))
    if missing:
        sys.stdout.write(f"DID NOT RUN in Docker, though there is an image for it: {', '.join(missing)}\n")
    sys.stdout.write(f"{totals['passed']} passed, {totals['failed']} failed, {totals['skipped']} skipped\n")
    return int(bool(missing or totals["failed"] or not totals["passed"]))


def read(file: Path) -> tuple[Counter[str], dict[str, Counter[str]], dict[str, str]]:
    """Outcomes, outcomes of each engine, and recorded versions. A file that is missing holds nothing."""
    outcomes: Counter[str] = Counter()
    by_engine: dict[str, Counter[str]] = defaultdict(Counter)
    versions: dict[str, str] = {}
    if not file.exists():
        return outcomes, by_engine, versions
    tree = ElementTree.parse(file)  # noqa: S314  (pytest wrote it a minute ago)
    for entry in tree.iter("property"):
        name = entry.get("name", "")
        if name.startswith("dbfleet."):
            versions[name.removeprefix("dbfleet.")] = entry.get("value", "")
    for case in tree.iter("testcase"):
        children = {child.tag for child in case}
        outcome = "failed" if children & {"failure", "error"} else "skipped" if "skipped" in children else "passed"
        outcomes[outcome] += 1
        parameters = re.search(r"\[(.*)\]$", case.get("name", ""))
        if parameters:
            for engine in engines() & set(parameters[1].split("-")):
                by_engine[engine][outcome] += 1
    return outcomes, by_engine, versions


def engines() -> set[str]:
    """The engines' names, as the registry reads them: modules and packages, by their names alone."""
    found = {path.stem for path in (ROOT / "dbfleet" / "engines").glob("[!_]*") if path.suffix in ("", ".py")}
    stacks = {path.stem for path in (ROOT / "stacks" / "engines").glob("*.yaml")}
    if not found >= stacks:
        raise SystemExit(f"fewer engines were found than have a stack: {', '.join(sorted(stacks - found))}")
    return found


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
