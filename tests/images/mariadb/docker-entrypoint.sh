#!/usr/bin/env bash
# First start: an empty data directory, a temporary server without networking, time zones, passwords, the
# healthcheck's own user, database and user, and a stop. Reads MARIADB_ROOT_PASSWORD, MARIADB_ROOT_HOST,
# MARIADB_DATABASE, MARIADB_USER and MARIADB_PASSWORD, each also as _FILE, and MARIADB_INITDB_SKIP_TZINFO.
. /usr/local/lib/entrypoint.sh

if [ "${1:0:1}" = - ]; then set -- mariadbd "$@"; fi
if [ "$1" != mariadbd ]; then exec "$@"; fi

data=/var/lib/mysql
continue_as mysql "$data" /run/mysqld -- "$@"

if [ ! -d "$data/mysql" ]; then
    setting MARIADB_ROOT_PASSWORD
    setting MARIADB_ROOT_HOST %
    setting MARIADB_DATABASE
    setting MARIADB_USER
    setting MARIADB_PASSWORD
    [ -n "$MARIADB_ROOT_PASSWORD" ] || die "the database is not initialised and MARIADB_ROOT_PASSWORD is empty"

    note "Initializing database files"
    mariadb-install-db --datadir="$data" --auth-root-authentication-method=normal --skip-test-db "${@:2}" >/dev/null
    note "Starting temporary server"
    "$@" --skip-networking --default-time-zone=SYSTEM --skip-ssl &
    temporary_server=$!

    sql() { mariadb --user=root --database=mysql --protocol=socket --skip-ssl --binary-mode; }
    for _ in {1..60}; do
        if sql <<<'SELECT 1' >/dev/null 2>&1; then break; fi
        kill -0 "$temporary_server" 2>/dev/null || die "the temporary server died"
        sleep 0.5
    done
    if [ -z "${MARIADB_INITDB_SKIP_TZINFO:-}" ]; then
        mariadb-tzinfo-to-sql --skip-write-binlog /usr/share/zoneinfo 2>/dev/null | sql
    fi

    healthcheck_password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    (
        umask 077
        printf '[mariadb-client]\nuser=healthcheck\npassword=%s\n' "$healthcheck_password" >"$data/.my-healthcheck.cnf"
    )
    {
        for host in localhost 127.0.0.1 ::1; do
            echo "CREATE USER healthcheck@'$host' IDENTIFIED BY '$healthcheck_password';"
        done
        if [ -n "$MARIADB_DATABASE" ]; then echo "CREATE DATABASE \`$MARIADB_DATABASE\`;"; fi
        if [ -n "$MARIADB_USER" ] && [ -n "$MARIADB_PASSWORD" ]; then
            echo "CREATE USER $(sql_text "$MARIADB_USER")@'%' IDENTIFIED BY $(sql_text "$MARIADB_PASSWORD");"
            if [ -n "$MARIADB_DATABASE" ]; then
                echo "GRANT ALL ON \`${MARIADB_DATABASE//_/\\_}\`.* TO $(sql_text "$MARIADB_USER")@'%';"
            fi
        fi
        if [ "$MARIADB_ROOT_HOST" != localhost ]; then
            echo "CREATE USER root@$(sql_text "$MARIADB_ROOT_HOST") IDENTIFIED BY $(sql_text "$MARIADB_ROOT_PASSWORD");"
            echo "GRANT ALL ON *.* TO root@$(sql_text "$MARIADB_ROOT_HOST") WITH GRANT OPTION;"
        fi
        echo "SET PASSWORD FOR root@localhost = PASSWORD($(sql_text "$MARIADB_ROOT_PASSWORD"));"
    } | sql

    note "Stopping temporary server"
    kill "$temporary_server"
    wait "$temporary_server"
    note "MariaDB init process done. Ready for start up."
fi
unset MARIADB_ROOT_PASSWORD MARIADB_PASSWORD
exec "$@"
