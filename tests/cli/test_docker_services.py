"""Services as containers. Needs a Docker engine, and the images that test_docker_fleet needs: control and broker run on
those of PostgreSQL and Redis."""

from __future__ import annotations

import os
import re
import ssl
import uuid
from http.cookiejar import CookieJar
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, HTTPSHandler, OpenerDirector, Request, build_opener

import pytest
from test_docker_fleet import IMAGES, container, dbfleet, docker, of_project, pytestmark
from test_fleet import CommandLine

from dbfleet.runtimes import docker_images
from dbfleet.services import _image

__all__ = ["dbfleet", "pytestmark"]


@pytest.fixture
def console(dbfleet: CommandLine) -> CommandLine:
    dbfleet.environment |= {
        "DBFLEET_CONTROL_IMAGE": IMAGES["DBFLEET_POSTGRES_IMAGE"],
        "DBFLEET_BROKER_IMAGE": IMAGES["DBFLEET_REDIS_IMAGE"],
    }
    return dbfleet


def test_control_and_broker_come_up_beside_an_engine_and_go_down(console: CommandLine) -> None:
    console("up", "redis", "control", "broker")
    found = console.records("status")
    assert {name: found[name]["state"] for name in ("redis", "control", "broker")} == dict.fromkeys(
        ("redis", "control", "broker"), "running"
    )
    assert found["control"]["cap"] == 160 << 20
    assert all(record["ok"] for record in console.records("health").values())
    project = f"dbfleet-{console.environment['DBFLEET_FLEET']}"
    assert len(of_project("container", project)) == 3, "one project, so they reach each other by name"
    folder = console.folder / "s" / console.environment["DBFLEET_FLEET"] / "secrets"
    told = docker("inspect", container(console, "control"), container(console, "broker"))
    assert not [name for name in ("control", "broker", "password") if (folder / name).read_text("ascii") in told]
    console("stop", "console")
    states = {name: record["state"] for name, record in console.records("status").items()}
    assert (states["redis"], states["control"], states["broker"]) == ("running", "stopped", "stopped")
    console("down")
    assert of_project("container", project) == []


def test_a_killed_control_database_is_told_and_comes_back_with_its_data(console: CommandLine) -> None:
    console("up", "control")
    docker("kill", container(console, "control"))
    assert "exit code 137" in str(console.records("health", "control", code=1)["control"]["error"])
    assert console.records("status", "control")["control"]["state"] in ("failed", "stopped")
    console("up", "control")
    assert console.records("health", "control")["control"]["ok"]


@pytest.fixture
def built(console: CommandLine) -> CommandLine:
    if not os.environ.get("DBFLEET_CONSOLE_BASE") or not os.environ.get("DBFLEET_NGINX_IMAGE"):
        pytest.skip("no images are named in this run")
    names = (
        "DBFLEET_CONSOLE_BASE",
        "DBFLEET_NGINX_IMAGE",
        "PIP_CERT",
        "PIP_INDEX_URL",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
    )
    console.environment |= {name: os.environ[name] for name in names if name in os.environ}
    return console


CONSOLE = ("control", "broker", "web", "worker", "beat", "hostworker", "nginx")


SHARED = "what web and the issuer share"


def test_the_console_is_built_of_this_dbfleet_and_comes_up_in_containers(built: CommandLine) -> None:
    built.environment |= {
        "DBFLEET_CONSOLE_OIDC_URL": "https://login.example.org",
        "DBFLEET_CONSOLE_OIDC_CLIENT": "dbfleet",
        "DBFLEET_CONSOLE_OIDC_SECRET": SHARED,
        "DBFLEET_CONSOLE_OIDC_NAME": "Our $HOME 'login'",
        "DBFLEET_WORKER_SLOTS": "2",
    }
    with built.start("up", "redis", "console", "--timeout", "1800") as child:  # the first build takes minutes
        _, err = child.communicate(timeout=1800)
    assert child.returncode == 0, err
    found = built.records("status")
    assert {name: found[name]["state"] for name in CONSOLE} == dict.fromkeys(CONSOLE, "running")
    runtimes = {name: found[name]["runtime"] for name in CONSOLE}
    assert runtimes == {**dict.fromkeys(CONSOLE, "docker"), "hostworker": "process"}
    assert all(record["ok"] for record in built.records("health").values())
    inside = ("web", "worker", "beat")
    label = f'{{{{index .Config.Labels "{docker_images.SOURCE}"}}}}'
    # The mark of this installation, or of another one with the same content that has built it before.
    assert len(docker("inspect", "--format", label, container(built, "web")).strip()) == len(_image.source())
    assert len({docker("inspect", "--format", "{{.Image}}", container(built, name)) for name in inside}) == 1

    fleet = built.folder / "s" / built.environment["DBFLEET_FLEET"]
    secrets = [file.read_text("ascii") for file in (fleet / "secrets").iterdir() if file.is_file()]
    told = docker("inspect", *(container(built, name) for name in inside))
    assert not [secret for secret in [*secrets, SHARED] if secret in told]

    def said(name: str, *command: str) -> str:
        return docker("exec", container(built, name), *command)

    assert said("web", "id", "-u") == "10001"
    assert SHARED in said("web", "cat", "/run/dbfleet/oidc-secret")
    assert SHARED not in said("worker", "sh", "-c", "cat /run/dbfleet/*; env")
    assert said("worker", "printenv", "DBFLEET_WORKER_SLOTS").strip() == "2"
    assert said("web", "printenv", "DBFLEET_CONSOLE_OIDC_NAME").strip() == "Our $HOME 'login'"
    writers = (fleet / "secrets" / "password").read_text("ascii")
    assert writers in said("worker", "sh", "-c", "cat /run/dbfleet/*")
    assert writers not in said("web", "sh", "-c", "cat /run/dbfleet/* /run/secrets/*")
    assert "PONG" in said("worker", "python3", "-m", "dbfleet", "query", "redis", "PING")
    assert "PONG" in said("web", "python3", "-m", "dbfleet", "query", "redis", "PING", "--read-only")

    flower = (fleet / "secrets" / "flower").read_text("ascii")
    assert flower not in docker("inspect", container(built, "nginx"))
    ask = ("curl", "--silent", "--insecure", "--include")
    url = found["nginx"]["url"]
    assert " 200 " not in said("nginx", *ask, "https://127.0.0.1:8443/flower/").splitlines()[0], "nobody is logged in"
    assert f"Location: {url}/jobs" in said("nginx", *ask, "http://127.0.0.1:8080/jobs")
    for _ in ("from web", "from nginx's cache"):
        assert " 200 " in said("nginx", *ask, "https://127.0.0.1:8443/static/console.css").splitlines()[0]
    large = ("sh", "-c", f"head -c 5000000 /dev/zero | {' '.join(ask)} --data-binary @- https://127.0.0.1:8443/login")
    assert " 403 " in said("nginx", *large), "web has heard of it"

    first = {name: container(built, name) for name in inside}
    built("up", "console", "--timeout", "600")
    assert {name: container(built, name) for name in inside} == first, "what runs as it should is left alone"
    docker("kill", container(built, "worker"))
    assert not built.records("health", "worker", code=1)["worker"]["ok"]


