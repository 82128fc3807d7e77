"""The typer application. Commands register on the `commands` of their module; only the one that runs is built.

Help is plain text: typer's rich help would take 80 ms for imports. Building the parameters of a command takes 1 ms, so
the group builds only the one that runs; `--help` reads only docstrings.
"""

from __future__ import annotations

import math
import os
import re
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
from dbfleet.cli.examples import EXAMPLES, epilog
from dbfleet.cli.meant import ALIASES, COMMANDS, IN_GROUPS, by_option
from dbfleet.errors import UsageError, did_you_mean, nearest

MODULES: Final = {
    "The fleet": "dbfleet.cli.fleet_commands",
    "Data": "dbfleet.cli.data_commands",
    "Move and prove": "dbfleet.cli.move_commands",
    "Proof over time": "dbfleet.cli.proof_commands",
    "The console": "dbfleet.cli.console_commands",
}
"""Where commands register, by their heading in the help: each module has `commands`, a typer.Typer."""

# Newer typers contain click, older ones import it; BadParameter leads to the right one.
_TyperUsageError: type[Exception] = typer.BadParameter.__mro__[1]
_TyperError: type[Exception] = typer.BadParameter.__mro__[2]


@cache
def _registered() -> Mapping[str, Mapping[str, typer.Typer]]:
    """Each command or group of commands, by heading and name, as a typer program of its own."""
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


def _command_meant(name: str, known: Sequence[str]) -> str:
    """What to type instead of a word that is no command."""
    if meant := COMMANDS.get(name.lower().lstrip("\\")) or nearest(name, known):
        return f"did you mean {meant}?"
    from dbfleet import registry

    if name in registry.names():
        return f"{name} is a target: dbfleet up {name}, dbfleet query {name} 'STATEMENT', dbfleet shell {name}"
    return "dbfleet --help lists the commands"


class Commands(typer.core.TyperGroup):
    """The root group: it takes names and summaries from the registered functions, and builds one command at a time."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names of all commands, in the order of the help."""
        return [name for programs in _registered().values() for name in programs]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of this name or alias, built now; None if there is none."""
        cmd_name = ALIASES.get(cmd_name, cmd_name)
        for programs in _registered().values():
            if cmd_name in programs:
                command = typer.main.get_command(programs[cmd_name])
                command.name = cmd_name
                _share_options(command, cmd_name)
                return command
        return None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that the arguments name. UsageError, with what was meant, if there is none."""
        name, *rest = args
        known = self.list_commands(ctx)
        if ctx.resilient_parsing or name in known or name in ALIASES or name.startswith("-"):
            return super().resolve_command(ctx, args)
        if name == "version":
            _print_version(True)
        if name == "help":
            if rest:
                return self.resolve_command(ctx, [*rest, "--help"])
            typer.echo(ctx.get_help())
            raise typer.Exit
        raise UsageError(f"no command is called '{name}'", hint=_command_meant(name, [*known, "help", "version"]))

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands into the help, under their headings."""
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

    \b
    Try:
      dbfleet up
      dbfleet seed --all
      dbfleet query postgres 'select count(*) from orders'
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
    """Replaces typer's own coercion: the same result for the few types that we use, with the messages that older and
    newer typers have in common ("not a valid integer"). No number may be infinite or NaN."""

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
    """Keep typer from importing pydantic, which it does even to turn a str into a str: that takes 60 ms of every
    command, where `query postgres 'select 1'` takes 250. So parameters of our few types get our coercion. A typer
    without this method does not use pydantic."""
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
    """The root's options once more, to be accepted after the command too, where people type them."""
    program = typer.Typer(add_completion=False, rich_markup_mode=None)
    program.command()(root)
    shared = []
    for option in typer.main.get_command(program).params:
        if option.name in SHARED:
            option.expose_value = False
            option.hidden = True  # type: ignore[attr-defined]
            option.callback = _remember
            shared.append(option)
    return tuple(shared)


def _least(param: Any) -> str | None:
    """A number's limit in words; typer itself writes x>=1."""
    return None if param.min is None else f"at least {param.min}"


def _share_options(command: Any, name: str) -> None:
    taken = {opt for param in command.params for opt in param.opts}
    for option in _shared_options():
        if not taken & set(option.opts):
            command.params.append(option)
    for param in command.params:
        if param.param_type_name == "option":
            param._get_number_range_help_str = lambda param=param: _least(param)
        else:
            # Newer typers add braces, brackets and Python's types, which say nothing new.
            param.get_usage_pieces = lambda context, param=param: [param.metavar]
            param.get_help_record = lambda context, param=param: (param.metavar, param.help or "")
    everywhere = "Everywhere: --quiet, --verbose, --fleet NAME, --runtime NAME."
    command.epilog = "\n\n".join(text for text in (epilog(name), everywhere) if text)
    for child in getattr(command, "commands", {}).values():
        child.short_help = " ".join((child.help or "").split("\n\n")[0].split()).removesuffix(".")  # whole, not cut
        _share_options(child, f"{name} {child.name}")


