#!/bin/sh
# Runs a program of venv/, which is made and filled first: venv.sh python -m benchmarks
. "$(dirname "$0")/environment.sh"

prepare requirements-dev.txt
program=$1
shift
exec "venv/bin/$program" "$@"
