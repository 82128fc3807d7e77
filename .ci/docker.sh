#!/usr/bin/env bash
# Rule: when this ends with 0, `docker info` and `docker compose version` (2.20 or newer) answer on this machine;
# when it cannot get there it says what is missing, and ends with 1. It is quiet when all is there already,
# and running it again, or twice at once, is safe.
#
# Installs, only where missing: Debian's docker.io and iptables, and compose v2 as docker's plugin. Debian 12
# has no compose v2; the next release's package holds one static binary, so that file alone is taken out of it,
# through this machine's own apt source, and nothing else of that release is installed.
#
# Starts: dockerd, detached from this shell; log in $DOCKERD_LOG (/var/log/dockerd.log).
set -euo pipefail

compose_minimum=2.20 # `include:` in stacks/compose.yaml
log=${DOCKERD_LOG:-/var/log/dockerd.log}
deadline_s=${DOCKERD_DEADLINE_S:-90}

say() { printf 'docker.sh: %s\n' "$*" >&2; }
die() {
    say "$*"
    exit 1
}

engine_answers() { docker info >/dev/null 2>&1; }

compose_answers() {
    local version
    version=$(docker compose version --short 2>/dev/null) || return 1
    # Debian adds "-3+b1" and the like, upstream a leading "v"; sort -V is used for its order of the numbers.
    version=${version#v}
    [ "$(printf '%s\n' "$compose_minimum" "${version%%[-+]*}" | sort -V | head -n 1)" = "$compose_minimum" ]
}

if engine_answers && compose_answers; then exit 0; fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    sudo -n true 2>/dev/null || die "no engine answers, and starting or installing one needs root; run 'sudo .ci/docker.sh'"
    as_root=(sudo -n)
fi

# One at a time: two `make test-fleet` on one machine must not install or start twice.
exec 9>"/tmp/dbfleet-docker-$(id -u).lock"
flock -w 600 9 || die "another docker.sh has held the lock for ten minutes"

apt_updated=
apt_install() {
    command -v apt-get >/dev/null || die "cannot install $* without apt-get; install Docker Engine and compose v2 yourself"
    if [ -z "$apt_updated" ]; then
        "${as_root[@]}" apt-get update -qq >&2 || die "apt-get update failed"
        apt_updated=yes
    fi
    say "installing $*"
    local output
    output=$("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq -o Dpkg::Use-Pty=0 \
        --no-install-recommends "$@" </dev/null 2>&1 9>&-) || die "apt-get install $* failed: $output"
}

# --- the engine ---------------------------------------------------------------------------------------------

remove_stale_pid_file() { # a pid file that outlived a reboot may name a stranger's process, and stops dockerd
    local file=$1 program=$2 pid
    [ -e "$file" ] || return 0
    pid=$(cat "$file")
    [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$program" ] || "${as_root[@]}" rm -f "$file"
}

start_engine() {
    say "starting dockerd, log in $log"
    remove_stale_pid_file /var/run/docker.pid dockerd
    remove_stale_pid_file /var/run/docker/containerd/containerd.pid containerd
    # A session of its own, no terminal, no descriptor of ours: it lives on when this shell, or CI's, has gone.
    "${as_root[@]}" sh -c 'exec setsid nohup dockerd </dev/null >>"$1" 2>&1 &' sh "$log" 9>&-
    local waited=0
    until engine_answers; do
        waited=$((waited + 1))
        if [ "$waited" -gt "$deadline_s" ]; then
            "${as_root[@]}" tail -n 25 "$log" >&2
            die "dockerd does not answer after $deadline_s s; the end of $log is above"
        fi
        sleep 1
    done
}

if ! engine_answers; then
    if ! command -v dockerd >/dev/null || ! command -v iptables >/dev/null; then apt_install docker.io iptables; fi
    command -v docker >/dev/null || apt_install docker-cli # a package of its own since Debian 13
    # A package may have started it where there is an init system.
    engine_answers || start_engine
fi

# --- compose v2 ---------------------------------------------------------------------------------------------

# Prints this machine's own source of Debian packages; nothing else knows where they can be had from here.
apt_source() {
    local source
    source=$(apt-get indextargets --format '$(REPO_URI) $(ORIGIN) $(LABEL)' 'Created-By: Packages' 2>/dev/null |
        awk '$2 == "Debian" && $3 == "Debian" { print $1; exit }')
    [ -n "$source" ] || die "apt has no source of Debian packages, so compose v2 cannot be fetched; install it yourself"
    printf '%s\n' "$source"
}

install_compose() {
    local candidate
    [ -n "$apt_updated" ] || { "${as_root[@]}" apt-get update -qq >&2 && apt_updated=yes; }
    candidate=$(apt-cache policy docker-compose 2>/dev/null | awk '/Candidate:/ { print $2 }')
    case $candidate in
    [2-9].* | [1-9][0-9].*) # this release has compose v2 of its own
        apt_install docker-compose
        return
        ;;
    esac

    say "installing compose v2 from the next Debian release"
    local folder plugins=/usr/local/lib/docker/cli-plugins source
    source=$(apt_source)
    folder=$(mktemp -d)
    # apt's own user must be able to write where it downloads to.
    chmod 755 "$folder"
    mkdir -p "$folder/sources" "$folder/lists/partial" "$folder/cache/archives/partial"
    printf 'Types: deb\nURIs: %s\nSuites: trixie\nComponents: main\nSigned-By: %s\n' \
        "$source" /usr/share/keyrings/debian-archive-keyring.gpg >"$folder/sources/trixie.sources"
    local options=(-qq
        -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$folder/sources"
        -o "Dir::State::lists=$folder/lists" -o "Dir::Cache=$folder/cache" -o APT::Sandbox::User=root)
    "${as_root[@]}" apt-get "${options[@]}" update >&2 || die "cannot read the package list of Debian trixie"
    (cd "$folder" && "${as_root[@]}" apt-get "${options[@]}" download docker-compose >&2) ||
        die "cannot download docker-compose from Debian trixie"
    dpkg-deb -x "$folder"/docker-compose_*.deb "$folder/unpacked"
    "${as_root[@]}" install -D -m 755 "$folder/unpacked/usr/libexec/docker/cli-plugins/docker-compose" "$plugins/docker-compose"
    "${as_root[@]}" rm -rf "$folder"
}

compose_answers || install_compose
compose_answers || die "compose v2 is installed, but 'docker compose version' gives no $compose_minimum or newer"

say "$(docker version --format 'Docker Engine {{.Server.Version}}'), compose $(docker compose version --short)"
