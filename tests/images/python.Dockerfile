# In the place of python:3.12-slim, for the console's image: Debian 12's Python with its venv and pip.
FROM dbfleet-test/base:bookworm

RUN export DEBIAN_FRONTEND=noninteractive \
 && apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates python3 python3-venv \
 && apt-get clean && rm -rf /var/lib/apt/lists/*

ENV LANG=C.UTF-8
