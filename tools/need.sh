#!/bin/sh
# Makes sure that the machine has a thing: `tools/need.sh python node chromium mariadb`.
# Debian packages are installed by apt-get when root; otherwise the missing thing is named with what to do, and this fails.
set -eu

say() { printf '%s\n' "$*" >&2; }

apt_install() { # package...
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
        return 1
    fi
    say "Installing $* ..."
    log=$(mktemp)
    if { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"; } >"$log" 2>&1; then
        rm -f "$log"
    else
        tail -n 20 "$log" >&2
        rm -f "$log"
        return 1
    fi
}

need_python() {
    python=${PYTHON:-python3}
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
        say "Python 3.11 or newer is needed, and '$python' is not it. Install it, or name another: make PYTHON=python3.12"
        exit 1
    }
    "$python" -c 'import ensurepip, venv' 2>/dev/null || apt_install python3-venv || {
        say "Python's venv module is missing. Install the package python3-venv, then run this again."
        exit 1
    }
}

need_node() {
    if command -v node >/dev/null 2>&1 && command -v npm >/dev/null 2>&1 &&
        node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 20 ? 0 : 1)'; then
        return
    fi
    # Debian 12 brings Node.js 18, which is too old; install only where the archive at hand has 20 or newer.
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        apt-get update >/dev/null 2>&1 || true
        candidate=$(apt-cache policy nodejs 2>/dev/null | sed -n 's/ *Candidate: \([0-9]*\).*/\1/p')
        if [ "${candidate:-0}" -ge 20 ] && apt_install nodejs; then
            command -v npm >/dev/null 2>&1 || apt_install npm
            return
        fi
    fi
    say "Node.js 20 or newer with npm is needed to build the pages from a clone (the wheels carry them built)."
    say "Debian 12 itself has only 18: install it from nodejs.org or your distribution's newer archive, then run this again."
    exit 1
}

need_php() {
    enough='exit(extension_loaded("curl") && extension_loaded("mysqli") ? 0 : 1);'
    php -r "$enough" 2>/dev/null && return
    apt_install php-cli php-curl php-mysql && php -r "$enough" || {
        say "PHP's command line with its extensions curl and mysqli is needed by the tests and missing."
        say "Install from Debian's packages: php-cli php-curl php-mysql. Then run this again."
        exit 1
    }
}

need_program() { # "package..." program...
    packages=$1
    shift
    for program in "$@"; do
        command -v "$program" >/dev/null 2>&1 && return
        [ -x "/usr/sbin/$program" ] && return
    done
    # shellcheck disable=SC2086 # several packages, split on purpose
    apt_install $packages || {
        say "$1 is needed by the tests and missing. Install from Debian's packages: $packages. Then run this again."
        exit 1
    }
}

for thing in "$@"; do
    case $thing in
        python) need_python ;;
        node) need_node ;;
        chromium) need_program "chromium fonts-dejavu-core" chromium chromium-browser google-chrome ;;
        php) need_php ;;
        nginx) need_program nginx nginx ;;
        haproxy) need_program haproxy haproxy ;;
        systemd) need_program systemd systemd-analyze ;;
        mariadb) need_program mariadb-server mariadbd mysqld ;;
        redis) need_program redis-server redis-server valkey-server ;;
        cc) need_program "gcc libc6-dev" cc gcc clang ;;
        *) say "tools/need.sh knows python, node, php, chromium, mariadb, nginx, haproxy, systemd, redis and cc, not '$thing'."; exit 2 ;;
    esac
done
