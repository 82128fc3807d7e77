#!/usr/bin/env bash
# A browser for the tests of the console's pages: Debian's chromium, with a font that has what the pages show.
set -euo pipefail
if ! command -v chromium >/dev/null; then
    echo 'browser.sh: installing chromium'
    apt-get update -qq >/dev/null
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null
fi
chromium --version
