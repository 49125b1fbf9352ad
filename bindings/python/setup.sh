#!/usr/bin/env bash
# Makes <repository>/.venv, and builds and installs the package and what its tests need into it.
#
# usage: bindings/python/setup.sh [--conformance]
#
# --conformance adds what only the driver of serverswap-conformance calls, which no published wheel has.
# PYTHON is the interpreter to use (default: python3); CARGO_TARGET_DIR moves the build elsewhere.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
venv=$(cd "$here/../.." && pwd)/.venv

if [ ! -x "$venv/bin/python" ]; then
    "${PYTHON:-python3}" -m venv "$venv"
fi
export PIP_DISABLE_PIP_VERSION_CHECK=1
"$venv/bin/pip" install --quiet --requirement "$here/requirements-test.txt"
for lowest in $(grep -v '^#' "$here/requirements-lowest.txt"); do
    folder=$venv/lowest/$lowest
    if [ ! -d "$folder" ]; then
        "$venv/bin/pip" install --quiet --no-deps --target "$folder.part" "$lowest"
        mv "$folder.part" "$folder"
    fi
done

# By the build backend of the package, as `pip install bindings/python` does it.
settings=()
[ "${1:-}" != --conformance ] || settings=(--config-settings "build-args=--features=conformance")
rm -rf "$here/dist"
PATH=$venv/bin:$PATH "$venv/bin/pip" wheel --quiet --no-build-isolation --no-deps "${settings[@]}" --wheel-dir "$here/dist" "$here"
"$venv/bin/pip" install --quiet --force-reinstall --no-deps "$here"/dist/*.whl
echo "built: $(ls "$here"/dist/*.whl), installed in $venv"
