"""CI's report: what it reads from pytest's JUnit files, and when it fails."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
REASONS = {
    "undeclared": {"means": "x", "test": 2, "fleet": 0},
    "no such engine": {"means": "x", "test": 5, "fleet": 1, "also": ["got empty parameter set for "]},
}
XML = """<testsuites><testsuite><testcase classname="tests.unit.test_a" name="test_quick" time="0.25">
<properties><property name="dbfleet.redis" value="Redis 8"/></properties></testcase>
<testcase classname="tests.unit.test_a" name="test_slow[redis-1]" time="7.5"/>
<testcase classname="tests.cli.test_b" name="test_c[NOTSET]" time="0.5">
<skipped type="pytest.skip" message="got empty parameter set for (target_name)">x</skipped></testcase>
<testcase classname="tests.cli.test_b" name="test_d[redis]@redis" time="1"><failure message="no">no</failure></testcase>
</testsuite></testsuites>"""


@pytest.fixture(scope="module")
def report() -> ModuleType:
    spec = spec_from_file_location("report", ROOT / ".ci" / "report.py")
    assert spec
    assert spec.loader
    found = module_from_spec(spec)
    sys.modules["report"] = found  # a dataclass looks its module up
    spec.loader.exec_module(found)
    return found


def test_a_run_is_read(report: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "test.xml").write_text(XML)
    run = report.read(tmp_path / "test.xml")
    assert run.outcomes == {"passed": 2, "skipped": 1, "failed": 1}
    assert run.by_engine == {"redis": {"passed": 1, "failed": 1}}
    assert run.versions == {"redis": "Redis 8"}
    assert run.skips == {"got empty parameter set for (target_name)": 1}
    told = report.durations("test", run)
    assert told.splitlines()[1] == "     7.5 s  tests/unit/test_a.py::test_slow[redis-1]"
    assert "     7.8 s  in tests/unit" in told
    assert "     1.5 s  in tests/cli" in told


def test_a_file_that_is_missing_holds_nothing(report: ModuleType, tmp_path: Path) -> None:
    run = report.read(tmp_path / "nowhere.xml")
    assert not run.outcomes
    assert report.durations("test", run) == ""


def test_skips_within_their_bounds_are_a_table(report: ModuleType) -> None:
    given = {"test": {"undeclared": 2, "got empty parameter set for (server)": 3, "no such engine": 1}, "fleet": {}}
    told, troubles = report.skips(given, REASONS)
    assert troubles == []
    assert [line.split() for line in told.splitlines()[1:3]] == [
        ["undeclared", "2", "2", "0", "0"],
        ["no", "such", "engine", "4", "5", "0", "1"],
    ]


def test_a_reason_beyond_its_bound_and_an_unknown_one_are_told(report: ModuleType) -> None:
    _, troubles = report.skips({"test": {"undeclared": 3}, "fleet": {"because": 4}}, REASONS)
    assert troubles == [
        "4 in fleet for a reason that tests/skips.toml does not know: because",
        "3 in test, and at most 2 may be: undeclared",
    ]


def test_trouble_with_skips_fails_the_report(
    report: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    passing = XML.replace('<failure message="no">no</failure>', "")
    (tmp_path / "test.xml").write_text(passing)
    (tmp_path / "fleet.xml").write_text(passing)
    monkeypatch.setattr(report, "ROOT", tmp_path)  # no images: no engine is missing
    monkeypatch.setattr(report, "engines", lambda: {"redis"})
    monkeypatch.setattr(report, "table", lambda: REASONS)
    assert report.main(tmp_path) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "6 passed, 0 failed, 2 skipped"
    monkeypatch.setattr(report, "table", dict)
    assert report.main(tmp_path) == 1
    assert "SKIPS: 1 in test for a reason that tests/skips.toml does not know" in capsys.readouterr().out


def test_the_real_table_is_read(report: ModuleType) -> None:
    assert report.known("got empty parameter set for (target_name)", report.table()) == "no such engine in this run"
