"""What users of other tools type, and what they mean by it: other words for our commands, and options that we do not
have. Mistyped words are found elsewhere, by their letters.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

ALIASES: Final = {"ps": "status", "start": "up"}
"""Other names of our commands, which work too."""

_A_STATEMENT: Final = "dbfleet query TARGET 'STATEMENT'"

COMMANDS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("list", "tables", "collections", "show", "dt"), "ls"),
    **dict.fromkeys(("sql", "execute", "ask"), "query"),
    **dict.fromkeys(("exec", "run"), "query or shell"),
    **dict.fromkeys(("select", "insert", "update", "drop", "truncate", "alter", "explain"), _A_STATEMENT),
    **dict.fromkeys(("connect", "cli", "repl", "attach", "login", "open"), "shell"),
    **dict.fromkeys(("schema", "desc", "inspect", "columns"), "describe"),
    **dict.fromkeys(("checksum", "hash", "sum"), "digest"),
    **dict.fromkeys(("export", "backup", "save", "pg_dump", "mysqldump", "mongodump", "unload"), "dump"),
    **dict.fromkeys(("import", "restore", "ingest", "pg_restore", "mongorestore", "mongoimport"), "load"),
    **dict.fromkeys(("compare", "cmp"), "diff"),
    **dict.fromkeys(("migrate", "clone", "transfer", "move", "cp", "mv", "replicate"), "copy"),
    **dict.fromkeys(("rm", "remove", "destroy", "delete", "clean", "prune"), "down"),
    **dict.fromkeys(("kill", "halt", "pause"), "stop"),
    **dict.fromkeys(("create", "launch", "pull", "build", "install"), "up"),
    **dict.fromkeys(("fill", "populate", "generate"), "seed"),
    **dict.fromkeys(("check", "ping", "test"), "health"),
    **dict.fromkeys(("top", "stats", "info", "state"), "status"),
    **dict.fromkeys(("path", "paths", "volumes"), "where"),
    **dict.fromkeys(("images", "drivers", "types"), "engines"),
    **dict.fromkeys(("docker", "compose"), "up, status, logs or down"),
    "psql": "shell postgres",
    "mongosh": "shell mongodb",
    "mongo": "shell mongodb",
    "redis-cli": "shell redis",
    "sqlplus": "shell oracle",
    "sqlcmd": "shell sqlserver",
    "cqlsh": "shell cassandra",
    "cypher-shell": "shell neo4j",
    "sqlite3": "shell sqlite",
    "sync": "diff A B --sync",
    "log": "logs",
    "settings": "config show",
    "d": "describe",
    **dict.fromkeys(("web", "ui", "dashboard", "gui"), "console"),
    **dict.fromkeys(("cron", "crontab", "timer", "schedules"), "schedule ls"),
    **dict.fromkeys(("job", "tasks", "queue"), "jobs"),
    **dict.fromkeys(("receipt", "audit", "proof"), "receipts"),
}
"""The command that is meant, by a word in small letters."""

IN_GROUPS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("remove", "delete", "del", "drop"), "rm"),
    **dict.fromkeys(("list", "all", "status"), "ls"),
    **dict.fromkeys(("start", "now", "trigger"), "run"),
    **dict.fromkeys(("stop", "disable", "off"), "pause"),
    **dict.fromkeys(("enable", "on", "continue", "unpause"), "resume"),
    **dict.fromkeys(("kill", "abort", "end"), "cancel"),
    **dict.fromkeys(("rerun", "again", "restart"), "retry"),
    **dict.fromkeys(("create", "new"), "add"),
    **dict.fromkeys(("check", "validate"), "verify"),
    **dict.fromkeys(("get", "view", "info", "describe"), "show"),
}
"""The same for the commands of a group, where the group has the command that is meant."""

_NOT_NEEDED: Final = "leave it out: up ends when the servers answer, and they run on"
_A_URL: Final = "a server and its user are named by a URL in TARGET's place: postgresql://HOST:PORT/DATABASE"
_NO_NAME: Final = "leave it out: without a name all are meant"

OPTIONS: Final[Mapping[tuple[str, str], str]] = {
    ("up", "-d"): _NOT_NEEDED,
    ("up", "--detach"): _NOT_NEEDED,
    ("up", "--wait"): _NOT_NEEDED,
    ("up", "-a"): "did you mean --all?",
    ("up", "--build"): "nothing is built: image in dbfleet.toml names another image",
    **{(command, option): _NO_NAME for command in ("down", "stop", "restart", "status", "health", "env")
       for option in ("--all", "-a")},
    **{("query", option): "the statement is an argument: dbfleet query TARGET 'STATEMENT'"
       for option in ("-c", "-e", "--command", "--execute", "--eval", "-q")},
    **{(command, option): _A_URL for command in ("query", "shell")
       for option in ("-U", "-u", "-H", "-d", "-P", "--user", "--username", "--host", "--port", "--dbname",
                      "--database", "--password")},
    **{("query", option): "> FILE behind the command writes the answer to a file" for option in ("-o", "--output")},
    **{("jobs", option): "did you mean --watch?" for option in ("--follow", "-f")},
    **{("schedule add", option): "did you mean --tz?" for option in ("--time-zone", "--timezone", "--zone", "--utc")},
    **{("schedule add", option): "did you mean --every?" for option in ("--interval", "--each", "--period")},
    **{(command, option): f"did you mean {meant}?" for command in ("load", "dump") for options, meant in (
        (("--separator", "--sep", "--fields-terminated-by", "--field-separator", "-d"), "--delimiter"),
        (("--quotechar", "--enclosed-by", "--quote-char"), "--quote"),
        (("--escapechar", "--escaped-by"), "--escape"),
        (("--null-string", "--nullas", "--na"), "--null"),
        (("--charset", "--default-character-set", "--codepage"), "--encoding"),
        (("--headerline", "--skip-lines", "--ignore-lines"), "--header"),
        (("--fields", "--field-names"), "--columns"),
    ) for option in options},
    **{(command, option): "did you mean --exclude?" for command in ("dump", "load", "copy", "diff")
       for option in ("--exclude-table", "--ignore-table", "--exclude-collection", "--skip", "-T")},
    **{(command, option): "did you mean --keep-going?" for command in ("dump", "load", "copy", "diff")
       for option in ("--continue-on-error", "--ignore-errors", "--skip-errors", "-k")},
    **{(command, "--keep-ttl"): "copy has it, from one server to another" for command in ("dump", "load")},
    ("load", "--jsonArray"): "did you mean --format json?",
    ("load", "--file"): "the file is an argument: dbfleet load TARGET FILE",
    ("load", "-f"): "the file is an argument: dbfleet load TARGET FILE",
}  # fmt: skip
"""What to do instead, by the command and an option of another tool."""

_FORMATS: Final = ("table", "jsonl", "json", "csv", "tsv", "markdown")


def by_option(command: str, name: str) -> str | None:
    """What to type instead of an option that the command does not have; None where it is not known."""
    if instead := OPTIONS.get((command, name)):
        return instead
    if name.removeprefix("--") in _FORMATS and name.startswith("--"):
        return f"did you mean --format {name[2:]}?"
    if name == "-V":
        return "did you mean --version, or -v for --verbose?"
    if name in ("--force", "-f", "--no-prompt", "--assume-yes"):
        return "did you mean --yes?"
    if name == "--format":
        return "it stands behind the command: dbfleet status --format json"
    if " " in name:
        return "a text that begins with - stands behind --: dbfleet query TARGET -- '-- a comment'"
    return None
