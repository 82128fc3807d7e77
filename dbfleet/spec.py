"""The specs of an engine and of a service: everything about them that is data, readable without a driver and a server.

Depends on values, extras and target alone. The contract (`adapter`) and the abilities stand above it, so that
`connect` is typed here without them; the engine's package holds its adapter to the contract.
"""

from __future__ import annotations

import enum
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

from dbfleet.extras import AnyExtra
from dbfleet.narrow import Narrow, whole
from dbfleet.target import Target
from dbfleet.values import Batch, Column, Schema, Type


class Capability(enum.StrEnum):
    """What an engine can do where no method shows it. Each word has one meaning and is tested in both directions. An
    optional method is an ability instead (dbfleet/abilities.py)."""

    ATOMIC_WRITE = "atomic-write"  # one write is all or nothing, however many batches
    KEYLESS = "keyless"  # a collection may have no key
    REFERENCES = "references"  # a row that refers to a missing key is refused
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


Guard = Literal["account", "session", "client", "none"]
"""What keeps a target that is opened for reading only from writing: `account`, the rights that the server gives to an
account of its own; `session`, the server (or the library that opens the file) by the mode of the session; `client`,
what dbfleet's own client sends, and nothing else; `none`, nothing."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of what the types keep. None: there is no limit that matters.

    `fraction_digits` counts digits of a second in time, datetime and instant; `decimal_digits` counts all digits of a
    decimal, `decimal_scale` those behind the point. `int_bits` includes the sign. `text_length` and `name_length` (of
    collections and columns) are in characters, `key_length` is in bytes. `first_year` and `last_year` bound dates.
    A type whose fidelity is ROUNDED is cut to `fraction_digits` or `decimal_digits`; a value of another type that is
    outside the limits is refused, never changed. `finite_floats`: NaN and infinities are refused.
    `subnormal_floats`: floats nearer to zero than 2.2e-308 are kept. `nul_in_text`: text may hold the character U+0000.
    `empty_text_in_key`: a key column may hold "". `trailing_blanks_in_key`: keys may differ only in blanks at the end.
    `empty_text_is_null` (also of empty bytes) and `json_null_is_null` are declared oddities: what is written as an
    empty text or as the JSON null is read as NULL.
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
    """What a server process is started with: its executables, paths, port and login.

    `binaries` holds the executables by name. `data` is the data directory, owned by the account that the server runs
    as. `run` is a directory with a short path, for sockets and pid files. `password_file` (mode 0600, same owner) holds
    the fleet's password, without a newline. `environment` holds the variables that the fleet decided for a service.
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
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LocalServer:
    """How the process runtime finds, initialises and runs this engine's server. No command holds a password.

    `choices` are alternatives in order of preference; each names the executables that must be in one directory
    ("initdb", "postgres"). They are looked for in `bundled`, then PATH, then `places`, and the first directory wins.
    `bundled` returns the directory inside an installed Python package, or None: a user who installed one wants that
    server. `places` are globs of directories; the newest version comes first. `initialise` returns the commands that
    fill an empty data directory, and may write files below it. `command` returns the argv that runs the server in the
    foreground. `prepare` runs once, after the first start, when the port answers: it makes the user and the database
    with the driver or a client. `environment` is added to the server's environment. `how_to_get` says in one line what
    to install. `lacks` says how to get what is missing besides the programs; None where nothing is.
    `changes_programs`: the data does not belong to the programs that made it, so each start looks for them anew.
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
    lacks: Callable[[], str | None] | None = None
    changes_programs: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding of `doctor`: how bad it is, what it is, and what to do about it."""

    level: Literal["ok", "warn", "fail"]
    text: str
    hint: str | None = None


