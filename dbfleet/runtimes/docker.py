"""The runtime `docker`: the stacks as containers, by compose v2 through python-on-whales, which only this file imports.

Rules:
- Each fleet has one compose project, `dbfleet-<fleet>`, with the stacks unmodified. A target whose name is not its
  engine's has the stack in a project of its own. A project's name is recorded in the fleet's state before anything is
  made; where another fleet on this Docker engine has the name, ours gets a suffix.
- Ports, images, memory caps and the folder of the password file are variables in the stacks. Compose reads them from a
  file, so they do not depend on the user's shell, and no command shows them.
- `down` removes containers and the network. The volumes hold the data and are removed only with `volumes`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dbfleet import own
from dbfleet.errors import DbfleetError, RuntimeFailure
from dbfleet.own import PROJECT, engine_socket
from dbfleet.runtimes import (
    TAIL_LINES,
    ClientCommand,
    Deadline,
    Event,
    Report,
    Server,
    ServerState,
    compose,
    docker_engine,
    docker_output,
    log_tail,
    port_taken,
)
from dbfleet.spec import ServerSpec

if TYPE_CHECKING:
    from python_on_whales import DockerClient

_PULL_S: Final = 3600.0
"""How long a download may take where the user gave no deadline."""


class DockerRuntime:
    """The containers of the fleet `fleet`, whose records are in `state` and whose password file is in `secrets`."""

    name = "docker"

    def __init__(self, fleet: str, state: Path, secrets: Path) -> None:
        self.projects = compose.Projects(fleet, state / "docker", secrets)
        self._containers: dict[tuple[str, str], str] = {}

    # --- the protocol ---------------------------------------------------------------------------------------------

    def check(self) -> None:
        docker = docker_engine.look(timeout_s=10.0)
        if not docker.usable:
            raise docker.failure()

    def missing(self, spec: ServerSpec) -> str | None:
        if not compose.stack(spec).is_file():
            return f"there is no stack for {spec.title}"
        return None

    def prepare(self, servers: Sequence[Server], *, deadline: Deadline, report: Report) -> Mapping[str, DbfleetError]:
        failures: dict[str, DbfleetError] = {}
        self.projects.remember_engine(engine_socket.endpoint())
        by_project: dict[str, list[Server]] = {}
        for project in {self.projects.of(server) for server in servers} - {None}:
            if self._others(str(project)):  # our containers of that name were removed by hand
                self.projects.forget(str(project))
        for server in servers:
            by_project.setdefault(self.projects.made_for(server, self._taken), []).append(server)
        running = {target for target, state in self.states(servers).items() if state.alive}
        for project, members in by_project.items():
            self.projects.write_variables(project, members, running)
            failures |= self._pull(project, members, deadline, report)
            left = [server for server in members if server.target not in failures]
            failures |= self._create(project, left, deadline, report)
        return failures

    def start(self, server: Server, *, deadline: Deadline, report: Report) -> None:
        container = self._container(server)
        if container is None:
            raise RuntimeFailure(f"{server.target} has no container", target=server.target, engine=server.spec.name)
        if self._inspect([container])[0]["State"]["Running"]:
            return
        report(Event(server.target, "starting", f"container {container[:12]}"))
        code, output = self._run_visibly([*self._docker().client_config.docker_cmd, "start", container], deadline)
        if code:
            raise self._cannot_start(server, output)

    def stop(self, servers: Sequence[Server], *, report: Report) -> Sequence[str]:
        running = [server for server, state in zip(servers, self.states(servers).values(), strict=True) if state.alive]

        def stop(server: Server) -> str:
            report(Event(server.target, "stopping"))
            # Without a time, so that the stack's stop_grace_period holds.
            self._call(["container", "stop", str(self._container(server))], server)
            report(Event(server.target, "stopped"))
            return server.target

        with ThreadPoolExecutor(max(1, len(running))) as pool:
            return list(pool.map(stop, running))

    def kill(self, servers: Sequence[Server]) -> None:
        for container in filter(None, map(self._container, servers)):
            with suppress(RuntimeFailure):  # it does not run
                self._call(["container", "kill", container])

    def down(self, servers: Sequence[Server], *, volumes: bool, report: Report) -> Sequence[str]:
        ours = [server for server in servers if self.projects.of(server)]
        if not ours:
            return []
        self.check()
        there = {server.target for server in ours if self._container(server)}
        self.stop(ours, report=report)
        for server in ours:
            if container := self._container(server):
                self._call(["container", "rm", "--force", "--volumes", container], server)
                self._containers.pop(self._key(server), None)
        if volumes:
            there |= {server.target for server in ours if self._remove_volumes(server)}
        for project in {self.projects.of(server) for server in ours}:
            self._remove_if_empty(project)
        return [server.target for server in servers if server.target in there]

    def states(self, servers: Sequence[Server], *, memory: bool = False) -> Mapping[str, ServerState]:
        ids = {server.target: self._container(server) for server in servers}
        present = [container for container in ids.values() if container]
        inspected = {found["Id"]: found for found in self._inspect(present)}
        running = [container for container in inspected.values() if container["State"]["Running"]]
        used = self._memory(running) if memory else {}
        return {
            server.target: docker_output.state(container, used.get(container["Id"]), server.spec.inner_port)
            if (container := inspected.get(ids[server.target] or ""))
            else ServerState("absent")
            for server in servers
        }

    def failure(self, server: Server, state: ServerState) -> RuntimeFailure:
        said = log_tail(self, server)
        message = f"{server.target}'s container ended while it was starting"
        message += f" with exit code {state.exit_code}" if state.exit_code is not None else ""
        hint = f"all of its log: dbfleet logs {server.target}"
        if state.detail:
            message += f" ({state.detail})"
        if state.fate and state.fate.mend == "memory":
            hint = f"give it more: {_setting(server, 'memory')}"
        elif "no space left on device" in said.lower():
            message = f"{server.target}'s container ended: the disk that holds Docker's data is full"
            hint = "make room, for example with `docker system prune`"
        return RuntimeFailure(
            message,
            exit_code=state.exit_code,
            log_tail=said,
            engine=server.spec.name,
            target=server.target,
            hint=hint,
        )

    def logs(self, server: Server, *, follow: bool = False, lines: int | None = None) -> Iterator[str]:
        container = self._container(server)
        if container is None:
            raise RuntimeFailure(
                f"{server.target} has no container, so no log",
                target=server.target,
                hint=f"start it with dbfleet up {server.target}",
            )
        command = [*self._docker().client_config.docker_cmd, "logs"]
        command += ["--follow"] * follow + (["--tail", str(lines)] if lines is not None else [])
        return docker_output.lines_of([*command, container])

    def client(self, server: Server) -> ClientCommand | None:
        container = self._container(server)
        if not server.spec.client:
            return None
        if container is None or not self._inspect([container])[0]["State"]["Running"]:
            raise RuntimeFailure(
                f"{server.target} does not run",
                target=server.target,
                engine=server.spec.name,
                hint=f"start it with dbfleet up {server.target}",
            )
        # `sh -c SCRIPT PROGRAM …` is a shell that then runs PROGRAM.
        program = server.spec.client[3 if server.spec.client[:2] == ("sh", "-c") else 0]
        if not self._has(container, program):
            return None  # an image that the user set may not have it
        inside = [
            word.replace("{user}", server.user).replace("{database}", server.database) for word in server.spec.client
        ]
        terminal = ["--tty"] if sys.stdin.isatty() and sys.stdout.isatty() else []
        docker = list(map(str, self._docker().client_config.docker_cmd))
        return ClientCommand((*docker, "exec", "--interactive", *terminal, container, *inside))

    def beside(self, server: Server, command: Sequence[str]) -> ClientCommand:
        container = self._container(server)
        if container is None:
            raise RuntimeFailure(
                f"{server.target} has no container",
                target=server.target,
                hint=f"start it with dbfleet up {server.target}",
            )
        docker = list(map(str, self._docker().client_config.docker_cmd))
        return ClientCommand((*docker, "exec", container, *command))

    def _has(self, container: str, program: str) -> bool:
        try:
            return bool(self._call(["container", "exec", container, "sh", "-c", f"command -v {program}"]))
        except RuntimeFailure:
            return False

    def places(self, server: Server) -> Mapping[str, str]:
        project = self.projects.of(server)
        if project is None:
            return {}
        places = {
            "project": project,
            "stack": str(compose.stack(server.spec)),
            "variables": str(self.projects.variables(project)),
        }
        if container := self._container(server):
            for mount in self._inspect([container])[0]["Mounts"]:
                if mount["Type"] == "volume":
                    places[f"volume {mount['Destination']}"] = mount["Name"]
        return places

    # --- projects -------------------------------------------------------------------------------------------------

    def _taken(self, project: str) -> bool:
        """Whether a project of that name has anything: containers, or the volumes that a `down` leaves."""
        label = f"label={PROJECT}={project}"
        return bool(
            self._call(["container", "ls", "--all", "--quiet", "--filter", label])
            or self._call(["volume", "ls", "--quiet", "--filter", label])
        )

    def _docker(self, project: str | None = None, servers: Sequence[Server] = ()) -> DockerClient:
        from python_on_whales import DockerClient

        if project is None:
            return DockerClient()
        # In compose an exported variable wins over the file, so ours are removed from the environment.
        hiding = [word for name in os.environ if name.startswith("DBFLEET_") for word in ("-u", name)]
        return DockerClient(
            client_call=["env", *hiding, "docker"] if hiding else ["docker"],
            compose_files=[*sorted({compose.stack(server.spec) for server in servers}), *self.projects.overlays()],
            compose_project_name=project,
            compose_env_files=[self.projects.variables(project)],
        )

    def _config(self, project: str, servers: Sequence[Server]) -> dict[str, Any]:
        try:
            return dict(self._docker(project, servers).compose.config(return_json=True))
        except Exception as error:
            raise _ours(error, "the stacks cannot be read") from error

    # --- images and containers ------------------------------------------------------------------------------------

    def _pull(
        self, project: str, servers: Sequence[Server], deadline: Deadline, report: Report
    ) -> dict[str, DbfleetError]:
        """Pull the missing images, and build those that are made here. Unless the user gave a deadline, a download does
        not count: ten images are gigabytes, and the deadline is about the start of the servers."""
        services = self._config(project, servers)["services"]
        docker = self._docker()
        failures: dict[str, DbfleetError] = {}

        def pull(server: Server) -> None:
            image, platform = services[server.spec.name]["image"], services[server.spec.name].get("platform")
            if docker.image.exists(image):
                return
            report(Event(server.target, "pulling", image))
            code, output = self._run_visibly(
                [*docker.client_config.docker_cmd, "pull", *(["--platform", platform] if platform else []), image],
                deadline.at_least(_PULL_S),
                docker_output.pull_progress(server.target, image, report),
            )
            if code:
                message, hint = docker_engine.meaning(output)
                failures[server.target] = RuntimeFailure(
                    f"the image {image} of {server.target} cannot be pulled: {message}",
                    command=("docker", "pull", image),
                    exit_code=code,
                    engine=server.spec.name,
                    target=server.target,
                    hint=hint or f"name one that is here or can be had: {_setting(server, 'image')}",
                )

        began = time.monotonic()
        made = [server for server in servers if "build" in services[server.spec.name]]
        for image in {services[server.spec.name]["image"] for server in made}:
            of_image = [server for server in made if services[server.spec.name]["image"] == image]
            if not docker.image.exists(image):
                failures |= self._build(project, of_image, image, deadline, report)
        with ThreadPoolExecutor(max(1, len(servers))) as pool:
            list(pool.map(pull, [server for server in servers if server not in made]))
        deadline.grant(time.monotonic() - began)
        return failures

    def _build(
        self, project: str, servers: Sequence[Server], image: str, deadline: Deadline, report: Report
    ) -> dict[str, DbfleetError]:
        """Build the image that these servers have in common, once."""

        def tell(line: str) -> None:
            if step := re.match(r"(?:#\d+ \[.*?|Step )(\d+)/(\d+)", line):
                report(Event(servers[0].target, "building", f"{image}, step {step[1]} of {step[2]}"))

        report(Event(servers[0].target, "building", image))
        command = list(self._docker(project, servers).client_config.docker_compose_cmd)
        # Docker without buildx has its old builder only, and must be told to use it.
        old = [] if docker_engine.has_buildx() else ["env", "DOCKER_BUILDKIT=0"]
        code, output = self._run_visibly(
            [*old, *command, "build", servers[0].spec.name], deadline.at_least(_PULL_S), tell
        )
        if not code:
            return {}
        message, hint = docker_engine.meaning(output)
        return {
            server.target: RuntimeFailure(
                f"the image {image} of {server.target} cannot be built: {message}",
                command=("docker", "compose", "build", server.spec.name),
                exit_code=code,
                log_tail="\n".join(output.strip().splitlines()[-TAIL_LINES:]),
                engine=server.spec.name,
                target=server.target,
                hint=hint or f"name one that is here or can be had: {_setting(server, 'image')}",
            )
            for server in servers
        }

    def _create(
        self, project: str, servers: Sequence[Server], deadline: Deadline, report: Report
    ) -> dict[str, DbfleetError]:
        """Make containers, network and volumes; a running container with the right settings is left alone."""
        if not servers:
            return {}
        for server in servers:
            report(Event(server.target, "creating"))
        there = [container for server in servers if (container := self._container(server))]
        for inspected in self._inspect(there):
            if inspected["State"].get("Paused"):  # compose would start it, and the Docker engine refuses that
                self._call(["container", "unpause", inspected["Id"]])
        up = [*self._docker(project, servers).client_config.docker_compose_cmd, "up", "--no-start", "--no-build"]
        code, output = self._run_visibly([*up, *(server.spec.name for server in servers)], deadline)
        self._containers.clear()
        if not code:
            return {}
        if len(servers) == 1:
            return {servers[0].target: self._cannot_start(servers[0], output)}
        failures: dict[str, DbfleetError] = {}
        for server in servers:  # one by one, to find those that fail
            failures |= self._create(project, [server], deadline, report)
        return failures

    def _cannot_start(self, server: Server, output: str) -> RuntimeFailure:
        taken = docker_engine.taken_port(output)
        if taken is not None:
            besides = self.projects.variable(self.projects.of(server) or "", server, taken)
            return port_taken(server, taken if besides else None, besides)
        message, hint = docker_engine.meaning(output)
        return RuntimeFailure(
            f"{server.target}'s container cannot be started: {message}",
            log_tail=output.strip(),
            engine=server.spec.name,
            target=server.target,
            hint=hint,
        )

    def _key(self, server: Server) -> tuple[str, str]:
        return self.projects.of(server) or "", server.spec.name

    def _container(self, server: Server) -> str | None:
        key = self._key(server)
        if not key[0]:
            return None
        if key not in self._containers:
            try:
                inspected = own.look(engine_socket.endpoint(), *key)
            except engine_socket.NoEngine as error:
                self.check()  # its error says more
                raise RuntimeFailure(
                    f"the Docker engine does not answer: {error}", target=server.target, engine=server.spec.name
                ) from error
            if inspected is None or not own.is_ours(inspected, self.projects.secrets):
                return None
            self._containers[key] = inspected["Id"]
        return self._containers[key]

    def _others(self, project: str) -> bool:
        """Whether the project has a container of another fleet: one of the same name in another state directory."""
        listed = self._call(["container", "ls", "--all", "--quiet", "--filter", f"label={PROJECT}={project}"]).split()
        return any(not own.is_ours(found, self.projects.secrets) for found in self._inspect(listed))

    def _inspect(self, containers: Sequence[str]) -> list[dict[str, Any]]:
        if not containers:
            return []
        try:
            return list(json.loads(self._call(["container", "inspect", *containers])))
        except RuntimeFailure as error:
            if "No such container" not in error.log_tail:
                raise
            self._containers.clear()  # somebody removed it meanwhile
            return [found for one in containers if len(containers) > 1 for found in self._inspect([one])]

    def _memory(self, running: Sequence[Mapping[str, Any]]) -> dict[str, int]:
        """The memory of each container, in bytes. `docker stats` takes two seconds, so the control groups are read
        where they can be seen from here."""
        used = {found["Id"]: docker_output.memory(found["Id"], found["State"]["Pid"]) for found in running}
        if unknown := [container for container, count in used.items() if count is None]:
            try:
                used |= {stats.container_id: int(stats.memory_used) for stats in self._docker().stats(unknown)}
            except Exception as error:
                raise _ours(error, "the containers' memory cannot be read") from error
        return {container: count for container, count in used.items() if count is not None}

    def _remove_volumes(self, server: Server) -> bool:
        project = self.projects.of(server)
        if project is None or not self.projects.variables(project).exists() or self._others(project):
            return False
        config = self._config(project, [server])
        mounts = config["services"][server.spec.name].get("volumes", ())
        names = [config["volumes"][mount["source"]]["name"] for mount in mounts if mount["type"] == "volume"]
        there = set(self._call(["volume", "ls", "--quiet", "--filter", f"label={PROJECT}={project}"], server).split())
        wanted = [name for name in names if name in there]
        if wanted:
            self._call(["volume", "rm", *wanted], server)
        return bool(wanted)

    def _remove_if_empty(self, project: str | None) -> None:
        """Remove the networks once the last container is gone, and the project's name once the data is gone too."""
        label = f"label={PROJECT}={project}"
        if project and not self._call(["container", "ls", "--all", "--quiet", "--filter", label]):
            for network in self._call(["network", "ls", "--quiet", "--filter", label]).split():
                self._call(["network", "rm", network])
            if not self._taken(project):
                self.projects.forget(project)

    # --- running the client ---------------------------------------------------------------------------------------

    def _call(self, arguments: Sequence[str], server: Server | None = None) -> str:
        from python_on_whales.utils import run

        try:
            return str(run([*self._docker().client_config.docker_cmd, *arguments]))
        except Exception as error:
            raise _ours(error, f"docker {' '.join(arguments[:2])} failed", server) from error

    def _run_visibly(self, command: Sequence[object], deadline: Deadline, each_line: Any = None) -> tuple[int, str]:
        """Run the command to its end and return its exit code and output; `each_line` gets every line. When it is
        cancelled, the command is terminated, and we wait for its end."""
        lines: list[str] = []
        child = docker_output.popen(command)
        with child, ThreadPoolExecutor(1) as pool:
            assert child.stdout

            def read() -> None:
                for line in child.stdout or ():
                    text = line.decode(errors="replace").rstrip()
                    lines.append(text)
                    if each_line:
                        each_line(text)

            reading = pool.submit(read)
            try:
                while child.poll() is None:
                    deadline.sleep(0.03)
                    if deadline.passed:
                        child.terminate()
                        lines.append(f"it took longer than {deadline.seconds:g} s")
                        break
            except BaseException:
                child.terminate()
                raise
            finally:
                child.wait()
                reading.result()
        return child.returncode, "\n".join(lines)


def _setting(server: Server, what: str) -> str:
    """How a user sets it for this target, as a hint says it."""
    variable = f"DBFLEET_{re.sub('[^A-Z0-9]', '_', server.target.upper())}_{what.upper()}"
    table = "targets" if server.spec.kind == "engines" else server.spec.kind
    return f"{what} under [{table}.{server.target}] in dbfleet.toml, or {variable}"


def _ours(error: Exception, what: str, server: Server | None = None) -> DbfleetError:
    """An exception of python-on-whales as RuntimeFailure. The command in it holds no secret."""
    if isinstance(error, DbfleetError):
        return error
    from python_on_whales.exceptions import DockerException

    if not isinstance(error, DockerException):
        if shutil.which("docker") is None:
            return docker_engine.look().failure()
        raise error
    said = error.stderr or ""
    message, hint = docker_engine.meaning(said)
    return RuntimeFailure(
        f"{what}: {message}",
        command=tuple(map(str, error.docker_command)),
        exit_code=error.return_code,
        log_tail=said.strip(),
        engine=server.spec.name if server else None,
        target=server.target if server else None,
        hint=hint,
    )
