#!/usr/bin/env bash
# As the official one where the two can agree: at the first start, passwords from ORACLE_PASSWORD and APP_USER_PASSWORD,
# each also as _FILE, and the user APP_USER; later starts keep what the first one made. SIGTERM ends it.
. /usr/local/lib/entrypoint.sh

data=/opt/oracle/oradata/double
if [ ! -e "$data/user" ]; then
    note "first database startup, initializing..."
    setting ORACLE_PASSWORD
    setting APP_USER_PASSWORD
    if [ -z "$ORACLE_PASSWORD" ] && [ -z "${ORACLE_RANDOM_PASSWORD:-}" ]; then
        die "Oracle Database SYS and SYSTEM passwords have to be specified at first database startup: set ORACLE_PASSWORD"
    fi
    if [ -z "${APP_USER:-}" ] || [ -z "$APP_USER_PASSWORD" ]; then
        die "the double has no user but APP_USER: set APP_USER and APP_USER_PASSWORD, or APP_USER_PASSWORD_FILE"
    fi
    [ -z "${ORACLE_DATABASE:-}" ] || die "the double has no pluggable database but FREEPDB1: leave ORACLE_DATABASE out"
    mkdir -p "$data"
    (umask 077 && printf '%s\n' "$APP_USER_PASSWORD" >"$data/password")
    # Last: a first start that was cut off begins again.
    printf '%s\n' "$APP_USER" >"$data/user"
fi
unset ORACLE_PASSWORD APP_USER_PASSWORD
note "this is a wire double for the tests, no Oracle Database; it listens on:"
exec python3 -m tests.doubles.oracle --host 0.0.0.0 --port 1521 --service FREEPDB1 \
    --user "$(<"$data/user")" --password-file "$data/password" --data "$data"
