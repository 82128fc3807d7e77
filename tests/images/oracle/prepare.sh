#!/usr/bin/env bash
# Puts the double, which the tests keep beside this folder, into the build's folder.
set -euo pipefail
folder=$1
doubles=$(cd "$(dirname "$0")/../../doubles" && pwd)
mkdir -p "$folder/tests/doubles/oracle"
cp "$doubles"/oracle/*.py "$folder/tests/doubles/oracle/"
