#!/usr/bin/env bash
# Puts pgAdmin and what it imports into the build's folder. Run on the host: a container need not reach a package
# registry.
set -euo pipefail
folder=$1
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
pip=("$python" -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps
    --require-hashes --target "$folder/pylib")

# For the image's Python, 3.11, whichever runs here.
"${pip[@]}" --only-binary=:all: --python-version 3.11 --implementation cp --platform manylinux2014_x86_64 \
    --platform manylinux_2_28_x86_64 --platform manylinux_2_34_x86_64 --requirement "$here/requirements.txt" >&2
"${pip[@]}" --requirement "$here/sources.txt" >&2
