#!/bin/sh
# Installs serverswap from the folder of this script, over an older version too; servers that run serve on.
#
#   ./install.sh [--prefix FOLDER]               the default is /usr/local for root, ~/.local (with the units of a user) for others
#   ./install.sh --uninstall [--prefix FOLDER]   removes what was installed there, and nothing else
#
# With DESTDIR set, everything goes below that, as in a package; FOLDER is then where it will be.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
action=install prefix=
while [ $# -gt 0 ]; do
    case $1 in
        --prefix) shift; prefix=${1:-.} ;;
        --prefix=*) prefix=${1#*=} prefix=${prefix:-.} ;;
        --uninstall) action=uninstall ;;
        -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0" && exit 0 ;;
        *) echo "error: \`$1\` is no option of install.sh; nothing was changed
hint: ./install.sh --help" >&2 && exit 2 ;;
    esac
    [ $# -eq 0 ] || shift
done
if [ -z "$prefix" ]; then
    if [ "$(id -u)" = 0 ]; then prefix=/usr/local; else prefix=$HOME/.local; fi
fi
case $prefix in
    /*) ;;
    *) echo "error: the prefix \`$prefix\` is no absolute path; nothing was changed
hint: ./install.sh --prefix \"\$PWD/$prefix\"" >&2 && exit 2 ;;
esac
root=${DESTDIR:-}$prefix
# What was installed, one path a line below the prefix; folders that were made for it end with a slash.
list=share/doc/serverswap/installed

remove() {
    while read -r path; do
        case $path in
            */) rmdir "$root/$path" 2>/dev/null || true ;;
            *) rm -f "$root/$path" ;;
        esac
    done
}

reload_units() {
    if [ -z "${DESTDIR:-}" ] && [ "$(id -u)" = 0 ] && [ -d /run/systemd/system ]; then systemctl daemon-reload || true; fi
}

if [ $action = uninstall ]; then
    if [ ! -e "$root/$list" ]; then
        echo "error: install.sh has installed nothing in $root; nothing was removed
hint: ./install.sh --uninstall --prefix FOLDER" >&2
        exit 1
    fi
    installed=$(sort -r "$root/$list")
    printf '%s\n' "$installed" | remove
    reload_units
    echo "removed from $root; servers that run serve on"
    exit 0
fi

if ! "$here/bin/serverswap" --version >/dev/null 2>&1 && [ -z "${DESTDIR:-}" ]; then
    echo "error: the programs in $here do not run on this machine ($(uname -m)); nothing was installed
hint: take the tarball for this processor, and the one with \`musl\` in its name for a system without glibc" >&2
    exit 1
fi

# folder PATH: makes it below the prefix, and notes each that was not there
folder() {
    [ ! -d "$root/$1" ] || return 0
    case $1 in
        */*) folder "${1%/*}" ;;
    esac
    mkdir "$root/$1"
    printf '%s/\n' "$1" >>"$new"
}

# place PATH: where a file goes below the prefix; nothing for one that is of no use there
place() {
    case $prefix:$1 in
        "${HOME:-}"/.local:lib/systemd/system/*) ;;
        "${HOME:-}"/.local:lib/systemd/*) echo "share/${1#lib/}" ;;
        *) echo "$1" ;;
    esac
}

# put FROM TO: under another name first, so that what runs keeps its file, and nobody sees half of one
put() {
    folder "${2%/*}"
    file=$root/$2
    case $1 in
        lib/systemd/*) sed "s|/usr/bin/|$prefix/bin/|" "$here/$1" >"$file.new" && chmod 644 "$file.new" ;;
        *) cp -P "$here/$1" "$file.new" ;;
    esac
    mv -f "$file.new" "$file"
    printf '%s\n' "$2" >>"$new"
}

mkdir -p "$root"
new=$(mktemp)
trap 'rm -f "$new"' EXIT
(cd "$here" && find bin lib share ! -type d | sort) | while read -r path; do
    placed=$(place "$path")
    [ -z "$placed" ] || put "$path" "$placed"
done
printf '%s\n' "$list" >>"$new"
if [ -e "$root/$list" ]; then
    # Folders that an older version has made stay noted; its files that this one has not go.
    grep '/$' "$root/$list" >>"$new" || true
    sort -r "$root/$list" | grep -vxFf "$new" | remove
fi
sort -u "$new" >"$root/$list"
chmod 644 "$root/$list"
reload_units
echo "installed in $root: $(cd "$here" && bin/serverswap --version 2>/dev/null || echo serverswap)"
case :$PATH: in
    *:$prefix/bin:*) ;;
    *) [ -n "${DESTDIR:-}" ] || echo "hint: export PATH=\"$prefix/bin:\$PATH\"" ;;
esac
