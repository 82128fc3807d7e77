#!/usr/bin/env bash
# tests/images/test-fleet.sh [PYTEST-ARGUMENT...]: the main job, the conformance suite, each engine's own tests and the
# ring of copies on every engine that has an image here: seven real servers, a stand-in and two wire doubles, all in one
# compose project, from the stacks as they are; only the images' names are replaced.
# FLEET_ENGINES="mysql redis" narrows it. Needs the images: tests/images/build.sh.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

env_file=.cache/test-images.env
docker info >/dev/null 2>&1 || { echo "no Docker engine answers; .ci/docker.sh installs and starts one" >&2; exit 1; }

read -ra engines <<<"${FLEET_ENGINES:-$(for file in tests/images/*/Dockerfile; do basename "${file%/*}"; done | xargs)}"
options=()
for engine in "${engines[@]}"; do
    line=$(grep "^DBFLEET_${engine^^}_IMAGE=" "$env_file" 2>/dev/null || true)
    if [ -z "$line" ] || ! docker image inspect "${line#*=}" >/dev/null 2>&1; then
        echo "there is no image of $engine yet: make images" >&2
        exit 1
    fi
    export "${line?}"
    options+=(--engine "$engine")
done

while read -r line; do export "${line?}"; done < <(grep -E '^DBFLEET_(CONSOLE_BASE|NGINX_IMAGE|PGADMIN_IMAGE)=' "$env_file")

# What `make test` shows, and Docker adds little to: a SQLite file is the same one, and PostgreSQL's and Redis' native
# lanes, values of 100 MB and servers that are killed run there on real servers of another version. They would take seven
# minutes here, of the 90 that CI has.
elsewhere=(--ignore tests/engines/test_postgres_huge.py --ignore tests/engines/test_redis_servers.py)
for name in sqlite sqlite_resume dump resume postgres diff redis redis_rows; do
    elsewhere+=(--ignore "tests/zoo/test_native_$name.py")
done

# Two processes, each with the servers of its own tests: one alone leaves 40 % of two cores idle. `-n 0` is one.
export DBFLEET_RUNTIME=docker
exec .venv/bin/python -m pytest -n 2 --dist loadgroup tests/test_end_to_end.py tests/conformance tests/engines tests/models tests/zoo tests/test_ring.py tests/test_properties.py \
    tests/stacks/test_double_images.py tests/cli/test_docker_fleet.py tests/cli/test_docker_services.py tests/cli/test_docker_fate.py "${elsewhere[@]}" "${options[@]}" "$@"
