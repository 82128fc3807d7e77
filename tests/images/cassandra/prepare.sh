#!/usr/bin/env bash
# Puts the server's jars and cqlsh into the build's folder. Run on the host: a container need not reach a package
# registry.
set -euo pipefail
folder=$1
here=$(cd "$(dirname "$0")" && pwd)
command -v mvn >/dev/null || { echo "the jars are fetched with Maven: install it (Debian: apt install maven)" >&2; exit 1; }

mvn --batch-mode --quiet --file "$here/pom.xml" dependency:copy-dependencies \
    -DoutputDirectory="$folder/lib" -DincludeScope=runtime </dev/null >&2

# For the image's Python, 3.11, whichever runs here.
"${PYTHON:-python3}" -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps \
    --only-binary=:all: --python-version 3.11 --implementation cp --platform manylinux2014_x86_64 \
    --require-hashes --requirement "$here/requirements.txt" --target "$folder/pylib" >&2
rm -rf "$folder"/pylib/cassandra/*.{c,pyx,pxd}
