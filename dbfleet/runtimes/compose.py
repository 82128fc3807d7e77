"""A fleet's compose projects: their names, and what is told to the stacks. No docker command is run here.

Rule: a project's name is on record before anything is made in it. A target that is called as its engine lives in the
fleet's project; any other has the stack once more, in a project of its own. What the stacks leave open (ports, images,
memory caps, the folder of the password file) is in a file of mode 0600, named by the engine as the stacks name it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from dbfleet.errors import RuntimeFailure
from dbfleet.own import ENGINE_FILE, PROJECTS_FILE, project_key
from dbfleet.runtimes import Server, ports
from dbfleet.runtimes.ports import short_hash
from dbfleet.spec import EngineSpec


class Projects:
    """The projects of the fleet `fleet`, on record in `folder`; `secrets` holds the password file."""

    def __init__(self, fleet: str, folder: Path, secrets: Path) -> None:
        self.fleet = fleet
        self.folder = folder
        self.secrets = secrets
        self.password_file = secrets / "password"

    def of(self, server: Server) -> str | None:
        """The project that holds the server; None where none was ever made."""
        return self._known().get(_key(server))

    def made_for(self, server: Server, taken: Callable[[str], bool]) -> str:
        """The same, named now if need be. `taken` says whether somebody else's things have that name."""
        known, key = self._known(), _key(server)
        if key not in known:
            wanted = f"dbfleet_{key}_of_{self.fleet}" if key else f"dbfleet-{self.fleet}"
            if taken(wanted):
                wanted += "-" + short_hash(os.fsencode(self.folder.resolve()))
            known[key] = wanted
            self._write(self.folder / PROJECTS_FILE, json.dumps(known))
        return known[key]

    def remember_engine(self, endpoint: str) -> None:
        """Where the engine is that the containers are made on, for who asks later with another environment."""
        self._write(self.folder / ENGINE_FILE, endpoint)

    def forget(self, project: str) -> None:
        """Nothing of that name is there any more: somebody else may take it."""
        known = self._known()
        if project in known.values():
            kept = {key: name for key, name in known.items() if name != project}
            self._write(self.folder / PROJECTS_FILE, json.dumps(kept))

    def variables(self, project: str) -> Path:
        """The file of the project's variables."""
        return self.folder / f"{project}.env"

    def write_variables(self, project: str, servers: Sequence[Server]) -> None:
        """Add these servers' variables; those of the project's other services stay."""
        file = self.variables(project)
        values: dict[str, str] = {}
        if file.exists():
            values = dict(line.split("=", 1) for line in file.read_text("utf-8").splitlines() if "=" in line)
        values["DBFLEET_SECRETS_DIR"] = _quoted(str(self.secrets))
        for server in servers:
            prefix = f"DBFLEET_{server.spec.name.upper()}"
            values[f"{prefix}_PORT"] = str(server.port)
            for name, default in _other_ports(server.spec).items():
                if name in os.environ:
                    values[name] = os.environ[name]
                elif name not in values:  # what was chosen once stays: another one would make the container anew
                    values[name] = str(default if ports.is_free(default) else ports.choose(f"{project} {name}"))
            values.pop(f"{prefix}_PLATFORM", None)
            if platform := os.environ.get(f"{prefix}_PLATFORM"):
                values[f"{prefix}_PLATFORM"] = platform
            for name, value in (("IMAGE", server.image), ("MEMORY", server.memory)):
                values.pop(f"{prefix}_{name}", None)
                if value:
                    values[f"{prefix}_{name}"] = _quoted(value)
        self._write(file, "".join(f"{name}={value}\n" for name, value in values.items()))

    def _known(self) -> dict[str, str]:
        file = self.folder / PROJECTS_FILE
        try:
            found: dict[str, str] = json.loads(file.read_bytes())
            if not all(isinstance(name, str) for name in found.values()):
                raise TypeError("a project's name is no text")
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
            raise RuntimeFailure(f"{file} is damaged", hint="remove it; `docker compose ls` shows what runs") from error
        return found

    def _write(self, file: Path, text: str) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = file.with_suffix(f".{os.getpid()}")
        fresh.touch(mode=0o600)
        fresh.write_text(text, "utf-8")
        os.replace(fresh, file)


def stacks() -> Path:
    """The folder of the stacks: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "stacks", package.parent / "stacks"):
        if (folder / "compose.yaml").is_file():
            return folder
    raise RuntimeFailure("the stacks are missing from this installation of dbfleet", hint="install it again")


def stack(spec: EngineSpec) -> Path:
    """The compose file of one engine: an outside engine's comes with its package. Used instead of compose.yaml, which
    includes them all: compose would make the volumes of engines that nobody asked for."""
    return spec.stack or stacks() / "engines" / f"{spec.name}.yaml"


def _other_ports(spec: EngineSpec) -> Mapping[str, int]:
    """The ports that a stack publishes beside the engine's own, such as Neo4j's web page: variable and default."""
    found = re.findall(r"\$\{(DBFLEET_\w+_PORT):-(\d+)", stack(spec).read_text("utf-8"))
    return {name: int(default) for name, default in found if name != f"DBFLEET_{spec.name.upper()}_PORT"}


def _key(server: Server) -> str:
    return project_key(server.target, server.spec.name)


def _quoted(value: str) -> str:
    """For a compose env file: nothing in it is expanded."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
