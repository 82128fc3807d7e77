"""The typer application. Commands register on the `commands` of their module and are built only when they run.

Help is plain text: typer's rich help would cost 80 ms of imports. Building all commands' parameters costs 1 ms each,
so the group builds the one that runs; `--help` reads docstrings only.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module
from inspect import getdoc
from pathlib import Path
from typing import Annotated, Any, Final

import typer
import typer.core
import typer.main

from dbfleet import __version__
from dbfleet.cli.chosen import chosen
from dbfleet.errors import UsageError, nearest

MODULES: Final = {
    "The fleet": "dbfleet.cli.fleet_commands",
    "Data": "dbfleet.cli.data_commands",
    "Move and prove": "dbfleet.cli.move_commands",
}
"""Where commands register, by the heading of the help: each module has `commands`, a typer.Typer."""

# Newer typers vendor click, older ones import it; their BadParameter leads to either.
_TyperUsageError: type[Exception] = typer.BadParameter.__mro__[1]
_TyperError: type[Exception] = typer.BadParameter.__mro__[2]


@cache
def _registered() -> Mapping[str, Mapping[str, typer.Typer]]:
    """By heading and name, each command or group of commands as a typer program of its own."""
    return {heading: dict(_programs(import_module(module).commands)) for heading, module in MODULES.items()}


def _programs(commands: typer.Typer) -> Iterator[tuple[str, typer.Typer]]:
    for command in commands.registered_commands:
        program = typer.Typer(add_completion=False, rich_markup_mode=None)
        program.registered_commands.append(command)
        assert command.callback is not None
        yield command.name or command.callback.__name__.replace("_", "-"), program
    for group in commands.registered_groups:
        assert group.typer_instance is not None
        assert group.name is not None
        group.typer_instance.rich_markup_mode = None
        group.typer_instance._add_completion = False
        yield group.name, group.typer_instance


def _summary(program: typer.Typer) -> str:
    """The first sentence of a command's docstring."""
    if program.registered_callback is not None:
        function = program.registered_callback.callback
    else:
        function = program.registered_commands[0].callback
    return (getdoc(function) or "").split("\n\n")[0].replace("\n", " ").removesuffix(".")


