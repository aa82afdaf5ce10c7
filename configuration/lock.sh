#!/bin/sh
# Writes configuration/requirements.lock: every package that an installation gets, with its version and
# hashes, for all Pythons and platforms. `lock.sh --upgrade` takes the newest that setup.py allows.
. "$(dirname "$0")/environment.sh"

prepare requirements-dev.txt
exec venv/bin/uv pip compile --quiet --no-header --universal --generate-hashes --no-emit-index-url \
    --python-version 3.10 --no-annotate --extra postgres --extra redis "$@" \
    --output-file configuration/requirements.lock setup.py
