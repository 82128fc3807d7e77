#!/usr/bin/env bash
# A test substitute for the official image's healthcheck.sh: the two tests that a stack asks for, no others.
#   --connect              the server answers and takes connections over TCP, so it is not the first start's temporary one
#   --innodb_initialized   InnoDB has finished its recovery
# Asks as the user that the first start made for it; a volume made elsewhere may lack that user.
set -eu

ask() {
    mariadb --defaults-extra-file=/var/lib/mysql/.my-healthcheck.cnf --protocol=socket --skip-ssl \
        --batch --skip-column-names --execute "$1"
}

[ $# -gt 0 ] || { echo "at least one test is required" >&2; exit 1; }
for test; do
    case $test in
    --connect) [ "$(ask 'SELECT @@skip_networking')" = 0 ] ;;
    --innodb_initialized)
        [ "$(ask "SELECT 1 FROM information_schema.ENGINES WHERE engine = 'innodb' AND support IN ('YES', 'DEFAULT')")" = 1 ]
        ;;
    *) echo "this substitute does not know the test $test" >&2; exit 1 ;;
    esac || { echo "healthcheck $test failed" >&2; exit 1; }
done
