"""The options that every command takes, before or after its name, as they were given in this run. Imports no typer."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dbfleet.fleet import Fleet


@dataclass(slots=True)
class Chosen:
    """The values of these options. A command calls `open_fleet()` and never reads the environment itself."""

    quiet: bool = False
    verbose: bool = False
    fleet: str | None = None
    runtime: str | None = None

    def forget(self) -> None:
        """Set every option back to its default."""
        for option in fields(self):
            setattr(self, option.name, option.default)


chosen = Chosen()


def open_fleet() -> Fleet:
    """The fleet that --fleet, --runtime, the environment and dbfleet.toml name."""
    from dbfleet.fleet import Fleet

    return Fleet.open(chosen.fleet, chosen.runtime)
