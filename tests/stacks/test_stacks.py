"""Every stack keeps the rules that stacks/README.md lists. No engine is needed; compose is asked where there is one.

`compose.yaml` includes every file of `engines/`, so that no stack is forgotten, and a service is named like its file,
which is how dbfleet finds it.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from dbfleet import registry

STACKS = Path(__file__).parents[2] / "stacks"
FILES = {path.stem: path for path in sorted((STACKS / "engines").glob("*.yaml"))}
MEGABYTE = 1024 * 1024

# `${NAME:-default}`, the one form in which a stack reads a variable; the default may hold one more level.
VARIABLE = re.compile(r"\$\{(?P<name>\w+):-(?P<default>(?:[^{}$]|\$\{\w+\})*)\}")


def read(path: Path) -> dict[str, Any]:
    """The YAML of a stack, as it is written: variables are not replaced."""
    loaded = yaml.safe_load(path.read_text("utf-8"))
    assert isinstance(loaded, dict)
    return loaded


@pytest.fixture(params=sorted(FILES))
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def stack(engine: str) -> dict[str, Any]:
    return read(FILES[engine])


@pytest.fixture
def service(engine: str, stack: dict[str, Any]) -> dict[str, Any]:
    found = stack["services"][engine]
    assert isinstance(found, dict)
    return found


def variable(text: str, name: str) -> str:
    """The default of `${name:-default}`; fails if the text is anything else."""
    found = VARIABLE.fullmatch(text)
    assert found is not None, f"{text} is not a variable with a default"
    assert found["name"] == name
    return found["default"]


def seconds(duration: str) -> int:
    """`90s` or `2m`."""
    return int(duration[:-1]) * {"s": 1, "m": 60}[duration[-1]]


def megabytes(size: str) -> int:
    """`320m` or `2g`."""
    return int(size[:-1]) * {"m": 1, "g": 1024}[size[-1].lower()]


def texts(value: object) -> list[str]:
    """Every text in a command or an environment."""
    if isinstance(value, dict):
        return [f"{key}={each}" for key, each in value.items()]
    if isinstance(value, list):
        return [str(each) for each in value]
    return [] if value is None else [str(value)]


def test_the_fleet_includes_every_engines_file() -> None:
    included = read(STACKS / "compose.yaml")["include"]
    assert sorted(included) == [f"engines/{name}.yaml" for name in sorted(FILES)]


def test_a_stack_has_one_service_named_like_its_file_and_an_engine(engine: str, stack: dict[str, Any]) -> None:
    assert list(stack["services"]) == [engine]


def test_a_stack_belongs_to_an_engine_that_dbfleet_knows_by_this_name(engine: str) -> None:
    spec = registry.spec(engine)
    assert not spec.embedded
    assert spec.name == engine


def test_a_stack_used_alone_belongs_to_the_same_project(stack: dict[str, Any]) -> None:
    assert stack["name"] == read(STACKS / "compose.yaml")["name"] == "dbfleet"


def test_the_image_can_be_replaced_and_its_default_is_pinned_to_a_release(engine: str, service: dict[str, Any]) -> None:
    image = variable(service["image"], f"DBFLEET_{engine.upper()}_IMAGE")
    tag = image.rpartition(":")[2]
    assert re.match(r"\d+\.\d+", tag) or re.match(r"\d{4}-CU\d+", tag), f"{image} names no exact release"


def test_nothing_keeps_a_second_fleet_or_another_image_from_running(service: dict[str, Any]) -> None:
    assert VARIABLE.fullmatch(service.get("platform", "${A_PLATFORM:-linux/amd64}"))
    assert not {"container_name", "hostname", "network_mode", "networks"} & set(service)


def test_a_shell_before_the_servers_entry_point_hands_over_to_it(service: dict[str, Any]) -> None:
    """By `exec`, so that signals reach the server; or it stays, and passes them on itself."""
    for script in (text for key in ("entrypoint", "command") for text in texts(service.get(key)) if "\n" in text):
        assert re.search(r"^exec \S*entrypoint\.sh ", script, re.MULTILINE) or "trap 'kill -TERM $$server" in script


def test_ports_are_published_on_the_loopback_address_only_and_can_be_moved(
    engine: str, service: dict[str, Any]
) -> None:
    names = []
    for port in service["ports"]:
        found = re.fullmatch(r"127\.0\.0\.1:(\$\{.*\}):\d+", port)
        assert found is not None, f"{port} is not 127.0.0.1:${{…}}:port"
        published = VARIABLE.fullmatch(found[1])
        assert published is not None
        assert published["default"].isdecimal()
        names.append(published["name"])
    assert f"DBFLEET_{engine.upper()}_PORT" in names


def test_no_two_stacks_publish_the_same_port() -> None:
    published = [
        found["default"]
        for name, path in FILES.items()
        for port in read(path)["services"][name]["ports"]
        for found in VARIABLE.finditer(port)
    ]
    assert len(published) == len(set(published))


def test_data_lies_in_named_volumes_that_the_stack_declares(engine: str, stack: dict[str, Any]) -> None:
    mounted = [volume.partition(":")[0] for volume in stack["services"][engine]["volumes"]]
    named = [volume for volume in mounted if not volume.startswith((".", "/", "~", "$"))]
    assert named, "nothing is kept in a named volume"
    assert sorted(named) == sorted(stack["volumes"])
    assert all(volume.startswith(f"{engine}-") for volume in named)


def test_memory_is_capped_and_the_cap_can_be_changed(engine: str, service: dict[str, Any]) -> None:
    assert megabytes(variable(service["mem_limit"], f"DBFLEET_{engine.upper()}_MEMORY")) >= 128


def test_all_caps_together_fit_in_8_gb() -> None:
    caps = [
        megabytes(variable(read(path)["services"][name]["mem_limit"], f"DBFLEET_{name.upper()}_MEMORY"))
        for name, path in FILES.items()
    ]
    assert sum(caps) <= 8 * 1024


def test_a_healthcheck_has_a_start_period_and_works_on_docker_engine_20_10(service: dict[str, Any]) -> None:
    healthcheck = service["healthcheck"]
    assert healthcheck["test"][0] in {"CMD", "CMD-SHELL"}
    assert seconds(healthcheck["start_period"]) >= 30
    assert 2 <= seconds(healthcheck["interval"]) <= 15
    assert seconds(healthcheck["timeout"]) >= 5
    assert healthcheck["retries"] >= 3
    assert "start_interval" not in healthcheck


def test_a_server_is_given_time_to_stop(service: dict[str, Any]) -> None:
    assert seconds(service["stop_grace_period"]) >= 30


def test_a_server_that_dies_is_not_started_again_and_again(service: dict[str, Any]) -> None:
    assert service["restart"] == "no"


def test_logs_are_limited(service: dict[str, Any]) -> None:
    assert service["logging"]["driver"] == "json-file"
    assert set(service["logging"]["options"]) == {"max-size", "max-file"}


def test_a_password_comes_from_the_secret_file_and_stands_nowhere_else(engine: str, stack: dict[str, Any]) -> None:
    service = stack["services"][engine]
    secret = f"{engine}-password"
    assert service["secrets"] == [{"source": secret, "target": "password"}]
    assert list(stack["secrets"]) == [secret]
    folder, slash, name = stack["secrets"][secret]["file"].rpartition("/")
    assert slash
    assert name == "password"
    variable(folder, "DBFLEET_SECRETS_DIR")
    clear = re.compile(
        r"(passw(or)?d(?!Authenticator)|requirepass|secret|auth\b|pwd)\w*[\s=:]+(?P<value>\S+)", re.IGNORECASE
    )
    # The file, what a shell read from it, or where printf puts that.
    harmless = re.compile(r"\"?(neo4j/)?(/run/secrets/password|\$\$\(cat)|['\"]?\$\$\w+|%s\\n'")
    told = [text for key in ("entrypoint", "command", "environment") for text in texts(service.get(key))]
    for text in told + service["healthcheck"]["test"]:
        for found in clear.finditer(text):
            assert harmless.match(found["value"]), f"{found[0]!r} may hold a password"


def test_a_stack_states_why_in_its_first_lines(engine: str) -> None:
    lines = FILES[engine].read_text("utf-8").splitlines()
    assert lines[0].startswith("# ")
    assert sum(line.startswith("#") for line in lines) >= 4


def test_the_readme_names_every_service_with_its_port(engine: str, service: dict[str, Any]) -> None:
    published = VARIABLE.search(service["ports"][0])
    assert published is not None
    readme = (STACKS / "README.md").read_text("utf-8")
    assert re.search(rf"^\| `{engine}` \|.*127\.0\.0\.1:{published['default']} \|", readme, re.MULTILINE)


def test_the_readmes_command_makes_the_secret_where_the_stacks_look_for_it(tmp_path: Path) -> None:
    command = re.search(r"```sh\n(\(umask.*?)```", (STACKS / "README.md").read_text("utf-8"), re.DOTALL)
    assert command is not None
    environment = {**os.environ, "HOME": str(tmp_path)}
    subprocess.run(["sh", "-ec", command[1]], check=True, env=environment, timeout=20)
    default = variable(
        read(FILES["postgres"])["secrets"]["postgres-password"]["file"].rpartition("/")[0], "DBFLEET_SECRETS_DIR"
    )
    folder = Path(default.replace("${HOME}", str(tmp_path)))
    assert re.fullmatch(r"Aa1[A-Za-z0-9]{21}", (folder / "password").read_text("ascii"))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "password").stat().st_mode) == 0o444


def compose(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs `docker compose`; skips the test where it is not installed."""
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True).returncode:
        pytest.skip("no docker compose on this machine")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DBFLEET_", "COMPOSE_"))}
    return subprocess.run(
        [docker, "compose", *arguments], capture_output=True, text=True, env={**environment, **variables}, timeout=60
    )


