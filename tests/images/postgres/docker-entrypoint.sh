#!/usr/bin/env bash
# First start: initdb, then a temporary server that answers on its socket only, the database, and a stop.
# Reads POSTGRES_PASSWORD, POSTGRES_USER, POSTGRES_DB and POSTGRES_INITDB_ARGS, each also as _FILE.
. /usr/local/lib/entrypoint.sh

if [ "${1:0:1}" = - ]; then set -- postgres "$@"; fi
if [ "$1" != postgres ]; then exec "$@"; fi

major=$(cut -d. -f1 /image-version)
export PGDATA=${PGDATA:-/var/lib/postgresql/$major/docker}

# Official images refuse this mount since 18; so does this one, or a wrong stack would pass here and fail there.
if mountpoint -q /var/lib/postgresql/data; then
    die "there is a mount at /var/lib/postgresql/data; since 18 the one mount belongs at /var/lib/postgresql"
fi
continue_as postgres "$PGDATA" /var/run/postgresql -- "$@"
chmod 700 "$PGDATA"

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    setting POSTGRES_PASSWORD
    setting POSTGRES_USER postgres
    setting POSTGRES_DB "$POSTGRES_USER"
    setting POSTGRES_INITDB_ARGS
    [ -n "$POSTGRES_PASSWORD" ] || die "the database is not initialised and POSTGRES_PASSWORD is empty"

    read -ra initdb_options <<<"$POSTGRES_INITDB_ARGS"
    initdb --username="$POSTGRES_USER" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") "${initdb_options[@]}"
    printf '\nhost all all all scram-sha-256\n' >>"$PGDATA/pg_hba.conf"

    shift
    pg_ctl -w start -o "$(printf '%q ' "$@" -c listen_addresses=)"
    set -- postgres "$@"
    if [ "$POSTGRES_DB" != postgres ]; then
        psql --no-psqlrc --quiet -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
            -v database="$POSTGRES_DB" <<<'CREATE DATABASE :"database";'
    fi
    pg_ctl -m fast -w stop
    note "PostgreSQL init process complete; ready for start up."
fi
unset POSTGRES_PASSWORD
exec "$@"
