"""The stacks of the services keep the rules of the engines' stacks, and one more: what only containers talk to is not
published. No server is needed; compose is asked where there is one.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from test_stacks import STACKS, VARIABLE, compose, megabytes, read, seconds, texts, variable

from dbfleet import services

FILES = {path.stem: path for path in sorted((STACKS / "services").glob("*.yaml"))}
CONSOLE = STACKS / "console.yaml"


@pytest.fixture(params=sorted(FILES))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def stack(name: str) -> dict[str, Any]:
    return read(FILES[name])


@pytest.fixture
def service(name: str, stack: dict[str, Any]) -> dict[str, Any]:
    found = stack["services"][name]
    assert isinstance(found, dict)
    return found


def cap(name: str) -> int:
    return megabytes(variable(read(FILES[name])["services"][name]["mem_limit"], f"DBFLEET_{name.upper()}_MEMORY"))


def test_every_service_that_can_be_a_container_has_a_stack_of_its_name() -> None:
    assert sorted(FILES) == sorted(name for name in services.names() if services.spec(name).runtime != "process")


def test_a_stack_has_one_service_named_like_its_file(name: str, stack: dict[str, Any]) -> None:
    assert (stack["name"], list(stack["services"])) == ("dbfleet", [name])


def test_the_engines_alone_are_started_without_the_console() -> None:
    assert not [path for path in read(STACKS / "compose.yaml")["include"] if path.startswith("services/")]


def test_the_console_includes_every_service_of_its_group() -> None:
    of_group = [name for name in services.group("console") if name in FILES]
    included = {
        path for entry in read(CONSOLE)["include"] for path in ([entry] if isinstance(entry, str) else entry["path"])
    }
    assert included == {f"services/{name}.yaml" for name in of_group}


def test_the_ports_are_those_of_the_spec_and_only_what_the_host_talks_to_is_published(
    name: str, service: dict[str, Any]
) -> None:
    spec = services.spec(name)
    published = service.get("ports", [])
    assert bool(published) == bool(spec.default_port and spec.published)
    if published:
        found = re.fullmatch(r"127\.0\.0\.1:(\$\{.*\}):(\d+)", published[0])
        assert found is not None
        assert variable(found[1], f"DBFLEET_{name.upper()}_PORT") == str(spec.default_port)
        assert found[2] == str(spec.inner_port)
    assert all(port.startswith("127.0.0.1:${") for port in published)


def test_no_service_has_a_port_of_an_engine_or_of_another() -> None:
    files = [*FILES.values(), *(STACKS / "engines").glob("*.yaml")]
    published = [
        found["default"]
        for path in files
        for port in read(path)["services"][path.stem].get("ports", [])
        for found in VARIABLE.finditer(port)
    ]
    assert len(published) == len(set(published))


def test_the_cap_can_be_changed_and_the_table_says_it(name: str) -> None:
    told = re.findall(r"\b([a-z]+) (\d+)\b", CONSOLE.read_text("utf-8").partition("Memory caps in MB")[2])
    assert dict(told)[name] == str(cap(name))


def test_the_caps_of_the_console_fit_in_1_gb() -> None:
    assert sum(cap(name) for name in services.group("console") if name in FILES) <= 1024


def test_a_healthcheck_and_a_grace_period_as_the_engines_have_them(service: dict[str, Any]) -> None:
    healthcheck = service["healthcheck"]
    assert healthcheck["test"][0] in {"CMD", "CMD-SHELL"}
    assert seconds(healthcheck["start_period"]) >= 30
    assert 2 <= seconds(healthcheck["interval"]) <= 15
    assert seconds(healthcheck["timeout"]) >= 5
    assert healthcheck["retries"] >= 3
    assert "start_interval" not in healthcheck
    assert seconds(service["stop_grace_period"]) >= 10
    assert service["restart"] == "no"
    assert set(service["logging"]["options"]) == {"max-size", "max-file"}
    assert not {"container_name", "hostname", "network_mode", "networks", "depends_on"} & set(service)


@pytest.mark.parametrize("name", [name for name, path in FILES.items() if "build" not in read(path)["services"][name]])
def test_an_image_that_is_pulled_can_be_replaced_and_is_pinned_to_a_release(name: str) -> None:
    image = read(FILES[name])["services"][name]["image"]
    tag = variable(image, f"DBFLEET_{name.upper()}_IMAGE").rpartition(":")[2]
    assert re.match(r"\d+\.\d+", tag)


def test_secrets_are_files_of_the_fleet_and_stand_nowhere_else(name: str, stack: dict[str, Any]) -> None:
    """dbfleet knows a container for its own by a secret of the fleet's that it mounts."""
    given = stack["services"][name]["secrets"]
    assert given
    assert sorted(stack["secrets"]) == sorted(each["source"] for each in given)
    for source, told in stack["secrets"].items():
        folder, _, file = told["file"].rpartition("/")
        variable(folder, "DBFLEET_SECRETS_DIR")
        assert source.startswith(f"{name}-")
        assert file in services.spec(name).all_secrets
    environment = texts(stack["services"][name].get("environment"))
    place = r"\$\$\{file:/run/(secrets|dbfleet)/"
    harmless = re.compile(
        rf"[^:]*(_FILE=/run/(secrets|dbfleet)/|=(redis://:|postgresql://\w+:)?{place}|=\"?(True|False)\b)"
    )
    for text in environment:
        if re.search(r"passw|secret|key", text, re.IGNORECASE):
            assert harmless.match(text), text