@pytest.mark.parametrize("path", ["compose.yaml", *(f"engines/{name}.yaml" for name in FILES)])
def test_compose_accepts_the_file(path: str) -> None:
    done = compose("-f", str(STACKS / path), "config", "--quiet")
    assert (done.returncode, done.stderr) == (0, "")


def test_compose_finds_every_service_and_replaces_what_dbfleet_sets(tmp_path: Path) -> None:
    done = compose(
        "-p", "dbfleet-check", "-f", str(STACKS / "compose.yaml"), "config",
        DBFLEET_SECRETS_DIR=str(tmp_path), DBFLEET_POSTGRES_IMAGE="example/postgres:1", DBFLEET_POSTGRES_PORT="5999",
        DBFLEET_POSTGRES_MEMORY="1g",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    config = yaml.safe_load(done.stdout)
    assert config["name"] == "dbfleet-check"
    assert sorted(config["services"]) == sorted(FILES)
    postgres = config["services"]["postgres"]
    assert postgres["image"] == "example/postgres:1"
    assert (postgres["ports"][0]["host_ip"], postgres["ports"][0]["published"]) == ("127.0.0.1", "5999")
    assert int(postgres["mem_limit"]) == 1024 * MEGABYTE
    assert {secret["file"] for secret in config["secrets"].values()} == {str(tmp_path / "password")}
