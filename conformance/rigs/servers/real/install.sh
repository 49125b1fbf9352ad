#!/bin/sh
# Installs the servers of `serverswap-rigs servers` into one folder, from their registries: Debian's packages (unpacked
# there: no root, no service that starts by itself), npm, PyPI, crates.io.
#
# usage: install.sh DIR
#
# What cannot be had is said, and left out: its row of the table says so, too. What is there already is kept.
set -u

here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1/bin" && cd "$1" || exit 1
folder=$PWD

# step NAME DONE COMMAND…: runs the command once; DONE is what it makes
step() {
    name=$1 done=$2
    shift 2
    [ -e "$done" ] && return
    echo "installing: $name"
    "$@" >"$name.log" 2>&1 || { echo "not installed: $name; $folder/$name.log says why" >&2; return 1; }
}

# program NAME PATH [VARIABLE=VALUE…]: bin/NAME executes PATH, with these in its environment
program() {
    name=$1 path=$2
    shift 2
    [ -e "$path" ] || return
    printf '#!/bin/sh\nexec env %s "%s" "$@"\n' "$*" "$folder/$path" >"bin/$name" && chmod +x "bin/$name"
}

debian() {
    mkdir -p archives/partial debian
    apt-get install --yes --download-only --reinstall --no-install-recommends -o Debug::NoLocking=1 \
        -o Dir::Cache::archives="$folder/archives" \
        nginx haproxy redis-server memcached caddy apache2-bin php-cli puma socat || return
    for archive in archives/*.deb; do
        dpkg -x "$archive" debian || return
    done
}

python() {
    python3 -m venv python && python/bin/pip install --quiet gunicorn uvicorn hypercorn granian
}

node() {
    npm install --no-audit --no-fund --prefix . express next react react-dom bun deno
}

next() {
    mkdir -p next && cp -R "$here/next/." next && ln -sfn ../node_modules next/node_modules &&
        (cd next && NEXT_TELEMETRY_DISABLED=1 ../node_modules/.bin/next build)
}

axum() {
    mkdir -p axum && cp -R "$here/axum/." axum && cargo build --release --manifest-path axum/Cargo.toml --target-dir axum/target
}

step debian debian/usr debian
libraries=$(echo "$folder"/debian/usr/lib/*-linux-*)
gems=$(echo "$libraries"/rubygems-integration/*)
for name in nginx haproxy apache2; do program $name debian/usr/sbin/$name "LD_LIBRARY_PATH=$libraries"; done
for name in redis-server memcached caddy socat; do program $name debian/usr/bin/$name "LD_LIBRARY_PATH=$libraries"; done
for path in debian/usr/bin/php[0-9]*; do program php "$path" "LD_LIBRARY_PATH=$libraries"; done
# PATH has neither.
for path in /usr/lib/postgresql/*/bin; do
    for name in postgres initdb; do [ -e "$path/$name" ] && ln -sfn "$path/$name" "bin/$name"; done
done
program puma debian/usr/bin/puma "GEM_PATH=$gems"

step python python/bin/granian python
for name in gunicorn uvicorn hypercorn granian; do program $name python/bin/$name; done

step node node_modules/express node
program bun node_modules/bun/bin/bun.exe
for path in node_modules/@deno/linux-*/deno; do program deno "$path"; done
step next next/.next/BUILD_ID next
program next node_modules/next/dist/bin/next

step axum axum/target/release/axum-server axum
program axum-server axum/target/release/axum-server