class Commands(typer.core.TyperGroup):
    """The root group: names and summaries from the registered functions, one command built at a time."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [name for programs in _registered().values() for name in programs]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        for programs in _registered().values():
            if cmd_name in programs:
                command = typer.main.get_command(programs[cmd_name])
                command.name = cmd_name
                _share_options(command)
                return command
        return None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name = args[0]
        known = self.list_commands(ctx)
        if name not in known and not name.startswith("-") and not ctx.resilient_parsing:
            close = nearest(name, known)
            hint = f"did you mean {close}?" if close else "dbfleet --help lists the commands"
            raise UsageError(f"no command is called {name!r}", hint=hint)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        width = max(map(len, self.list_commands(ctx)), default=0)
        for heading, programs in _registered().items():
            if not programs:
                continue
            with formatter.section(heading):
                formatter.write_dl([(name.ljust(width), _summary(program)) for name, program in programs.items()])


app = typer.Typer(
    cls=Commands,
    name="dbfleet",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"dbfleet {__version__}")
        raise typer.Exit


_Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No narration; errors are still told.")]
_Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Tell more; a bug's traceback too.")]
_Fleet = Annotated[str | None, typer.Option("--fleet", metavar="NAME", help="Which fleet.  [env var: DBFLEET_FLEET]")]
_Runtime = Annotated[
    str | None,
    typer.Option("--runtime", metavar="NAME", help="docker or process: what runs the servers."),
]
_Version = Annotated[
    bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version)
]


@app.callback()
def root(
    quiet: _Quiet = False,
    verbose: _Verbose = False,
    fleet: _Fleet = None,
    runtime: _Runtime = None,
    version: _Version = False,
) -> None:
    """Start, check, fill, question, move and compare ten database engines from one command line.

    Try: dbfleet up && dbfleet seed --all && dbfleet query postgres 'select count(*) from orders'
    """


def _checked(convert: Callable[[str], Any], kind: str) -> Callable[[Any, Any], Any]:
    def check(text: Any, limits: Any) -> Any:
        try:
            value = convert(text)
        except ValueError as error:
            raise typer.BadParameter(f"{text!r} is not {kind}") from error
        if isinstance(value, float) and not math.isfinite(value):
            raise typer.BadParameter(f"{text!r} is not {kind}")
        if limits.min is not None and value < limits.min:
            raise typer.BadParameter(f"{text} is less than {limits.min}")
        if limits.max is not None and value > limits.max:
            raise typer.BadParameter(f"{text} is more than {limits.max}")
        return value

    return check


_CONVERT: Final[Mapping[Any, Callable[[Any, Any], Any]]] = {
    bool: lambda flag, limits: bool(flag),  # flags only, no text
    str: lambda text, limits: text,
    list[str]: lambda texts, limits: list(texts),
    Path: lambda text, limits: Path(text),
    int: _checked(int, "a valid integer"),
    float: _checked(float, "a valid number"),
}


class _Coercion:
    """Stands where typer's own coercion would: the same answer for our few types, in the words that older and newer
    typers share ("not a valid integer"). No number of ours may be infinite or NaN."""

    def __init__(self, descriptor: Any) -> None:
        self._convert = _CONVERT[descriptor.annotation]
        self._limits = descriptor.parameter_info

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        several = param.multiple or param.nargs == -1
        if value is None:
            return () if several else None
        try:
            return self._convert(value, self._limits)
        except typer.BadParameter as error:
            error.param, error.ctx = param, ctx
            raise


def _spare_pydantic() -> None:
    """typer imports pydantic to turn even a str into a str: 60 ms of every command, where `query postgres 'select 1'`
    takes 250. So parameters of our few types get our coercion. A typer without this method has no pydantic to spare."""
    for kind in (typer.core.TyperOption, typer.core.TyperArgument):
        if plain := getattr(kind, "get_runtime_param", None):
            kind.get_runtime_param = _coercion_or(plain)  # type: ignore[method-assign, assignment]


def _coercion_or(plain: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def get_runtime_param(self: Any) -> Any:
        if self.type_descriptor.annotation in _CONVERT:
            return _Coercion(self.type_descriptor)
        return plain(self)

    return get_runtime_param


_spare_pydantic()


SHARED: Final = ("quiet", "verbose", "fleet", "runtime")


def _remember(ctx: Any, param: Any, value: Any) -> Any:
    if value:
        setattr(chosen, param.name, value)
    return value


@cache
def _shared_options() -> tuple[Any, ...]:
    """The root's options once more, for behind the command: people type them there."""
    program = typer.Typer(add_completion=False, rich_markup_mode=None)
    program.command()(root)
    found = []
    for option in typer.main.get_command(program).params:
        if option.name in SHARED:
            option.expose_value = False
            option.hidden = True  # type: ignore[attr-defined]
            option.callback = _remember
            found.append(option)
    return tuple(found)


def _share_options(command: Any) -> None:
    taken = {opt for param in command.params for opt in param.opts}
    for option in _shared_options():
        if not taken & set(option.opts):
            command.params.append(option)
    command.epilog = command.epilog or "Everywhere: --quiet, --verbose, --fleet NAME, --runtime NAME (dbfleet --help)."
    for child in getattr(command, "commands", {}).values():
        _share_options(child)


def run(arguments: Sequence[str], begin: Callable[[], None] = lambda: None) -> int:
    """Parse and run; the exit code of a command that says one by typer.Exit, else 0. Raises DbfleetError. `begin` is
    called when it is known that a command runs."""
    chosen.forget()
    command: Any = typer.main.get_command(app)
    for option in command.params:
        if option.name in SHARED:
            option.callback = _remember
    if "_DBFLEET_COMPLETE" in os.environ:
        command.main(args=list(arguments), prog_name="dbfleet")
    try:
        # Not command.main: it turns EPIPE into exit code 1 and Ctrl-C into a message of its own.
        with command.make_context("dbfleet", list(arguments)) as context:
            begin()
            command.invoke(context)
    except typer.Exit as exit_:
        return exit_.exit_code
    except typer.Abort as abort:
        raise KeyboardInterrupt from abort
    except _TyperUsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            typer.echo(error.ctx.get_help(), err=True)  # type: ignore[attr-defined]
            return 2
        raise _ours(error) from error
    except _TyperError as error:
        raise UsageError(error.format_message()) from error  # type: ignore[attr-defined]
    return 0


def _ours(error: Any) -> UsageError:
    """typer's complaint in our form: what is wrong, and where to look."""
    path = error.ctx.command_path if error.ctx else "dbfleet"
    hint = f"{path} --help shows what it takes"
    if possible := getattr(error, "possibilities", None):
        return UsageError(error.message.rstrip(".").lower(), hint=f"did you mean {possible[0]}?")
    text = error.format_message().rstrip(".")
    return UsageError(text[:1].lower() + text[1:], hint=hint)
