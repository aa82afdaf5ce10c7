#!/bin/sh
# Builds what is published: an sdist and a wheel with the guide in it, checked; their parts as SBOM
# (CycloneDX) and their licences. docs/releasing.md has the steps around it.
. "$(dirname "$0")/environment.sh"

prepare requirements-dev.txt
sh configuration/docs.sh || fail "The guide could not be built; see above."
rm -rf dist
venv/bin/python -m build --outdir dist . >/dev/null || fail "The packages could not be built; see above."
venv/bin/twine check --strict dist/*.whl dist/*.tar.gz || fail "The packages' metadata is not in order."

# What a user's environment holds, in one of its own: without pip, by the lock.
bare=$(mktemp -d)
trap 'rm -rf "$bare"' EXIT
venv/bin/uv venv --quiet "$bare" && venv/bin/uv pip install --quiet --python "$bare/bin/python" \
    --require-hashes -r configuration/requirements.lock &&
    venv/bin/uv pip install --quiet --python "$bare/bin/python" --no-deps dist/*.whl ||
    fail "The wheel could not be installed by configuration/requirements.lock."
"$bare/bin/datanectar" --version
echo "An installation takes $(du -sm "$bare" | cut -f 1) MB."
venv/bin/cyclonedx-py environment "$bare" --output-file dist/sbom.cdx.json || fail "No SBOM."
venv/bin/pip-licenses --python "$bare/bin/python" --format markdown --output-file dist/licences.md
ls dist
