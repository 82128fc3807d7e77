#!/usr/bin/env bash
# tests/images/build.sh [ENGINE...]: local images of the engines, for where no image registry can be reached.
#
# Rule: each folder beside this file is an engine. Its image is dbfleet-test/ENGINE:VERSION, VERSION being what the
# server says of itself (/image-version in the image). It is built when the content of its folder, of its base, of the
# shared entrypoint.sh or of its double in tests/doubles has changed since, or when it is gone; otherwise nothing is done.
#
# stdout: a table of engine, image, size, version. Also written: .cache/test-images.env, one line
# DBFLEET_<ENGINE>_IMAGE=... an engine, which is all that the stacks need to run on these images, and
# DBFLEET_CONSOLE_BASE=... for the image of the console.
# Needs root (debootstrap), apt, and a Docker engine: .ci/docker.sh brings that one up.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
env_file=$root/.cache/test-images.env
content_label=org.dbfleet.test-image.content

say() { printf 'images: %s\n' "$*" >&2; }
die() {
    say "$*"
    exit 1
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# content PATH...: one hash over the files' names, modes and bytes.
content() {
    (cd "$here" && find "$@" -name __pycache__ -prune -o -type f -printf '%p %m\n' | LC_ALL=C sort | while read -r file mode; do
        printf '%s %s %s\n' "$file" "$mode" "$(sha256sum <"$file")"
    done | sha256sum | cut -c1-16)
}

# image_with_content HASH: the id of the image made from that content, or nothing.
image_with_content() { docker image ls --quiet --filter "label=$content_label=$1" | head -n 1; }

# --- the bases: a minimal Debian, from this machine's own mirror, and what NAME.Dockerfile makes of one --------

debian_mirror() {
    apt-get indextargets --format '$(REPO_URI) $(ORIGIN) $(LABEL)' 'Created-By: Packages' 2>/dev/null |
        awk '$2 == "Debian" && $3 == "Debian" { print $1; exit }'
}

base_of() { sed -n 's/^FROM dbfleet-test\/base://p' "$1" | head -n 1; } # DOCKERFILE

build_base() { # NAME
    if [ -f "$here/$1.Dockerfile" ]; then build_derived_base "$1"; else build_debian "$1"; fi
}

build_derived_base() { # NAME
    local name=$1 file=$here/$1.Dockerfile hash
    hash=base-$(content "$name.Dockerfile")
    [ -z "$(image_with_content "$hash")" ] || return 0
    build_base "$(base_of "$file")"
    say "building dbfleet-test/base:$name"
    docker build --quiet --force-rm --label "$content_label=$hash" --tag "dbfleet-test/base:$name" - <"$file" \
        >"$work/$name.log" 2>&1 || { tail -n 60 "$work/$name.log" >&2; die "the base $name could not be built"; }
}

build_debian() { # RELEASE
    local release=$1 tag=dbfleet-test/base:$1 hash mirror
    hash=base-$release-1 # raise the number when what is done below changes
    [ -z "$(image_with_content "$hash")" ] || return 0
    command -v apt-get >/dev/null || die "the base image is made with debootstrap, which needs a Debian"
    if [ -z "$(debian_mirror)" ] || ! command -v debootstrap >/dev/null; then
        apt-get update -qq >&2
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq -o Dpkg::Use-Pty=0 --no-install-recommends debootstrap >"$work/apt.log" 2>&1 ||
            { cat "$work/apt.log" >&2; die "cannot install debootstrap"; }
    fi
    mirror=$(debian_mirror)
    [ -n "$mirror" ] || die "apt has no source of Debian packages"
    say "building $tag"
    debootstrap --variant=minbase "$release" "$work/$release" "$mirror" >"$work/debootstrap.log" 2>&1 ||
        { tail -n 30 "$work/debootstrap.log" >&2; die "debootstrap of $release failed"; }
    rm -rf "$work/$release"/var/cache/apt/* "$work/$release"/var/lib/apt/lists/* \
        "$work/$release"/usr/share/{doc,man,info,locale}/*
    # Later packages leave out the same: a third of what they weigh.
    printf 'path-exclude=/usr/share/%s/*\n' doc man info locale >"$work/$release/etc/dpkg/dpkg.cfg.d/slim"
    tar --numeric-owner -C "$work/$release" -c . |
        docker import --change 'CMD ["bash"]' --change "LABEL $content_label=$hash" - "$tag" >/dev/null
    rm -rf "${work:?}/$release"
}

# --- the engines --------------------------------------------------------------------------------------------

build_engine() { # ENGINE
    local engine=$1 hash id context version base files
    files=(entrypoint.sh "$engine")
    base=$(base_of "$here/$engine/Dockerfile")
    [ -z "$base" ] || build_base "$base"
    [ ! -f "$here/$base.Dockerfile" ] || files+=("$base.Dockerfile")
    [ ! -d "$here/../doubles/$engine" ] || files+=("../doubles/$engine")
    hash=$engine-$(content "${files[@]}")
    id=$(image_with_content "$hash")
    if [ -z "$id" ]; then
        say "building dbfleet-test/$engine"
        context=$work/$engine-context
        mkdir "$context"
        cp "$here/entrypoint.sh" "$context/"
        cp -R "$here/$engine" "$context/$engine"
        if [ -x "$here/$engine/prepare.sh" ]; then "$here/$engine/prepare.sh" "$context"; fi
        docker build --quiet --force-rm --label "$content_label=$hash" --iidfile "$work/$engine.id" \
            --file "$context/$engine/Dockerfile" "$context" >"$work/$engine.log" 2>&1 ||
            { tail -n 60 "$work/$engine.log" >&2; die "the image of $engine could not be built"; }
        id=$(cat "$work/$engine.id")
        rm -rf "$context"
    fi
    version=$(docker run --rm --network none --entrypoint cat "$id" /image-version)
    [ -n "$version" ] || die "the image of $engine does not say its version"
    docker tag "$id" "dbfleet-test/$engine:$version"
    printf '%s\n' "$version" >"$work/$engine.version"
}

put_variable() { # NAME VALUE, into the file that the stacks read
    { grep -v "^$1=" "$env_file" || true; echo "$1=$2"; } | LC_ALL=C sort >"$work/env"
    cat "$work/env" >"$env_file"
}

all_engines() { find "$here" -mindepth 2 -maxdepth 2 -name Dockerfile -printf '%h\n' | xargs -n 1 basename | LC_ALL=C sort; }

docker info >/dev/null 2>&1 || die "no Docker engine answers; .ci/docker.sh installs and starts one"
# The classic builder is all that Debian's engine has; where there is a newer one, docker takes it by itself.
docker buildx version >/dev/null 2>&1 || export DOCKER_BUILDKIT=0

engines=("$@")
if [ ${#engines[@]} -eq 0 ]; then mapfile -t engines < <(all_engines); fi
for engine in "${engines[@]}"; do
    [ -f "$here/$engine/Dockerfile" ] || die "there is no engine $engine here; these are: $(all_engines | tr '\n' ' ')"
done

mkdir -p "${env_file%/*}"
touch "$env_file"
printf '%-10s  %-32s  %8s  %s\n' ENGINE IMAGE SIZE VERSION
for engine in "${engines[@]}"; do
    build_engine "$engine"
    version=$(cat "$work/$engine.version")
    image=dbfleet-test/$engine:$version
    printf '%-10s  %-32s  %5d MB  %s\n' "$engine" "$image" \
        $(($(docker image inspect --format '{{.Size}}' "$image") / 1000000)) "$version"
    put_variable "DBFLEET_${engine^^}_IMAGE" "$image"
done
# The services' images that are pulled: nginx and pgAdmin.
for file in "$here"/services/*/Dockerfile; do
    service=$(basename "${file%/*}")
    base=$(base_of "$file")
    build_base "$base"
    files=(entrypoint.sh "services/$service")
    [ ! -f "$here/$base.Dockerfile" ] || files+=("$base.Dockerfile")
    hash=$service-$(content "${files[@]}")
    id=$(image_with_content "$hash")
    if [ -z "$id" ]; then
        say "building dbfleet-test/$service"
        context=$work/$service-context
        mkdir -p "$context/services"
        cp "$here/entrypoint.sh" "$context/"
        cp -R "${file%/*}" "$context/services/$service"
        if [ -x "${file%/*}/prepare.sh" ]; then "${file%/*}/prepare.sh" "$context/services/$service"; fi
        docker build --quiet --force-rm --label "$content_label=$hash" --iidfile "$work/$service.id" \
            --file "$context/services/$service/Dockerfile" "$context" >"$work/$service.log" 2>&1 ||
            { tail -n 60 "$work/$service.log" >&2; die "the image of $service could not be built"; }
        id=$(cat "$work/$service.id")
        rm -rf "$context"
    fi
    version=$(docker run --rm --network none --entrypoint cat "$id" /image-version)
    docker tag "$id" "dbfleet-test/$service:$version"
    put_variable "DBFLEET_${service^^}_IMAGE" "dbfleet-test/$service:$version"
done
# The control database and the broker run on the engines' images.
image_of() { sed -n "s/^DBFLEET_$1_IMAGE=//p" "$env_file"; }
[ -z "$(image_of POSTGRES)" ] || put_variable DBFLEET_CONTROL_IMAGE "$(image_of POSTGRES)"
[ -z "$(image_of REDIS)" ] || put_variable DBFLEET_BROKER_IMAGE "$(image_of REDIS)"
# What the console's image is built on: dbfleet builds it itself, as for its users.
build_base python
put_variable DBFLEET_CONSOLE_BASE dbfleet-test/base:python
# What these builds replaced; nobody else's images carry the label.
docker image prune --force --filter "label=$content_label" >/dev/null
