"""The commands about the fleet's servers: each parses, calls one op, renders."""

from __future__ import annotations

import typer

commands = typer.Typer()
