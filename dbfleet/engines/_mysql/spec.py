"""What the specs of MySQL and MariaDB have in common; an engine's own file says only what differs.

Every listing of engines imports it, so it imports no driver and nothing that is slow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from dbfleet.abilities import (
    CarriesExtras,
    Encodes,
    EncodesScans,
    Identifies,
    LimitsTime,
    Locates,
    MakesReader,
    Narrows,
    Native,
    Notices,
    Ordered,
    ReadsLines,
    Snapshots,
    Swaps,
    TellsLeft,
    TellsLosses,
    WritesLines,
)
from dbfleet.adapter import Adapter
from dbfleet.engines._mysql.local import examine, shell
from dbfleet.engines._mysql.types import narrow
from dbfleet.extras import ALL
from dbfleet.spec import Capability, EngineSpec, Fidelity, Limits, LocalServer
from dbfleet.values import Type


def spec(
    *,
    name: str,
    title: str,
    alias: str,
    schemes: tuple[str, ...],
    connect: Callable[..., Adapter],
    types: Mapping[Type, Fidelity],
    line_types: frozenset[Type],
    local: LocalServer,
    clients: tuple[str, str],
    quirks: tuple[str, ...],
    verified_on: tuple[str, ...],
    double_json: bool = False,
    text_json: bool = False,
) -> EngineSpec:
    """The spec of one of the two. `clients` are names of the client; the first is this engine's own, which its
    container has. `quirks` are those that the other engine does not have."""
    return EngineSpec(
        name=name,
        title=title,
        django="dbfleet.django.mysql",
        paradigm="relational",
        language=f"SQL ({title})",
        schemes=schemes,
        driver="mysql-connector-python",
        connect=connect,
        aliases=(alias,),
        types=types,
        line_types=line_types,
        capabilities=frozenset(
            {
                Capability.ATOMIC_WRITE,
                Capability.KEYLESS,
                Capability.REFERENCES,
                Capability.SPLIT,
                Capability.PARAMETERS,
                Capability.CANCEL,
            }
        ),
        abilities=frozenset(
            {
                Identifies,
                Locates,
                Swaps,
                TellsLosses,
                Snapshots,
                Encodes,
                Notices,
                EncodesScans,
                Ordered,
                Narrows,
                ReadsLines,
                WritesLines,
                CarriesExtras,
                TellsLeft,
                Native,
                MakesReader,
                LimitsTime,
            }
        ),
        encodings=("csv", "jsonl"),
        extras=ALL,
        guard="account",
        guard_note="GET_LOCK, SLEEP and, while an answer is read, locks of its rows pass; each statement is a "
        "transaction of its own. Outside of dbfleet's sessions a prepared XA transaction may keep locks.",
        narrow=narrow,
        double_json=double_json,
        digits_as_text=True,
        text_json=text_json,
        limits=Limits(
            decimal_digits=65,
            decimal_scale=30,
            key_length=3072,
            name_length=64,
            finite_floats=True,
        ),
        default_port=3306,
        direct=True,
        local=local,
        client=(
            "sh",
            "-c",
            'MYSQL_PWD="$(cat /run/secrets/password)" '
            f'exec {clients[0]} --user="{{user}}" --database="{{database}}" --default-character-set=utf8mb4 "$@"',
            clients[0],
        ),
        shell=partial(shell, clients=clients),
        examine=examine,
        url_variable=f"{name.upper()}_URL",
        examples={
            "one": "SELECT 1",
            "all": "SELECT * FROM `{collection}`",
            "slow": "SELECT count(*) FROM (SELECT SLEEP(60)) AS t",
            "bad": "SELEC 1",
            "parameter": "SELECT :n",
            "missing": "SELECT * FROM dbfleet_nowhere",
        },
        explain="EXPLAIN {statement}",
        editor=f"text/x-{name}",
        quirks=(
            "NaN and infinities are refused.",
            *quirks,
            "A text key has 768 characters at most.",
            "A write into a table of an engine without transactions (MyISAM) is not all or nothing; its error says so.",
        ),
        verified_on=verified_on,
    )
