#!/usr/bin/env bash
# Tests the package that setup.sh has installed, against the programs of this repository.
#
# usage: bindings/python/test.sh [arguments of pytest]
#
# SERVERSWAP_BIN_DIR: where `serverswap` and `serverswap-deploy` are (default: target/debug, then
# target/release).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bin=$(cd "$here/../.." && pwd)/.venv/bin
cd "$here"

"$bin/mypy" --config-file pyproject.toml python/serverswap
"$bin/python" -m mypy.stubtest serverswap --mypy-config-file pyproject.toml --allowlist stubtest-allowlist.txt
"$bin/pytest" "$@"