@pytest.fixture
def doors(built: CommandLine) -> CommandLine:
    if not os.environ.get("DBFLEET_PGADMIN_IMAGE"):
        pytest.skip("no images are named in this run")
    built.environment["DBFLEET_PGADMIN_IMAGE"] = os.environ["DBFLEET_PGADMIN_IMAGE"]
    return built


def browser() -> OpenerDirector:
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    return build_opener(HTTPSHandler(context=trusting), HTTPCookieProcessor(CookieJar()))


def admin(link: str) -> OpenerDirector:
    """Somebody who has opened the first admin's link, and made a password."""
    opener = browser()
    form = opener.open(link).read().decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)
    assert token, form
    fields = {"csrfmiddlewaretoken": token[1], "username": "ada", "password": "a long one: 7 Horses"}
    opener.open(Request(link, urlencode(fields).encode(), {"Referer": link}))
    return opener


def test_flower_and_pgadmin_are_there_for_the_admin_and_pgadmin_knows_the_servers(doors: CommandLine) -> None:
    said = doors.both("up", "flower", "pgadmin", "--timeout", "1800")[1]
    assert "taken" not in "".join(line for line in said.splitlines() if line.startswith(("flower", "pgadmin")))
    assert all(record["ok"] for record in doors.records("health", "flower", "pgadmin").values())
    link = doors("console", "link").strip()
    url = link.partition("/link/")[0]
    someone, ada = browser(), admin(link)
    for page, word in (("/flower/", "Flower"), ("/pgadmin/login", "pgAdmin 4")):
        assert "/login?next=" in someone.open(url + page).url
        answer = ada.open(url + page)
        assert (answer.url, answer.status) == (url + page, 200)
        assert word in answer.read().decode()

    said = doors.both("up", "postgres")[1]
    assert "restart pgadmin" in said, "it was told of no server when it started"
    doors("restart", "pgadmin")
    reads = (
        "import psycopg, sqlite3\n"
        "name, host, port, user, database, file = sqlite3.connect('/var/lib/pgadmin/pgadmin4.db').execute("
        "\"select name, host, port, username, maintenance_db, json_extract(connection_params, '$.passfile')\""
        '" from server").fetchone()\n'
        "passwords = '/var/lib/pgadmin/storage/dbfleet_example.com' + file\n"
        "with psycopg.connect(host=host, port=port, user=user, dbname=database, passfile=passwords) as connection:\n"
        "    print(name, *connection.execute('select current_user').fetchone())\n"
    )
    asked = docker("exec", container(doors, "pgadmin"), "/venv/bin/python3", "-c", reads)
    assert asked.split() == ["postgres", "dbfleet_ro"]
    doors("stop", "flower")
    with pytest.raises(HTTPError, match="502") as told:
        ada.open(url + "/flower/")
    assert "dbfleet health" in told.value.read().decode()


def test_older_images_of_this_dbfleet_are_removed_and_no_other() -> None:
    mark, other = (f"test-{uuid.uuid4().hex[:8]}" for _ in range(2))

    def build(tag: str, source: str) -> str:
        text = f"FROM {IMAGES['DBFLEET_REDIS_IMAGE']}\nLABEL {docker_images.SOURCE}={source} tag={tag}\n"
        docker("build", "--quiet", "--tag", f"{mark}:{tag}", "-", given=text)
        return f"{mark}:{tag}"

    old, used, kept, foreign = build("old", mark), build("used", mark), build("kept", mark), build("foreign", other)
    holder = docker("create", used).strip()
    try:
        assert docker_images.remove_older(mark, kept) == [old]
        assert set(docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", mark).split()) == {used, kept, foreign}
        docker("rm", holder)
        assert docker_images.remove_older(mark, kept) == [used]
    finally:
        docker_images.remove_older(mark, "")
        docker_images.remove_older(other, "")
