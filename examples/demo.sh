#!/bin/sh
# The tour: a fleet of the embedded servers comes up, is seeded, answers in each engine's language, and goes again.
# Its state lies in a directory of its own, so nothing of yours is touched.
set -eu
DBFLEET_STATE_DIR=$(mktemp -d)
export DBFLEET_STATE_DIR DBFLEET_FLEET=demo DBFLEET_RUNTIME=process DBFLEET_CONFIG=
trap 'dbfleet down --volumes --yes >/dev/null 2>&1 || true; rm -rf "$DBFLEET_STATE_DIR"' EXIT INT TERM

show() {
    printf '\n$ dbfleet'
    for word in "$@"; do
        case $word in
        *[!A-Za-z0-9_.,/:=-]*) printf " '%s'" "$word" ;;
        *) printf ' %s' "$word" ;;
        esac
    done
    printf '\n'
    dbfleet "$@"
}

show up postgres redis sqlite
show health postgres redis sqlite --format table
show seed postgres redis sqlite --rows 1000
show query postgres 'select status, count(*), sum(total) from orders group by status order by 2 desc' --format table
show query sqlite 'select name, price from products order by cast(price as real) desc limit 3' --format table
show query redis 'HGETALL customers:1'
show digest postgres --format table
show digest redis --format table
show digest sqlite --format table
show down --volumes --yes
