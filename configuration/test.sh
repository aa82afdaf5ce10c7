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
# Most tests wait for other processes most of the time; a file's tests share what they started. What
# fails beside three others is run again by itself: on a crowded machine, patience may have run out.
printf '\n== pytest\n'
venv/bin/pytest -n 4 --dist loadfile --no-loadscope-reorder || {
    printf '\n== pytest, what failed alone\n'
    venv/bin/pytest --last-failed --last-failed-no-failures none || failed="$failed pytest"
}
[ -z "$failed" ] || fail "Failed:$failed"
