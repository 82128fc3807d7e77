"""nginx's configuration, as text: one for a container and for a local process, which differ in addresses only.

Rule: stacks/services/nginx.conf is what `in_container` gives; a test holds it, `python -m dbfleet.services._nginx`
writes it anew. What is known only where it runs stands there as a word in @, and nginx.sh puts it in.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dbfleet.runtimes import compose


@dataclass(frozen=True, slots=True)
class Places:
    """Where nginx listens, and where what is behind it listens. `resolver` is the name server that knows them in a
    container. `page` is the address that people type, `pair` the folder of the certificate and its key, `work` one for
    nginx's own files. `flower_login` is the value of the header that Flower is asked with, `door` the word by which web
    knows nginx. `user` is set where nginx is started by root and shall stay so."""

    https: str
    http: str
    web: str
    flower: str | None
    pgadmin: str | None
    page: str
    pair: str
    work: str
    flower_login: str
    door: str
    resolver: str | None = None
    user: str | None = None


def configuration(places: Places) -> str:
    """The whole file."""
    user = f"user {places.user};\n" if places.user else ""
    resolver = f"    resolver {places.resolver} valid=5s ipv6=off;\n" if places.resolver else ""
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f'    {kind}_temp_path "{places.work}/{kind}";\n' for kind in kinds)
    return f"""\
# Written by dbfleet/services/_nginx.py.
{user}worker_processes 1;
pid "{places.work}/nginx.pid";
error_log stderr warn;

events {{ worker_connections 512; }}

http {{
    access_log off;
    server_tokens off;
    absolute_redirect off;
    default_type text/plain;
{resolver}{temporary}
    # A statement may have 10 MB. An answer is passed on as it comes, and never put on disk.
    client_max_body_size 16m;
    client_body_timeout 30s;
    client_header_timeout 15s;
    send_timeout 60s;
    keepalive_timeout 60s;
    large_client_header_buffers 4 16k;
    proxy_max_temp_file_size 0;
    proxy_connect_timeout 5s;
    proxy_read_timeout 1h; # a statement may run for long before its first row
    proxy_http_version 1.1;

    # Passwords are tried by POST; the form itself may be looked at as often as any page.
    map $request_method $tries {{
        default $binary_remote_addr;
        GET "";
        HEAD "";
    }}
    limit_req_zone $tries zone=login:1m rate=20r/m;
    limit_req_zone $binary_remote_addr zone=all:1m rate=100r/s;
    limit_conn_zone $binary_remote_addr zone=connections:1m;
    limit_req_status 429;
    limit_conn_status 429;

    # web's static files, as long as web says that they are fresh.
    proxy_cache_path "{places.work}/static" levels=1 keys_zone=static:1m max_size=8m inactive=1d use_temp_path=off;

    proxy_set_header Host $http_host;
    proxy_set_header X-Real-IP $remote_addr;
    proxy_set_header X-Forwarded-For $remote_addr; # what the client says of itself is not passed on
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Dbfleet-Door "{places.door}"; # so web believes the addresses
    proxy_set_header Connection "";

    # A browser remembers it for the host whatever the port: for localhost it would break every other program there.
    map $host $strict {{
        default "max-age=31536000";
        localhost "";
    }}

    server {{
        listen {places.http};
        return 301 {places.page}$request_uri;
    }}

    server {{
        listen {places.https} ssl;
        ssl_certificate "{places.pair}/certificate.pem";
        ssl_certificate_key "{places.pair}/key.pem";
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_session_cache shared:tls:1m;
        add_header Strict-Transport-Security $strict always;
        limit_req zone=all burst=200 nodelay;
        limit_conn connections 100;
        error_page 429 @later;
        error_page 497 https://$http_host$request_uri; # plain HTTP was spoken here
        error_page 502 504 = @away;

        location / {{
            {_pass("web", places.web, places.resolver)}
        }}

        location = /login {{
            limit_req zone=all burst=200 nodelay;
            limit_req zone=login burst=10 nodelay;
            {_pass("web", places.web, places.resolver)}
        }}

        location /static/ {{
            proxy_cache static;
            proxy_cache_valid 200 1m;
            {_pass("web", places.web, places.resolver)}
        }}

        location = /.admin {{ # who may see Flower and pgAdmin: web says 204, 401 or 403
            internal;
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header Connection "";
            {_pass("web", places.web, places.resolver, "/auth/admin")}
        }}
{_behind_the_door("flower", places.flower, places, f'proxy_set_header Authorization "{places.flower_login}";')}
{_behind_the_door("pgadmin", places.pgadmin, places, _PGADMIN)}

        location @login {{
            return 302 /login?next=$request_uri;
        }}

        location @denied {{
            return 403 "This page needs the console's admin role, and a second factor where one is required.\\n";
        }}

        location @later {{
            default_type text/html;
            add_header Retry-After {_LATER_S} always;
            add_header Cache-Control no-store always;
            add_header Strict-Transport-Security $strict always;
            return 429 "{_LATER}";
        }}

        location @away {{
            return 502 "What is behind this page does not answer: dbfleet health says what is wrong.\\n";
        }}
    }}
}}
"""


_LATER_S: Final = 5
"""After so long a request that was one too many is let through: the slowest limit lets one through in 3 s."""

_LATER: Final = (
    "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
    "<title>Too many tries</title><style>body{font:1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:4rem auto;"
    "padding:0 1rem;color-scheme:light dark}</style><h1>Too many tries</h1>"
    "<p>There were too many requests from your address in a short time. "
    f"Try again in {_LATER_S} seconds.<p><a href='/login'>Log in</a></html>"
)

_PGADMIN: Final = """proxy_set_header X-Script-Name /pgadmin;
            proxy_set_header X-Scheme $scheme;"""


def _pass(name: str, address: str, resolver: str | None, path: str = "") -> str:
    """In a container a variable, so that the name is looked up when it is asked for: what is behind may come later."""
    if resolver is None:
        return f"proxy_pass http://{address}{path};"
    return f"set ${name} {address};\n            proxy_pass http://${name}{path};"


def _behind_the_door(name: str, address: str | None, places: Places, header: str) -> str:
    """A page for the console's admins only."""
    if address is None:
        return f"""
        location /{name}/ {{
            return 404 "{name} is not started here: dbfleet up {name}\\n";
        }}"""
    return f"""
        location /{name}/ {{
            auth_request /.admin;
            error_page 401 = @login;
            error_page 403 = @denied;
            error_page 429 @later;
            error_page 502 504 = @away;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header Connection "";
            {header}
            {_pass(name, address, places.resolver)}
        }}"""


def in_container() -> str:
    """The configuration in the stack: the others are found by name, when they are there."""
    return configuration(
        Places(
            https="8443",
            http="8080",
            web="web:8000",
            flower="flower:5555",
            pgadmin="pgadmin:8080",
            page="@PAGE@",
            pair="/run/tls",
            work="/tmp/nginx",  # noqa: S108  # of a file system of its own
            flower_login="@FLOWER@",
            door="@DOOR@",
            resolver="127.0.0.11",
        )
    )


def stack_file() -> Path:
    """Where the stack's configuration lies."""
    return compose.stacks() / "services" / "nginx.conf"


if __name__ == "__main__":
    stack_file().write_text(in_container(), "utf-8")
    sys.exit(0)
