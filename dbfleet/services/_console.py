"""What the roles of the console have in common: how one runs as a local process, and what its environment says.

Rule: `python -m dbfleet.console ROLE` runs in the foreground until SIGTERM. Where the others are stands in its
environment, secrets only as `${file:PATH}` or as the path of a file.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Final

from dbfleet import __version__
from dbfleet.spec import LocalServer, ServerPlan, Surroundings

_PYTHON: Final = Path(sys.executable or "python3")
_EXTRA: Final = "pip install 'dbfleet[console]'"
MODULE: Final = "dbfleet.console"


def role(name: str, *, needs: Sequence[str] = ("django", "celery"), extra: str = _EXTRA) -> LocalServer:
    """The local process of a role; `needs` are the packages without which it cannot run, `extra` brings them."""

    def lacks() -> str | None:
        missing = [package for package in needs if PathFinder.find_spec(package) is None]
        return f"{extra} brings {' and '.join(missing)}" if missing else None

    def command(plan: ServerPlan) -> Sequence[str]:
        return [str(plan.binaries[_PYTHON.name]), "-m", MODULE, name]

    return LocalServer(
        choices=((_PYTHON.name,),),
        bundled=lambda: _PYTHON.parent,
        command=command,
        lacks=lacks,
        changes_programs=True,
        stop_timeout_s=20.0,
        how_to_get=extra,
    )


def owner(surroundings: Surroundings) -> Mapping[str, str]:
    """The environment of a role that owns the control database: worker and beat, which see the fleet itself."""
    return {
        **_common(surroundings, user="dbfleet", secret="control"),  # noqa: S106  # its name
        "DBFLEET_CONTROL_WEB_PASSWORD_FILE": str(surroundings.secrets / "control-web"),
    }


def web(surroundings: Surroundings) -> Mapping[str, str]:
    """The environment of web: an account of its own in the control database, and the targets as it may see them."""
    host, port = surroundings.addresses["web"]
    return {
        **_common(surroundings, user="dbfleet_web", secret="control-web"),  # noqa: S106  # its name
        "DBFLEET_WEB_LISTEN": f"{host}:{port}",
        "DBFLEET_WEB_DOOR_FILE": str(surroundings.secrets / "door"),
    }


def _common(surroundings: Surroundings, *, user: str, secret: str) -> dict[str, str]:
    def at(name: str) -> str:
        host, port = surroundings.addresses[name]
        return f"{host}:{port}"

    folder = surroundings.secrets
    return {
        **surroundings.inherited,
        "DBFLEET_FLEET": surroundings.fleet,
        "DBFLEET_STATE_DIR": str(surroundings.state),
        "DBFLEET_CONFIG": str(surroundings.config or ""),
        "DBFLEET_CONTROL_URL": f"postgresql://{user}:${{file:{folder / secret}}}@{at('control')}/dbfleet",
        "DBFLEET_BROKER_URL": f"redis://:${{file:{folder / 'broker'}}}@{at('broker')}/0",
        "DBFLEET_CONSOLE_KEY_FILE": str(folder / "console-key"),
        "DBFLEET_CONSOLE_URL": surroundings.page,
        "DBFLEET_VERSION": __version__,  # so that `up` restarts what an older dbfleet has started
        "PYTHONUNBUFFERED": "1",
    }
