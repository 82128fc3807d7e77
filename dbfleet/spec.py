"""The spec of an engine: everything about it that is data, readable without a driver and without a server.

Depends on values and extras alone: what connects (`adapter`) and what connections can do besides (`abilities`) stand
above it, so `connect` is held to the contract where the adapter is made.
"""

from __future__ import annotations

import enum
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from dbfleet.extras import AnyExtra
from dbfleet.target import Target
from dbfleet.values import Column, Type


class Capability(enum.StrEnum):
    """What an engine can do where no method shows it. One word, one meaning, tested in both directions. What is a
    method of its own is an ability (dbfleet/abilities.py)."""

    ATOMIC_WRITE = "atomic-write"  # one write is all or nothing, however many batches
    KEYLESS = "keyless"  # a collection may have no key
    REFERENCES = "references"  # a row whose reference holds no existing key is refused
    EDGES = "edges"  # an edge collection is stored as a relationship of the engine's own
    SPLIT = "split"  # `split` can give more than one part
    PARAMETERS = "parameters"  # `query` binds params on the server's or driver's side
    CANCEL = "cancel"  # `cancel` stops the running statement on the server


class Fidelity(enum.StrEnum):
    """How exactly an engine keeps a type."""

    EXACT = "exact"  # in a type of its own, every value within the limits
    AS_TEXT = "as-text"  # as text; what was written comes back equal through the schema kept beside the data
    ROUNDED = "rounded"  # with fewer digits, see the limits; truncated before it is written
    REFUSED = "refused"  # not at all


@dataclass(frozen=True, slots=True)
class Limits:
    """Numbers that bound what the types keep. None: no limit that matters.

    `fraction_digits` of a second in time, datetime and instant; `decimal_digits` in all and `decimal_scale` behind
    the point; `int_bits`, signed; `text_length` in characters and `key_length` in bytes; `name_length` of collections
    and columns in characters; `first_year` and `last_year` of dates. `fraction_digits` and `decimal_digits` cut values
    of the types whose fidelity is ROUNDED; of the other types a value outside the limits is refused, never changed.
    `finite_floats`: NaN and infinities are refused. `subnormal_floats`: floats nearer to zero than 2.2e-308 are kept.
    `nul_in_text`: text may hold the character U+0000. `empty_text_in_key`: a key column may hold "".
    `trailing_blanks_in_key`: keys may differ in blanks at their end only. `empty_text_is_null` (and empty bytes) and
    `json_null_is_null` are declared oddities: written as the one, read as the other.
    """

    fraction_digits: int = 6
    decimal_digits: int | None = None
    decimal_scale: int | None = None
    int_bits: int | None = 64
    text_length: int | None = None
    key_length: int | None = None
    name_length: int | None = None
    first_year: int = 1
    last_year: int = 9999
    finite_floats: bool = False
    subnormal_floats: bool = True
    nul_in_text: bool = True
    empty_text_in_key: bool = True
    trailing_blanks_in_key: bool = True
    empty_text_is_null: bool = False
    json_null_is_null: bool = False


@dataclass(frozen=True, slots=True)
class ServerPlan:
    """One server process to be: its directory of binaries, its paths, its port, its login.

    `binaries` holds the found executables by name; `data` is the data directory, owned by the account that the server
    runs as; `run` is a short-pathed directory for sockets and pid files; `password_file` (0600, same owner) holds the
    fleet's password and no newline.
    """

    binaries: Mapping[str, Path]
    data: Path
    run: Path
    log: Path
    port: int
    user: str
    password: str = field(repr=False)
    password_file: Path
    database: str


