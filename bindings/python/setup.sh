#!/usr/bin/env bash
# Makes <repository>/.venv, and builds and installs the package into it.
#
# usage: bindings/python/setup.sh [--conformance]
#
# --conformance adds what the tests need, and to the package what only the driver of serverswap-conformance calls, which
# no published wheel has; it is a debug build then, with the programs that cargo has built with the workspace. PYTHON is the interpreter to use (default: python3); CARGO_TARGET_DIR moves the build elsewhere.
# An environment that an earlier run did not finish is made anew.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
venv=$(cd "$here/../.." && pwd)/.venv
unfinished=$venv/unfinished
export PIP_DISABLE_PIP_VERSION_CHECK=1

if [ -e "$unfinished" ] || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    rm -rf "$venv"
fi
mkdir -p "$venv"
touch "$unfinished"
[ -x "$venv/bin/python" ] || "${PYTHON:-python3}" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --requirement "$here/requirements-build.txt"
if [ "${1:-}" = --conformance ]; then
    "$venv/bin/python" -m pip install --quiet --requirement "$here/requirements-test.txt"
    for lowest in $(grep -v '^#' "$here/requirements-lowest.txt"); do
        [ -d "$venv/lowest/$lowest" ] || "$venv/bin/python" -m pip install --quiet --no-deps --target "$venv/lowest/$lowest" "$lowest"
    done
fi
rm "$unfinished"

# By the build backend of the package, as `pip install bindings/python` does it.
settings=()
if [ "${1:-}" = --conformance ]; then
    programs=${CARGO_TARGET_DIR:-$here/../../target}/debug
    [ -x "$programs/serverswap" ] || { echo "error: $programs has no serverswap" >&2; echo "hint: make build-tests" >&2; exit 1; }
    settings=(--config-settings "build-args=--profile=dev --features=conformance" --config-settings "commands=$(realpath "$programs")")
fi
rm -rf "$here/dist"
PATH=$venv/bin:$PATH "$venv/bin/python" -m pip wheel --quiet --no-build-isolation --no-deps "${settings[@]}" --wheel-dir "$here/dist" "$here"
"$venv/bin/python" -m pip install --quiet --force-reinstall --no-deps "$here"/dist/*.whl
echo "built: $(ls "$here"/dist/*.whl), installed in $venv"
