#!/usr/bin/env bash
# Puts the stand-in's packages into the build's folder. Run on the host: a container need not reach a package registry.
set -euo pipefail
folder=$1
here=$(cd "$(dirname "$0")" && pwd)
command -v npm >/dev/null || { echo "the packages are fetched with npm: install it (Debian: apt install npm)" >&2; exit 1; }

mkdir "$folder/stand-in"
cp "$here"/{package.json,package-lock.json,server.js,numbers.js} "$folder/stand-in/"
# No scripts: leveldown, the one native module, carries its binaries.
npm ci --prefix "$folder/stand-in" --omit=dev --ignore-scripts --no-audit --no-fund --silent </dev/null >&2

# Its walks over a database end at U+00FF, so later ids (Greek, Chinese, full-width) are stored and never listed.
sed -i "s/upperBound: '\\\\xff'/upperBound: '\\\\u{10ffff}'/" "$folder/stand-in/node_modules/sublevel-pouchdb/lib/index.js"
grep -q "upperBound: '.u{10ffff}'" "$folder/stand-in/node_modules/sublevel-pouchdb/lib/index.js"
