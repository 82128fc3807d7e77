"""The commands about data: each parses, calls one op, renders."""

from __future__ import annotations

import typer

commands = typer.Typer()
