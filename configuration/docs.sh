#!/bin/sh
# Builds the guide into the package, which serves it at /docs/guide. A broken link, a missing anchor or
# a page that nothing leads to ends it: warnings are errors.
. "$(dirname "$0")/environment.sh"

prepare requirements-dev.txt
guide=code/datanectar/guide
rm -rf "$guide" # pages that are gone would stay
exec venv/bin/python -m sphinx --quiet --fail-on-warning --keep-going --fresh-env -d .sphinx docs "$guide"
