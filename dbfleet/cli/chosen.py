"""The options that stand before or after every command, as given in this run. Imports no typer."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dbfleet.fleet import Fleet


@dataclass(slots=True)
class Chosen:
    """A command asks `open_fleet()` and never reads the environment itself."""

    quiet: bool = False
    verbose: bool = False
    fleet: str | None = None
    runtime: str | None = None

    def forget(self) -> None:
        """As nobody has chosen anything yet."""
        for each in fields(self):
            setattr(self, each.name, each.default)


chosen = Chosen()


def open_fleet() -> Fleet:
    """The fleet that --fleet, --runtime, the environment and dbfleet.toml name."""
    from dbfleet.fleet import Fleet

    return Fleet.open(chosen.fleet, chosen.runtime)
