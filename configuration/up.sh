#!/bin/sh
# Starts datanectar here: luigid, the app and a worker, under one Ctrl-C. What is missing in venv/
# is installed first. PYTHON=/path/to/python3.12 names the Python for it.
. "$(dirname "$0")/environment.sh"

prepare requirements.txt requirements-dev.txt
exec venv/bin/python -m datanectar up "$@"
