#!/bin/sh
# The console's tour: three engines with the same rows, a drift watch on each pair, the console in front. As processes of
# this machine, or in containers where DBFLEET_RUNTIME=docker is set.
# Break a row in one engine, and within a minute you are told exactly that row. Ctrl-C ends everything.
#
#     sh examples/demo-console.sh              prints a link; look at the pages, break a row yourself
#     sh examples/demo-console.sh --by-itself  breaks a row itself, waits until it is told, and ends: 0 if all was right
#
# Its state lies in a directory of its own, so nothing of yours is touched.
set -eu
itself=${1:-}
DBFLEET_STATE_DIR=$(mktemp -d)
export DBFLEET_STATE_DIR DBFLEET_FLEET=demo-console DBFLEET_RUNTIME="${DBFLEET_RUNTIME:-process}"
trap 'trap - EXIT INT TERM; echo; echo "the demo ends …"; cd /; dbfleet --quiet down --volumes --yes >/dev/null 2>&1 || true; rm -rf "$DBFLEET_STATE_DIR"' EXIT INT TERM
cd "$DBFLEET_STATE_DIR"
cat >dbfleet.toml <<'END'
[targets.postgres]
[targets.redis]
[targets.sqlite]
END
export DBFLEET_CONFIG="$PWD/dbfleet.toml"

show() {
    printf '\n$ dbfleet'
    for word in "$@"; do
        case $word in
        *"'"*) printf ' "%s"' "$word" ;;
        *[!A-Za-z0-9_.,/:=-]*) printf " '%s'" "$word" ;;
        *) printf ' %s' "$word" ;;
        esac
    done
    printf '\n'
    dbfleet "$@"
}

show up postgres redis sqlite
show --quiet seed postgres redis sqlite --rows 500 --format table
show up console
for other in redis sqlite; do
    show --quiet schedule add drift postgres "$other" --every 20s --confirm 2s
done
show schedule add dump postgres --cron '0 3 * * *' --keep 7 --format table

# told SCHEDULE STATE: wait until the schedule has the state; its drift is on the last line of the job.
told() {
    left=90
    until dbfleet schedule ls --format jsonl | grep -F "\"schedule\":\"$1\"" | grep -qF "\"state\":\"$2\""; do
        left=$((left - 1))
        [ "$left" -gt 0 ] || { echo "the schedule '$1' did not come to '$2'" >&2; dbfleet schedule ls >&2; exit 1; }
        sleep 1
    done
}
told 'drift postgres redis' ok
told 'drift postgres sqlite' ok
show schedule ls --format table

break_it="update orders set status = 'lost' where id = 7"
if [ "$itself" = --by-itself ]; then
    show query sqlite "$break_it"
    told 'drift postgres sqlite' drift
    show schedule ls --format table
    job=$(dbfleet jobs --format jsonl | grep -F '"verdict":"drift"' | head -n 1 | sed 's/^{"job":\([0-9]*\),.*/\1/')
    found=$(dbfleet jobs show "$job" --format json)
    case $found in
    *'"key": {"id": 7}'* | *'"key":{"id":7}'*) echo 'told: exactly the row with id 7 of orders' ;;
    *) echo "the job $job does not name the row: $found" >&2; exit 1 ;;
    esac
    show receipts verify --format table
    exit 0
fi

printf '\nOpen this link, make a password, and look around:\n\n    '
dbfleet console link
cat <<END

Then break a row in one engine, in another terminal, and see it told under Drift within half a minute:

    export DBFLEET_STATE_DIR=$DBFLEET_STATE_DIR DBFLEET_CONFIG=$DBFLEET_CONFIG DBFLEET_FLEET=demo-console
    dbfleet query sqlite "$break_it"

Ctrl-C ends the demo and removes what it made. Its jobs, as they come:

END
dbfleet jobs --watch --format table
