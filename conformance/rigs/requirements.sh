#!/bin/sh
# Says in one message what a goal of the Makefile needs and this machine does not have.
#
# usage: requirements.sh demo|build|test
#
# Exits with 1 if anything is missing, or older than it may be. It uses nothing but the shell and what it asks for.
set -u

goal=$1
PYTHON=${PYTHON:-python3}
missing=

# lacks NAME REASON SOURCE
lacks() {
    missing="$missing
  $1: $2 ($3)"
}

# here TOOL NAME SOURCE
here() {
    command -v "$1" >/dev/null 2>&1 || lacks "$2" "there is no \`$1\`" "$3"
}

# version TEXT: the first version in it, of `v20.1.0` and `go1.21.3` too
version() {
    for word in $1; do
        word=${word#v} word=${word#go}
        case $word in
            [0-9]*.[0-9]*) echo "${word%%[!0-9.]*}" && return ;;
        esac
    done
}

# as_new VERSION LOWEST: compares the first two numbers
as_new() {
    minor=${1#*.} minor=${minor%%.*}
    [ "${1%%.*}" -gt "${2%%.*}" ] || { [ "${1%%.*}" -eq "${2%%.*}" ] && [ "$minor" -ge "${2#*.}" ]; }
}

# newer LOWEST NAME SOURCE TOOL ARGUMENT: the tool prints its version, which is LOWEST or newer
newer() {
    lowest=$1 name="$2 $1 or newer" source=$3
    shift 3
    if ! command -v "$1" >/dev/null 2>&1; then
        lacks "$name" "there is no \`$1\`" "$source"
    elif ! printed=$("$@" 2>&1); then
        lacks "$name" "\`$*\` fails" "$source"
    else
        found=$(version "$printed")
        as_new "${found:-0.0}" "$lowest" || lacks "$name" "$(command -v "$1") is ${found:-of no known version}" "$source"
    fi
}

# runs NAME SOURCE COMMAND…: says what is missing if the command fails
runs() {
    name=$1 source=$2
    shift 2
    "$@" >/dev/null 2>&1 || lacks "$name" "\`$*\` fails" "$source"
}

PYTHONS="apt-get install python3 python3-venv"
NODES="https://nodejs.org"
RUSTS="https://rustup.rs"

here make make "apt-get install make"
here bash bash "apt-get install bash"
here cc "a C compiler" "apt-get install build-essential"
newer 1.88 Rust "$RUSTS" rustc --version
here cargo cargo "$RUSTS"
case $goal in
    demo)
        newer 18.0 Node "$NODES" node --version
        ;;
    build)
        here git git "apt-get install git"
        newer 18.0 Node "$NODES" node --version
        here npm npm "it comes with Node, or apt-get install npm"
        newer 3.9 Python "$PYTHONS" "$PYTHON" --version
        ;;
    test)
        here git git "apt-get install git"
        here curl curl "apt-get install curl"
        here jq jq "apt-get install jq"
        newer 20.11 Node "$NODES" node --version
        here npm npm "it comes with Node, or apt-get install npm"
        newer 3.10 Python "$PYTHONS" "$PYTHON" --version
        if command -v cargo >/dev/null 2>&1; then
            runs rustfmt "rustup component add rustfmt" cargo fmt --version
            runs clippy "rustup component add clippy" cargo clippy --version
        fi
        # Elsewhere the client in Go is left out, which `make test-go` says.
        if [ -n "${CI:-}" ] || command -v go >/dev/null 2>&1; then
            newer 1.21 Go "https://go.dev/dl" go version
        fi
        ;;
esac
if [ "$goal" != demo ] && command -v "$PYTHON" >/dev/null 2>&1; then
    runs "venv of Python" "$PYTHONS" "$PYTHON" -c "import ensurepip, venv"
fi

[ -z "$missing" ] && exit 0
echo "error: \`make $goal\` needs what this machine does not have; nothing has been built$missing" >&2
echo "hint: install that, then run \`make $goal\` again" >&2
exit 1
