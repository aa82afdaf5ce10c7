#!/bin/sh
# Runs every check that needs no test: ruff, mypy, the import contracts.
. "$(dirname "$0")/environment.sh"

prepare requirements-dev.txt
failed=''
check() {
    printf '\n== %s\n' "$*"
    tool=$1
    shift
    "venv/bin/$tool" "$@" || failed="$failed $tool"
}

check ruff check
check ruff format --check
check mypy
check lint-imports --no-logo
[ -z "$failed" ] || fail "Failed:$failed"