class ServerSpec(Protocol):
    """What a runtime and the fleet's verbs need to know of what they start: an engine's server, or a service.

    `inner_port` is the one that it listens on inside a container, `default_port` the one on 127.0.0.1; both are None
    for what listens on nothing. `kind` is the folder of the stacks that its own is in."""

    kind: ClassVar[Literal["engines", "services"]]

    @property
    def name(self) -> str:
        """The name of its module, its stack and its service in there."""
        ...

    @property
    def title(self) -> str:
        """Its name as people write it."""
        ...

    @property
    def server_title(self) -> str:
        """What is started, in words."""
        ...

    @property
    def default_port(self) -> int | None:
        """Its port on 127.0.0.1, unless another is chosen."""
        ...

    @property
    def inner_port(self) -> int | None:
        """Its port inside a container."""
        ...

    @property
    def embedded(self) -> bool:
        """Whether there is no server to start."""
        ...

    @property
    def local(self) -> LocalServer | None:
        """How it runs as a local process; None where it cannot."""
        ...

    @property
    def stack(self) -> Path | None:
        """Its compose file, where that is not among the stacks."""
        ...

    @property
    def client(self) -> tuple[str, ...]:
        """The argv of its own client inside the container."""
        ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where a service finds the fleet and the other services, as it sees them from where it runs.

    `addresses` has host and port of each service that listens, `wanted` those that are up or will be, `secrets` is the
    folder of the fleet's secrets, `state` the state directory of all fleets, `config` the file with the targets (None:
    there is none). `page` is the address that people type. `ports` are those that a service has besides its own, by
    variable. `inherited` are variables of the user's that the fleet's settings depend on.
    """

    fleet: str
    state: Path
    config: Path | None
    secrets: Path
    addresses: Mapping[str, tuple[str, int]]
    page: str
    wanted: frozenset[str] = frozenset()
    ports: Mapping[str, int] = field(default_factory=dict)
    inherited: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Setting:
    """What a person can set of a service besides port, image and memory, by a key of its table or by `variable`, which
    its processes read. `form` is what the value looks like, as a regular expression, and `means` says that in words. A
    `secret` one reaches the service as a file; its value may hold placeholders. `also` are other services that are told
    it."""

    variable: str
    form: str = r".+"
    means: str = "text"
    secret: bool = False
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """Everything about a service that is data: what the fleet runs besides engines.

    `name` is the name of the service's module, of its stack and of its service in there. `purpose` says in one sentence
    what it is for. `needs` are the services that must be up before it, `groups` the names that start several. `probe`
    makes one round trip, `probe(asked, timeout_s) -> ServerInfo` (dbfleet/services/_probes.py), and raises where the
    service is not as it should be. `page` is the path of its page on the console's address.

    `engine` is the engine whose server it is, `secret` the name of the secret that is its password. `environment` gives
    the variables of the local process; they hold no secret but `${file:…}`. `runtime` is set where it runs on that
    runtime only, and `beside` where it is started only in a fleet of that runtime. A group is started without one of
    its services that is `optional` and cannot be started. `settings` are what a person can set of it, by key."""

    kind: ClassVar[Literal["engines", "services"]] = "services"

    name: str
    title: str
    purpose: str
    probe: Callable[..., Any]
    needs: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    page: str | None = None
    engine: str | None = None
    scheme: str = "http"
    secret: str | None = None
    secrets: tuple[str, ...] = ()  # others that it reads
    default_port: int | None = None
    inner_port: int | None = None
    more_ports: Mapping[str, int] = field(default_factory=dict)  # besides its own: defaults by variable
    default_user: str | None = None
    default_database: str | None = None
    runtime: Literal["docker", "process"] | None = None
    beside: Literal["docker", "process"] | None = None
    published: bool = True  # in docker too, on 127.0.0.1; else only other containers reach it
    built: bool = False  # its image is built here, of the dbfleet that runs (dbfleet/services/_image.py)
    optional: bool = False
    door: bool = False  # people reach the console through it
    make: Callable[[Path], None] | None = None  # what it reads besides secrets, in their folder, before it starts
    environment: Callable[[Surroundings], Mapping[str, str]] | None = None
    local: LocalServer | None = None
    stack: Path | None = None
    client: tuple[str, ...] = ()
    keeps: str | None = None  # what is lost with its data, as `down --volumes` tells it
    settings: Mapping[str, Setting] = field(default_factory=dict)

    @property
    def embedded(self) -> bool:
        """Whether there is no server to start: never."""
        return False

    @property
    def server_title(self) -> str:
        """What is started, in words."""
        return self.title

    @property
    def all_secrets(self) -> tuple[str, ...]:
        """The names of the secrets that must be made before it starts."""
        return (*((self.secret,) if self.secret else ()), *self.secrets)


Unfold = Callable[[Column, Any, Any], tuple[Mapping[str, Any], Mapping[str, Any]]]
"""Of two native values of one column (one of them may be None): what differs between them, as named values to be
shown."""


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """Everything about an engine that is data.

    `name` is the name of the engine's module or package, of its service in the stacks and of its target in the default
    fleet. `language` is what `query` speaks, with a dialect in parentheses; targets of one language can be asked
    together, whatever their dialects. `schemes` are the URL schemes; we print the first.

    `examples` are statements in the engine's language, for the conformance suite and the documentation: `one` gives one
    record with one value, 1 (left out where the language has no expressions); `all` gives every row of `{collection}`;
    `slow` runs for half a minute or more on the server (where CANCEL is declared); `bad` is malformed; `parameter`
    gives one record with the value of the param `n` (where PARAMETERS is declared); `missing` reads the collection
    `dbfleet_nowhere`, which does not exist; `filter` (where Finds is declared) chooses the rows whose `id` is 1.
    `explain` makes of one statement, which it holds as `{statement}`, the question for its plan: it runs nothing. A
    function where that is no mere frame around the text. None where the language has no such question; `no_plan` says
    in a sentence why. `editor` is the language's media type, by which an editor colours it.

    `client` is the argv of the engine's own client inside the container; `{user}` and `{database}` are filled in, and
    it reads the password from the file that the stack mounts. `shell` returns the argv of the client on this machine
    and what to add to its environment: the password goes there, never into the argv. `examine` returns what `doctor`
    reports about the engine on this machine (its driver, the processor).

    `keeps_native` says whether `create` makes a column of the same native type for a described column, so that it keeps
    every value as it is. Then a copy between two targets of this engine is exact, whatever the column's note says about
    other engines. None where that depends on the target. `narrow` says what a column of a native type holds less than
    its type of the closed set. `unfold` shows native values (`Schema.native`) that hold several of the closed set, such
    as whole documents; `close` makes rows of the closed set's schema of those of the native one; `in_files` gives the
    native schema by which a file holds the rows, where two servers compare less (attachments by their digests); `ends`
    is the native type of the column that says when its row ends by itself. `guard` says what enforces reading only, and
    `guard_note` in a sentence what that does not stop. An engine whose guard is an account has the ability MakesReader;
    `reader_options` gives the options of the URL that the account needs besides those of the target. `stack` is the
    compose file of an outside engine, which the registry finds in the engine's package; that of a built-in engine is
    found by its name. `quirks` are declared oddities, one sentence each. `verified_on` says on what the adapter was
    last verified: a real server, a stand-in or a double, with its version.
    """

    kind: ClassVar[Literal["engines", "services"]] = "engines"

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
    line_types: frozenset[Type] = frozenset(Type)  # what WritesLines takes into columns that the engine itself made
    encodings: tuple[str, ...] = ()  # the formats that Encodes and EncodesScans give of a plain statement or schema
    limits: Limits = Limits()
    aliases: tuple[str, ...] = ()
    default_port: int | None = None
    direct: bool = False  # its server tells clients no address of its own: any by which it is reached will do
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
    guard: Guard = "none"
    guard_note: str = ""
    reader_options: Callable[[Target], Mapping[str, str]] | None = None
    keeps_native: Callable[[Column], bool | None] | None = None
    narrow: Callable[[str], Narrow] = whole
    double_json: bool = False  # numbers in json are doubles or integers of 64 bits; others are refused
    keeps_order: bool = False  # an object in json comes back with its fields in the order in which they came
    ordered_json: bool = False  # two objects with the same fields in another order are two values to it
    text_json: bool = False  # json is kept as the text that was written, with its spaces and repeated keys
    digits_as_text: bool = False  # a decimal with more digits than it has is made as a text of them
    unfold: Unfold | None = None
    close: Callable[[Schema, Schema, Batch], Batch] | None = None
    in_files: Callable[[Schema], Schema] | None = None
    ends: str | None = None
    local: LocalServer | None = None
    stack: Path | None = None
    client: tuple[str, ...] = ()
    shell: Callable[[Target], tuple[Sequence[str], Mapping[str, str]]] | None = None
    examine: Callable[[], Sequence[Finding]] | None = None
    examine_kernel: Callable[[tuple[int, ...]], Sequence[Finding]] | None = None  # the Linux that containers run on
    django: str | None = None  # the dotted name of the database backend by which Django reaches the engine
    django_cache: str | None = None  # that of the cache backend, for an engine that Django takes for a cache
    url_variable: str | None = None  # what `dbfleet env` exports besides DBFLEET_<NAME>_URL, as scripts expect it
    examples: Mapping[str, str] = field(default_factory=dict)
    explain: str | Callable[[str], str] | None = None
    no_plan: str = ""
    editor: str = "text/plain"
    quirks: tuple[str, ...] = ()
    verified_on: tuple[str, ...] = ()

    @property
    def inner_port(self) -> int | None:
        """The port inside a container: an engine's own."""
        return self.default_port

    @property
    def server_title(self) -> str:
        """What is started, in words: SQL Server, a PostgreSQL server."""
        return self.title if self.title.lower().endswith("server") else f"{self.title} server"

    def filed(self, native: Schema) -> Schema:
        """The native schema as a file has it."""
        return self.in_files(native) if self.in_files else native

    def plan_of(self, statement: str) -> str | None:
        """The question for the statement's plan; None where the language has none."""
        if self.explain is None or callable(self.explain):
            return self.explain and self.explain(statement)
        return self.explain.replace("{statement}", statement)

    def fidelity(self, type_: Type) -> Fidelity:
        """How exactly this engine keeps the type."""
        return self.types.get(type_, Fidelity.REFUSED)
