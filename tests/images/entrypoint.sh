# shellcheck shell=bash
# Shared by the images' entry points; sourced, never run. Needs bash and setpriv.
#
# The rule: what an official image reads from its environment is read here in the same way, so that a stack
# cannot tell the two apart. A password goes from a file to a variable of this shell, then into the server by
# stdin or a pipe: never into an argument, which `ps` shows.
set -Eeuo pipefail

note() { printf '%s [entry point] %s\n' "$(date --rfc-3339=seconds)" "$*"; }

die() {
    note "$*" >&2
    exit 1
}

# setting NAME [DEFAULT]: NAME's value, else the content of the file that NAME_FILE names, else DEFAULT.
setting() {
    local name=$1 default=${2:-} file=${1}_FILE
    if [ -n "${!name:-}" ] && [ -n "${!file:-}" ]; then die "both $name and $file are set, but only one can be"; fi
    if [ -n "${!file:-}" ]; then
        [ -r "${!file}" ] || die "$file is set, but $(id -un) cannot read ${!file}"
        printf -v "$name" %s "$(<"${!file}")"
    else
        printf -v "$name" %s "${!name:-$default}"
    fi
    unset "$file"
}

# continue_as USER DIRECTORY... -- COMMAND...: as root, hands the directories to USER and starts this entry point
# again as that user; otherwise does nothing.
continue_as() {
    local user=$1 directories=()
    shift
    while [ "$1" != -- ]; do
        directories+=("$1")
        shift
    done
    shift
    [ "$(id -u)" = 0 ] || return 0
    mkdir -p "${directories[@]}"
    find "${directories[@]}" \! -user "$user" -exec chown "$user:" '{}' +
    exec setpriv --reuid "$user" --regid "$user" --init-groups -- "$0" "$@"
}

# sql_text TEXT: TEXT as a literal of MySQL and MariaDB.
sql_text() {
    local text=${1//\\/\\\\}
    printf "'%s'" "${text//\'/\'\'}"
}