def _complete_for(shell: str, *, install: bool) -> int:
    """Print the completion script of the named shell, or install it."""
    completion: Any = import_module("typer.completion")
    shells = [known.value for known in completion.Shells]
    if shell not in shells:
        raise UsageError(
            f"no completion for a shell called {shell!r}",
            hint=did_you_mean(shell, shells, f"the shells are: {', '.join(shells)}"),
        )
    if install:
        name, path = completion.install(shell=shell, prog_name="dbfleet", complete_var="_DBFLEET_COMPLETE")
        typer.echo(f"{name} completion is in {path}: open a new terminal")
    else:
        script = completion.get_completion_script(prog_name="dbfleet", complete_var="_DBFLEET_COMPLETE", shell=shell)
        typer.echo(script)
    return 0


def run(arguments: Sequence[str], begin: Callable[[], None] = lambda: None) -> int:
    """Parse the arguments and run the command. Returns the exit code that it gives by typer.Exit, else 0; raises
    DbfleetError. `begin` is called when it is known that a command runs."""
    chosen.forget()
    command: Any = typer.main.get_command(app)
    for option in command.params:
        if option.name in SHARED:
            option.callback = _remember
        elif option.name in ("show_completion", "install_completion"):
            option.help = (
                option.help.split(",")[0].rstrip(".").replace("the current", "this") + ", or for the one named."
            )
    if len(arguments) == 2 and arguments[0] in ("--show-completion", "--install-completion"):
        return _complete_for(arguments[1], install=arguments[0].startswith("--install"))
    if "_DBFLEET_COMPLETE" in os.environ:
        command.main(args=list(arguments), prog_name="dbfleet")
    try:
        # Not command.main, which turns EPIPE into exit code 1 and prints its own message on Ctrl-C.
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
        raise _ours(error, arguments) from error
    except _TyperError as error:
        raise UsageError(error.format_message()) from error  # type: ignore[attr-defined]
    return 0


def _ours(error: Any, arguments: Sequence[str]) -> UsageError:
    """typer's error as ours: what is wrong, and where to look."""
    path = error.ctx.command_path if error.ctx else "dbfleet"
    if not error.ctx and any(arguments[0] in programs for programs in _registered().values()):
        path = f"dbfleet {arguments[0]}"
    command = path.removeprefix("dbfleet").strip()
    text = error.format_message().rstrip(".")
    text, hint = text[:1].lower() + text[1:], f"{path} --help shows what it takes"
    if (name := getattr(error, "option_name", None)) and error.ctx and text.startswith("no such option"):
        text = f"no such option: {name}"
        options = {opt for param in error.ctx.command.params for opt in (*param.opts, *param.secondary_opts)}
        close = nearest(name, sorted(option for option in options if option.startswith("--")))
        if instead := by_option(command, name):
            hint = instead if name not in options else hint
        elif close and close != "--reveal":  # never suggest to show a password
            hint = f"did you mean {close}?"
    elif extra := re.search(r"extra arguments?(?:\(s\))? \((.*)\)", text):
        text, hint = f"too many arguments: {extra[1]}", _with_extra(error.ctx, extra[1].split()) or hint
    elif text.startswith("missing argument") and (examples := EXAMPLES.get(command)):
        hint = f"for example: {examples[0][0]}"
    elif wrong := re.match(r"no such command '(.*?)'", text):
        text, known = f"{path} has no command '{wrong[1]}'", list(getattr(error.ctx.command, "commands", ()))
        close = next((each for each in (IN_GROUPS.get(wrong[1]), nearest(wrong[1], known)) if each in known), None)
        hint = f"did you mean {path} {close}?" if close else f"its commands are: {', '.join(known)}"
        if command == "config" and not close:
            hint += "; to change a setting, edit dbfleet.toml (dbfleet init writes one)"
    return UsageError(text, hint=hint)


def _with_extra(ctx: Any, extra: Sequence[str]) -> str | None:
    """What an extra argument was meant to be: part of a statement without quotes, or a collection of the target."""
    given = {key: value for key, value in ctx.params.items() if isinstance(value, str)}
    if "text" in given:
        return "a statement is one argument: put it in quotes"
    if "a" in given and "b" in given and not any("://" in side or "." in side for side in (given["a"], given["b"])):
        return f"one collection of each: dbfleet diff {given['a']}.{extra[0]} {given['b']}.{extra[0]}"
    target = given.get("where") or given.get("target")
    if not target or ("//" in target and "@" in target):
        return None
    located = f"{target}{'#' if '://' in target else '.'}{extra[0]}"
    takes = "where" in given
    return f"one collection of it is {located}: {ctx.command_path if takes else 'dbfleet describe'} {located}"
