"""`init`: a dbfleet.toml with a comment on every key, that changes nothing until it is edited."""

from __future__ import annotations

from pathlib import Path

from dbfleet import registry
from dbfleet.config import FILE_NAME
from dbfleet.errors import UsageError

HEAD = """\
# dbfleet.toml: which databases this project's fleet has. Found from here and from every folder below.
# A flag wins over an environment variable, that over this file; `dbfleet config show` says which won.

[fleet]
# Two fleets never meet: each has servers, ports, data and a password of its own.
name = "default"
# docker, process (local server programs), or auto: docker where an engine answers, else process.
runtime = "auto"

# Without any [targets.…] the fleet is every engine under its own name. With one, it is what is named here.
#
# [targets.shop]
# engine = "postgres"           # not needed where the target is called as its engine
# port = 5433                   # otherwise the engine's own, or a free one
# memory = "512m"               # the container's cap
# image = "postgres:18.6"       # the container's image
#
# Somebody's server, that dbfleet never starts or stops. Secrets stay out of this file:
# ${env:NAME}, ${file:PATH} and ${keyring:SERVICE/USER} are read when they are needed.
#
# [targets.warehouse]
# url = "mysql://reader:${env:WAREHOUSE_PASSWORD}@db.example.org/sales"
# ro_url = "mysql://looker:${env:LOOKER_PASSWORD}@db.example.org/sales"  # an account that can only read
#
# The same of a service, which `dbfleet up` starts by its name.
#
# [services.nginx]
# port = 9443
"""


def init_text() -> str:
    """What `init` writes."""
    lines = [HEAD, "# Every engine that this dbfleet knows:", "#"]
    for spec in registry.every():
        port = f", port {spec.default_port}" if spec.default_port else ", a file"
        lines.append(f"# [targets.{spec.name}]".ljust(32) + f"# {spec.title}{port}")
    return "\n".join(lines) + "\n"


def init(directory: Path) -> Path:
    """Write the file into `directory`, over one that is there; its path."""
    file = directory / FILE_NAME
    if file.is_dir():
        raise UsageError(f"{file} is a folder")
    fresh = file.with_name(f".{FILE_NAME}.new")
    fresh.write_text(init_text(), "utf-8")
    fresh.replace(file)
    return file
