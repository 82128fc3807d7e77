"""A fleet's compose projects: their names, and the variables of their stacks. No docker command is run here.

Rule: a project's name is recorded before anything is made in it. A target with its engine's name is in the fleet's
project; any other has the stack in a project of its own. The variables of the stacks (ports, images, memory caps, the
folder of the password file) are in a file of mode 0600, under the names that the stacks use. Servers whose ports were
taken while they started are given others each in a thread of its own: one at a time reads and writes these files.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Final

from dbfleet.errors import RuntimeFailure
from dbfleet.own import ENGINE_FILE, PROJECTS_FILE, project_key
from dbfleet.runtimes import Server, ports
from dbfleet.runtimes.ports import short_hash
from dbfleet.spec import ServerSpec

OVERLAY: Final = "overlay.json"
"""The name of the file, in a fleet's folder for Docker, that adds to its stacks."""


class Projects:
    """The projects of the fleet `fleet`, recorded in `folder`; its secrets are in `secrets`."""

    def __init__(self, fleet: str, folder: Path, secrets: Path) -> None:
        self.fleet = fleet
        self.folder = folder
        self.secrets = secrets
        self._writing = threading.RLock()

    def of(self, server: Server) -> str | None:
        """The project of the server; None where none was made yet."""
        return self._known().get(_key(server))

    def made_for(self, server: Server, taken: Callable[[str], bool]) -> str:
        """The project of the server; its name is chosen now if it has none. `taken` says whether a project of this name
        exists already."""
        with self._writing:
            known, key = self._known(), _key(server)
            if key not in known:
                wanted = f"dbfleet_{key}_of_{self.fleet}" if key else f"dbfleet-{self.fleet}"
                if taken(wanted):
                    wanted += "-" + short_hash(os.fsencode(self.folder.resolve()))
                known[key] = wanted
                self._write(self.folder / PROJECTS_FILE, json.dumps(known))
            return known[key]

    def remember_engine(self, endpoint: str) -> None:
        """Record the address of the Docker engine on which the containers are made: a later command may have another
        environment."""
        with self._writing:
            self._write(self.folder / ENGINE_FILE, endpoint)

    def forget(self, project: str) -> None:
        """Remove the project's name from the record: nothing of that name is left, and another fleet may take it."""
        with self._writing:
            known = self._known()
            if project in known.values():
                kept = {key: name for key, name in known.items() if name != project}
                self._write(self.folder / PROJECTS_FILE, json.dumps(kept))

    def variables(self, project: str) -> Path:
        """The path of the file with the project's variables."""
        return self.folder / f"{project}.env"

    def overlays(self) -> list[Path]:
        """The compose files that add to every stack of this fleet (docker_labels.py); none, as a rule."""
        overlay = self.folder / OVERLAY
        return [overlay] if overlay.is_file() else []

    def variable(self, project: str, server: Server, port: int) -> str | None:
        """The variable of a port that the server's stack publishes besides its own; None where this is none such."""
        values = self._values(project)
        return next((name for name in _other_ports(server.spec) if values.get(name) == str(port)), None)

    def _values(self, project: str) -> dict[str, str]:
        file = self.variables(project)
        lines = file.read_text("utf-8").splitlines() if file.exists() else ()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def write_variables(self, project: str, servers: Sequence[Server], running: Collection[str] = ()) -> None:
        """Write these servers' variables into the file; those of the project's other services stay. A port besides the
        server's own that is on record stays where the server is `running`, or nobody else has it."""
        with self._writing:
            values = self._values(project)
            values["DBFLEET_SECRETS_DIR"] = _quoted(str(self.secrets))
            for server in servers:
                prefix = f"DBFLEET_{server.spec.name.upper()}"
                if server.port:
                    values[f"{prefix}_PORT"] = str(server.port)
                values |= {name: _quoted(value) for name, value in server.environment.items()}
                for name, default in _other_ports(server.spec).items():
                    if name in server.environment:
                        continue
                    if name in os.environ:
                        values[name] = os.environ[name]
                        continue
                    known = values.get(name, "")
                    port = int(known) if known.isdigit() else default
                    # With another one compose would replace the container; and a server that runs has its port itself.
                    if server.target not in running and not ports.is_free(port):
                        port = ports.choose(f"{project} {name}")
                    values[name] = str(port)
                values.pop(f"{prefix}_PLATFORM", None)
                if platform := os.environ.get(f"{prefix}_PLATFORM"):
                    values[f"{prefix}_PLATFORM"] = platform
                for name, value in (("IMAGE", server.image), ("MEMORY", server.memory)):
                    values.pop(f"{prefix}_{name}", None)
                    if value:
                        values[f"{prefix}_{name}"] = _quoted(value)
            self._write(self.variables(project), "".join(f"{name}={value}\n" for name, value in values.items()))

    def _known(self) -> dict[str, str]:
        file = self.folder / PROJECTS_FILE
        try:
            names: dict[str, str] = json.loads(file.read_bytes())
            if not all(isinstance(name, str) for name in names.values()):
                raise TypeError("a project's name is no text")
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
            raise RuntimeFailure(f"{file} is damaged", hint="remove it; `docker compose ls` shows what runs") from error
        return names

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


def stack(spec: ServerSpec) -> Path:
    """The compose file of one engine or service; that of an outside engine comes with its package. compose.yaml
    includes them all and is not used: compose would make the volumes of every engine."""
    return spec.stack or stacks() / spec.kind / f"{spec.name}.yaml"


def _other_ports(spec: ServerSpec) -> Mapping[str, int]:
    """The ports that a stack publishes beside the engine's own, such as that of Neo4j's web page: defaults by
    variable."""
    variables = re.findall(r"\$\{(DBFLEET_\w+_PORT):-(\d+)", stack(spec).read_text("utf-8"))
    return {name: int(default) for name, default in variables if name != f"DBFLEET_{spec.name.upper()}_PORT"}


def _key(server: Server) -> str:
    return project_key(server.target, server.spec.name)


def _quoted(value: str) -> str:
    """The value as a compose env file needs it, so that nothing in it is expanded."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