def test_what_can_be_set_of_a_service_reaches_its_container(name: str, service: dict[str, Any]) -> None:
    environment = service.get("environment", {})
    for _, _, setting in services.settings_of(name):
        if setting.secret:
            assert environment[setting.variable].startswith("$${file:/run/dbfleet/")
        else:
            default = variable(environment[setting.variable], setting.variable)
            assert not default or re.fullmatch(setting.form, default), "what it is in a container where nobody sets it"


def test_volumes_are_named_and_declared(name: str, stack: dict[str, Any]) -> None:
    mounted = [volume.partition(":")[0] for volume in stack["services"][name].get("volumes", [])]
    named = [volume for volume in mounted if not volume.startswith(("/", "$"))]
    assert sorted(named) == sorted(stack.get("volumes", {}))
    assert all(volume.startswith(f"{name}-") for volume in named)


def test_a_stack_states_why_in_its_first_lines(name: str) -> None:
    lines = FILES[name].read_text("utf-8").splitlines()
    assert lines[0].startswith("# ")
    assert sum(line.startswith("#") for line in lines) >= 4


def test_the_readme_names_every_service(name: str) -> None:
    assert re.search(rf"^\| `{name}` \|", (STACKS / "README.md").read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize("path", ["console.yaml", *(f"services/{name}.yaml" for name in FILES)])
def test_compose_accepts_the_file(path: str) -> None:
    done = compose("-f", str(STACKS / path), "config", "--quiet")
    assert (done.returncode, done.stderr) == (0, "")


def test_engines_and_console_are_one_project(tmp_path: Path) -> None:
    files = [word for path in ("compose.yaml", "console.yaml") for word in ("-f", str(STACKS / path))]
    done = compose("-p", "dbfleet-check", *files, "config", DBFLEET_SECRETS_DIR=str(tmp_path))
    assert done.returncode == 0, done.stderr
    found = yaml.safe_load(done.stdout)
    assert {"postgres", "control", "broker"} <= set(found["services"])
    assert found["secrets"]["control-password"]["file"] == str(tmp_path / "control")


def test_the_groups_are_those_that_the_services_name() -> None:
    """They are known without a service's module: every command looks whether a target has such a name."""
    assert set(services.groups()) == {group for name in services.names() for group in services.spec(name).groups}
