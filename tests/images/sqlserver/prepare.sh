#!/usr/bin/env bash
# Puts the double, which the tests keep beside this folder, and what it imports into the build's folder. Run on the host:
# a container need not reach a package index.
set -euo pipefail
folder=$1
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$folder/tests/doubles/sqlserver"
cp "$here"/../../doubles/sqlserver/*.py "$folder/tests/doubles/sqlserver/"

# For the image's Python, 3.13, whichever runs here. cryptography is the image's own.
"${PYTHON:-python3}" -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps \
    --only-binary=:all: --python-version 3.13 --implementation cp --platform manylinux_2_28_x86_64 --platform any \
    --require-hashes --requirement "$here/requirements.txt" --target "$folder/pylib" >&2
