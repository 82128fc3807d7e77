#!/usr/bin/env bash
# Puts the jars of the server and of its shell into the build's folder. Run on the host: a container need not reach
# a package registry.
set -euo pipefail
folder=$1
here=$(cd "$(dirname "$0")" && pwd)
command -v mvn >/dev/null || { echo "the jars are fetched with Maven: install it (Debian: apt install maven)" >&2; exit 1; }

fetch() { # POM DIRECTORY
    mvn --batch-mode --quiet --file "$here/$1" dependency:copy-dependencies \
        -DoutputDirectory="$2" -DincludeScope=runtime </dev/null >&2
}
fetch pom.xml "$folder/lib"
fetch cypher-shell.xml "$folder/cypher-shell"
# Other platforms' code, and what only plugins of cloud storage call.
rm -f "$folder"/{lib,cypher-shell}/*-{osx,windows}-*.jar
