"""The examples at the end of each command's help. tests/test_docs.py runs those of the embedded engine, in this order,
and compares their output with the one given here, if any. Of the other examples it checks the words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

Example = tuple[str, str]
"""A command, and its output if that is short."""

EXAMPLES: Final[Mapping[str, tuple[Example, ...]]] = {
    "init": (("dbfleet init", ""),),
    "doctor": (("dbfleet doctor", ""),),
    "up": (
        ("dbfleet up sqlite", ""),
        ("dbfleet up postgres redis --timeout 60", ""),
        ("dbfleet up --dry-run", ""),
        ("dbfleet up console --dry-run", ""),
    ),
    "seed": (
        ("dbfleet seed sqlite --rows 100", ""),
        ("dbfleet seed --all --rows 1000 --verify", ""),
        ("dbfleet seed sqlite --rows 200 --reset --yes", ""),
    ),
    "datasets": (("dbfleet datasets", ""), ("dbfleet datasets shop --rows 50000", "")),
    "query": (
        (
            "dbfleet query sqlite 'select id, total from orders limit 2'",
            '{"id":1,"total":113.57}\n{"id":2,"total":289.09}',
        ),
        ("dbfleet query sqlite 'select :n + 1 as more' --param n:int=41", '{"more":42}'),
        ("dbfleet query sqlite 'select count(*) as n from orders' --format csv", "n\n200"),
        ("dbfleet query mongodb 'db.orders.find({status: \"paid\"}).limit(3)'", ""),
        ("dbfleet query redis 'HGETALL orders:1'", ""),
    ),
    "ls": (("dbfleet ls sqlite --count", ""),),
    "describe": (("dbfleet describe sqlite.orders", ""), ("dbfleet describe sqlite", "")),
    "models": (
        ("dbfleet models sqlite.orders", ""),
        ("dbfleet models sqlite --output fleet", ""),
        ("dbfleet models --format django postgres mongodb redis --output fleet", ""),
    ),
    "digest": (("dbfleet digest sqlite.orders", ""), ("dbfleet digest postgresql://me@localhost/shop#orders", "")),
    "engines": (
        ("dbfleet engines", ""),
        ("dbfleet engines mongodb", ""),
        ("dbfleet engines --matrix postgres mongodb", ""),
    ),
    "dump": (
        ("dbfleet dump sqlite -o shop", ""),
        ("dbfleet dump sqlite.orders -o - --format csv", ""),
        ("dbfleet dump sqlite orders customers -o some --compress gzip", ""),
        ("dbfleet dump sqlite customers -o excel --format csv --delimiter ';'", ""),
    ),
    "load": (
        ("dbfleet load sqlite:///copy.db shop --verify", ""),
        ("dbfleet load sqlite:///copy.db shop/customers.jsonl --mode upsert", ""),
        ("dbfleet load postgres people.csv --key id --rejected refused.jsonl", ""),
        ("dbfleet load mysql kunden.csv --decimal , --true ja --false nein", ""),
        ("dbfleet load mongodb users.json.gz --rule 'born: date=%d/%m/%Y'", ""),
    ),
    "copy": (
        ("dbfleet copy sqlite sqlite:///b.db --verify", ""),
        ("dbfleet copy sqlite sqlite:///b.db orders --mode upsert", ""),
        ("dbfleet copy postgres neo4j --dry-run", ""),
        ("dbfleet copy postgres cassandra --on workers", ""),
        ("dbfleet copy mysql postgres --rule '*_at: zero-date=null' --keep-going", ""),
        ("dbfleet copy postgres mongodb --exclude 'log_*' --retries 5", ""),
    ),
    "console": (("dbfleet console", ""), ("dbfleet console link", "")),
    "console link": (("dbfleet console link --user ada", ""),),
    "schedule": (("dbfleet schedule ls", ""),),
    "schedule add": (
        ("dbfleet schedule add drift postgres mongodb --every 10m --settled 60s", ""),
        ("dbfleet schedule add dump postgres --cron '0 3 * * *' --keep 7", ""),
        ("dbfleet schedule add command --every 1h -- diff mysql cassandra --stats", ""),
    ),
    "schedule run": (("dbfleet schedule run 'drift postgres mongodb'", ""),),
    "jobs": (("dbfleet jobs", ""), ("dbfleet jobs --watch", ""), ("dbfleet jobs show 7", "")),
    "receipts": (("dbfleet receipts --kind drill", ""), ("dbfleet receipts verify", "")),
    "diff": (
        ("dbfleet diff sqlite sqlite:///b.db", ""),
        ("dbfleet diff sqlite.orders sqlite:///b.db#orders --where 'id < 9'", ""),
        ("dbfleet diff sqlite sqlite:///b.db --sync", ""),
        ("dbfleet diff mysql cassandra && echo same", ""),
        ("dbfleet diff oracle postgres --tolerance 1e-9 --exclude 'log_*'", ""),
    ),
    "drift": (
        ("dbfleet drift sqlite sqlite:///b.db customers --confirm 1s", ""),
        ("dbfleet drift postgres mongodb --settled 60s:updated_at", ""),
        ("dbfleet drift mysql.orders cassandra.orders && echo same", ""),
    ),
    "drill": (
        ("dbfleet drill sqlite", ""),
        ("dbfleet drill sqlite --dump shop", ""),
        ("dbfleet drill postgres --keep last-night", ""),
    ),
    "status": (("dbfleet status", ""), ("dbfleet status sqlite --format json", "")),
    "health": (("dbfleet health sqlite", ""), ("dbfleet health --watch --interval 5", "")),
    "logs": (("dbfleet logs postgres -n 20", ""), ("dbfleet logs postgres --follow", "")),
    "shell": (("dbfleet shell postgres", ""),),
    "url": (("dbfleet url postgres", ""),),
    "env": (
        ("dbfleet env sqlite", ""),
        ('eval "$(dbfleet env)"', ""),
        ("dbfleet env --format django postgres mongodb > fleet_settings.py", ""),
    ),
    "where": (("dbfleet where", ""),),
    "config": (("dbfleet config show", ""),),
    "config show": (("dbfleet config show --format json", ""),),
    "config validate": (("dbfleet config validate", ""),),
    "restart": (("dbfleet restart postgres", ""),),
    "stop": (("dbfleet stop", ""), ("dbfleet stop postgres", "")),
    "down": (("dbfleet down --dry-run", ""), ("dbfleet down --volumes --yes", "")),
}


def epilog(command: str) -> str:
    """The examples of a command, as the end of its help; in a paragraph that typer does not wrap."""
    examples = EXAMPLES.get(command, ())
    lines = [line for run, gives in examples for line in (f"  $ {run}", *(f"  {out}" for out in gives.splitlines()))]
    return "\n".join(["\b", "Example:" if len(examples) == 1 else "Examples:", *lines]) if lines else ""