@dataclass(frozen=True, slots=True)
class LocalServer:
    """How the process runtime finds, initialises and runs this engine's server. No password in any command.

    `choices`: alternatives in order of preference; each names the executables that must stand in one directory
    ("initdb", "postgres"). The first of `bundled` (a function that gives the directory inside an installed Python
    package, or None; whoever installed one wants that server), PATH and `places` (globs of directories, newest version
    first) wins. `initialise` gives the commands that fill an empty
    data directory and may write files below it; `command` gives the argv of the server, in the foreground; `prepare`
    runs once after the first start, when the port answers, to make the user and database (with the driver or a
    client). `environment` is added to the server's. `how_to_get` says what to install, in one line.
    """

    choices: tuple[tuple[str, ...], ...]
    command: Callable[[ServerPlan], Sequence[str]]
    how_to_get: str
    places: tuple[str, ...] = ()
    bundled: Callable[[], Path | None] | None = None
    initialise: Callable[[ServerPlan], Sequence[Sequence[str]]] | None = None
    prepare: Callable[[ServerPlan], None] | None = None
    refuses_root: bool = False
    stop_signal: int = signal.SIGTERM
    stop_timeout_s: float = 30.0
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finding:
    """What `doctor` sees: how bad it is, what it is, and what to do about it."""

    level: Literal["ok", "warn", "fail"]
    text: str
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """Everything about an engine that is data.

    `name` is the file's name, the service's name in the stacks and the target's name in the default fleet. `examples`
    are statements in the engine's language, for the conformance suite and the documentation: `one` gives one record
    with one value, 1 (left out where the language has no expressions); `all` gives every row of `{collection}`;
    `slow` runs for half a minute or more on the server (where CANCEL is declared); `bad` is malformed; `parameter`
    gives one record with the value of the param `n` (where PARAMETERS is declared); `missing` reads the collection
    `dbfleet_nowhere`, which is not there; `filter` (where Finds is declared) chooses the rows whose `id` is 1.
    `language` is what `query` speaks, a dialect in parentheses; targets of one language can be asked together,
    whatever their dialects. `schemes` are URL schemes, the first is the one we print. `client` is the argv of the
    engine's own client inside the container, `{user}` and `{database}` filled in, the password read from the file that
    the stack mounts. `shell` gives the argv of the client on this machine and what to add to its environment, where the
    password goes: never into the argv. `examine` is what `doctor` asks about the engine on this machine (its driver,
    the processor). `keeps_native` says of a described column whether `create` makes one of its native type again, which
    then holds all of its values as they are: between two of these engines it is exact, whatever its note says to
    others; None where that depends on what is there. `stack` is the compose file of an outside engine, which the
    registry finds in the engine's own package; a built-in one's is found by its name. `quirks` are declared oddities
    in a sentence each, `verified_on` says what the adapter was last verified on: real server, stand-in or double, with
    its version.
    """

    name: str
    title: str
    paradigm: Literal["relational", "document", "key-value", "wide-column", "graph"]
    language: str
    schemes: tuple[str, ...]
    driver: str
    connect: Callable[..., Any]  # connect(target, *, timeout_s: float = 10) -> Adapter
    types: Mapping[Type, Fidelity]
    capabilities: frozenset[Capability] = frozenset()
    abilities: frozenset[type] = frozenset()  # Protocols of dbfleet/abilities.py
    encodings: tuple[str, ...] = ()  # the formats that Encodes and EncodesScans give of a plain statement or schema
    limits: Limits = Limits()
    aliases: tuple[str, ...] = ()
    default_port: int | None = None
    default_user: str | None = "dbfleet"
    default_database: str | None = "dbfleet"
    default_options: Mapping[str, str] = field(default_factory=dict)  # of a managed target's URL
    writers: int = 1  # 2: `seed` fills one collection over two connections, where that is faster and no write is atomic
    query_options: tuple[str, ...] = ()  # options of the URL that `query` may set for one statement: --consistency
    extras: frozenset[type[AnyExtra]] = frozenset()  # what `add_extra` gives to a collection (dbfleet/extras.py)
    swap_rows: int | None = None  # about so many rows are exchanged in one step, what is more in several
    swap_collections: int | None = None  # so many collections are exchanged in one step, what is more in several
    embedded: bool = False  # no server: the target is a file that `connect` opens
    one_process: bool = False  # embedded: one process has the file at a time, with any number of connections
    keeps_native: Callable[[Column], bool | None] | None = None
    local: LocalServer | None = None
    stack: Path | None = None
    client: tuple[str, ...] = ()
    shell: Callable[[Target], tuple[Sequence[str], Mapping[str, str]]] | None = None
    examine: Callable[[], Sequence[Finding]] | None = None
    examine_kernel: Callable[[tuple[int, ...]], Sequence[Finding]] | None = None  # the Linux that containers run on
    url_variable: str | None = None  # what `dbfleet env` exports besides DBFLEET_<NAME>_URL, as scripts expect it
    examples: Mapping[str, str] = field(default_factory=dict)
    quirks: tuple[str, ...] = ()
    verified_on: tuple[str, ...] = ()

    def fidelity(self, type_: Type) -> Fidelity:
        return self.types.get(type_, Fidelity.REFUSED)
