#!/usr/bin/env bash
# The official image's entry point, as far as a stack can tell: the same variables, the same files, once or at each start.
# It starts no postfix and knows no desktop mode, no TLS and no database elsewhere.
# shellcheck source=../../entrypoint.sh
. /usr/local/lib/entrypoint.sh

python=/venv/bin/python3
data=/var/lib/pgadmin
cd /pgadmin4

# The settings are written once in a container's life.
if [ ! -s config_distro.py ]; then
    printf "CA_FILE = '/etc/ssl/certs/ca-certificates.crt'\nLOG_FILE = '/dev/null'\nHELP_PATH = '../../docs'\n" >config_distro.py
    for name in $(compgen -e PGADMIN_CONFIG_); do
        value=${!name}
        case ${value,,} in true) value=True ;; false) value=False ;; esac
        printf '%s = %s\n' "${name#PGADMIN_CONFIG_}" "$value" >>config_distro.py
    done
fi

setting PGADMIN_DEFAULT_PASSWORD
email=${PGADMIN_DEFAULT_EMAIL:-}
servers=${PGADMIN_SERVER_JSON_FILE:-/pgadmin4/servers.json}
replace=()
[ "${PGADMIN_REPLACE_SERVERS_ON_STARTUP:-}" != True ] || replace=(--replace)

load_servers() { [ ! -f "$servers" ] || "$python" setup.py load-servers "$servers" --user "$email" "${replace[@]}"; }

if [ ! -f "$data/pgadmin4.db" ]; then
    [ -n "$email" ] && [ -n "$PGADMIN_DEFAULT_PASSWORD" ] ||
        die "PGADMIN_DEFAULT_EMAIL and PGADMIN_DEFAULT_PASSWORD or PGADMIN_DEFAULT_PASSWORD_FILE must be set"
    valid=$(cd pgadmin/utils && EMAIL=$email "$python" -c "
import os
from validation_utils import validate_email
rules = {'CHECK_EMAIL_DELIVERABILITY': False, 'ALLOW_SPECIAL_EMAIL_DOMAINS': [], 'GLOBALLY_DELIVERABLE': True}
print(validate_email(os.environ['EMAIL'], rules))")
    [ "$valid" = True ] || die "$email is no valid email address"
    PGADMIN_SETUP_EMAIL=$email PGADMIN_SETUP_PASSWORD=$PGADMIN_DEFAULT_PASSWORD "$python" run_pgadmin.py
    load_servers
    if [ -f "${PGPASS_FILE:-}" ]; then # at the first start only, in the official image too
        folder=$data/storage/${email//@/_}
        mkdir -p "$folder"
        install -m 0600 "$PGPASS_FILE" "$folder/.pgpass"
    fi
elif [ ${#replace[@]} -gt 0 ]; then
    load_servers
fi

exec /venv/bin/python3 -m gunicorn --timeout 86400 --bind "${PGADMIN_LISTEN_ADDRESS:-[::]}:${PGADMIN_LISTEN_PORT:-80}" \
    -w 1 --threads "${GUNICORN_THREADS:-25}" --access-logfile "${GUNICORN_ACCESS_LOGFILE:--}" run_pgadmin:app
