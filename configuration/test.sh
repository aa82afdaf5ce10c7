#!/bin/sh
# Runs every check and test; with arguments, pytest alone with those: test.sh -k hello
. "$(dirname "$0")/environment.sh"

prepare requirements-dev.txt
unset PYTHONDONTWRITEBYTECODE # pytest keeps the tests as it has rewritten them: seconds a process
# Most tests wait for other processes most of the time; a file's tests share what they started.
run_tests() {
    venv/bin/pytest -n 4 --dist loadfile --no-loadscope-reorder "$@"
}
[ $# -eq 0 ] || { run_tests "$@"; exit; }

failed=''
sh configuration/lint.sh || failed=' lint'
# What fails beside three others is run again by itself: on a crowded machine, patience may have run
# out.
printf '\n== pytest\n'
run_tests || {
    printf '\n== pytest, what failed alone\n'
    venv/bin/pytest --last-failed --last-failed-no-failures none || failed="$failed pytest"
}
[ -z "$failed" ] || fail "Failed:$failed"
