#!/bin/sh
# Runs every check and test; with arguments, pytest alone with those: test.sh -k hello
. "$(dirname "$0")/environment.sh"

prepare requirements-dev.txt
[ $# -eq 0 ] || exec venv/bin/python -m pytest "$@"

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
# Most tests wait for other processes most of the time; a file's tests share what they started.
check pytest -n 4 --dist loadfile --no-loadscope-reorder
[ -z "$failed" ] || fail "Failed:$failed"
