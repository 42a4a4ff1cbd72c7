# Sets up the virtual environment that gatewayd runs and is tested in. POSIX sh, to be sourced by a script that has set
# $root, the project's folder:
#
#     . "$root/tools/bootstrap.sh"
#     bootstrap runtime        # what gatewayd needs
#     bootstrap test           # that and what its tests need
#
# Afterwards $venv is the environment, with gatewayd installed in editable form. When nothing changed this costs a
# checksum. Everything comes from tools/constraints.txt, by version and hash; from where is pip's own configuration.
#
#   GATEWAYD_VENV     where the environment lies; default: .venv in the project
#   GATEWAYD_PYTHON   the Python to build it with; default: the distribution's (/usr/bin) if that is on PATH and usable,
#                     else the first usable python3 on PATH. The distribution's gets its security updates with the
#                     system, and Debian builds it with profile-guided optimisation.
#
# The order of the files written makes an interruption harmless: `.building` exists while pip works, stamps are written
# last. An environment with a `.building` left over is thrown away.

venv=${GATEWAYD_VENV:-$root/.venv}
case $venv in /*) ;; *) venv=$PWD/$venv ;; esac
_pins=$root/tools/constraints.txt
unset PYTHONHOME PYTHONPATH PIP_PREFIX PIP_TARGET PIP_ROOT
# pip only asks whether its cache may be written, and fails when that was not true.
{ [ -n "${HOME:-}" ] && mkdir -p "${XDG_CACHE_HOME:-$HOME/.cache}" 2>/dev/null; } || export PIP_NO_CACHE_DIR=1

say() { printf 'gatewayd: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

bootstrap() {
    if _is_current "$1"; then return; fi
    _lock
    _is_current "$1" || _install "$1"
    exec 9>&-
}

_is_current() { # set
    [ -x "$venv/bin/python" ] && [ ! -e "$venv/.building" ] &&
        [ "$(cat "$venv/.stamp-$1" "$venv/.stamp-project" 2>/dev/null)" = "$(_pins_key; _project_key)" ]
}

_pins_key() { # an environment made with other pins, another Python or in another place is made anew
    { printf '%s\n' "$venv"; "$venv/bin/python" -V; cat "$_pins"; } 2>/dev/null | cksum
}

_project_key() { # with another description gatewayd alone is installed again
    { printf '%s\n' "$root"; cat "$root/pyproject.toml" "$root/gatewayd/__init__.py"; } | cksum
}

_lock() { # the kernel releases it when this process ends, however it ends
    mkdir -p "$(dirname "$venv")" || die "cannot create $(dirname "$venv")"
    { exec 9>"$venv.lock"; } 2>/dev/null || die "cannot write $venv.lock; set GATEWAYD_VENV to a place that can be written"
    if command -v flock >/dev/null; then
        flock -n 9 || { say "waiting for another start that is setting up $venv"; flock 9; }
    else
        python3 -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)' || die "needs flock or python3"
    fi
}

_install() { # set
    if [ -e "$venv/.building" ] || [ "$(cat "$venv/.stamp-runtime" 2>/dev/null)" != "$(_pins_key)" ]; then
        _make_venv
    fi
    if [ "$(cat "$venv/.stamp-$1" 2>/dev/null)" != "$(_pins_key)" ]; then
        _install_set "$1"
    fi
    # No index: the build backend is in place, so nothing is fetched.
    rm -f "$venv/.stamp-project"
    PYTHONWARNINGS=ignore _pip --no-deps --no-index --no-build-isolation -e "$root" || die "installing gatewayd itself failed"
    # pip compiles what it installs, not what it links to; where Python may not do it later, every start would.
    "$venv/bin/python" -m compileall -q "$root/gatewayd" "$root/drivers" >/dev/null 2>&1 || :
    _project_key >"$venv/.stamp-project"
}

_make_venv() {
    if [ -e "$venv" ] && [ ! -e "$venv/.building" ] && [ ! -e "$venv/pyvenv.cfg" ]; then
        [ -z "$(ls -A "$venv")" ] || die "$venv is not a virtual environment; it stays as it is"
    fi
    _find_python
    say "setting up $venv with $("$_python" -V)"
    rm -rf "$venv"
    { mkdir -p "$venv" && : >"$venv/.building" && "$_python" -m venv "$venv"; } || die "cannot create $venv"
    _install_pins build || die "installing pip failed; the lines above say why"
    _install_set runtime
}

_install_set() { # set
    say "installing the $1 packages"
    : >"$venv/.building"
    # http-ece exists only as source; it is built with the pinned backend, not in an isolated environment without pins.
    _install_pins "$1" --no-binary http-ece || die "installing the $1 packages failed; the lines above say why"
    { _pins_key >"$venv/.stamp-$1" && rm "$venv/.building"; } || die "cannot write to $venv"
}

_install_pins() { # set, pip option ...
    awk -v title="# set: $1" '/^# set: /{on = $0 == title} on' "$_pins" >"$venv/.wanted"
    shift
    _pip --require-hashes --no-build-isolation --only-binary :all: "$@" -r "$venv/.wanted" && rm "$venv/.wanted"
}

_pip() {
    PIP_USER=0 PIP_NO_INPUT=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
        "$venv/bin/python" -m pip install --quiet --progress-bar off "$@" >&2
}

_usable() { "$1" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

_find_python() {
    if [ -n "${GATEWAYD_PYTHON:-}" ]; then
        _usable "$GATEWAYD_PYTHON" || die "GATEWAYD_PYTHON=$GATEWAYD_PYTHON is not a Python >= 3.11 with venv and ensurepip"
        _python=$GATEWAYD_PYTHON
        return
    fi
    _pick_python && return
    command -v apt-get >/dev/null || die "needs Python >= 3.11 with venv and ensurepip"
    _apt_install python3 python3-venv
    _pick_python && return
    _python=/usr/bin/python3 # an older one may stand before it on PATH
    _usable "$_python" || die "needs Python >= 3.11 with venv and ensurepip; python3 here is $(python3 -V 2>&1)"
}

_pick_python() {
    case :$PATH: in *:/usr/bin:*) set -- /usr/bin/python3 ;; *) set -- ;; esac
    for _python in "$@" python3 python3.13 python3.12 python3.11; do
        if _usable "$_python"; then return; fi
    done
    return 1
}

_apt_install() { # packages; installs those that are missing, or says how
    [ -e "${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}" ] || set -- "$@" ca-certificates
    _missing=
    for _package; do
        case $(dpkg-query -W -f '${Status}' "$_package" 2>/dev/null) in
            *' installed') ;;
            *) _missing="$_missing $_package" ;;
        esac
    done
    [ -n "$_missing" ] || return 0
    [ "$(id -u)" = 0 ] || die "packages are missing; install them with: sudo apt-get install$_missing"
    say "installing Debian packages:$_missing"
    export DEBIAN_FRONTEND=noninteractive DEBCONF_NOWARNINGS=yes
    # shellcheck disable=SC2086  # a list
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 $_missing; } \
        >/dev/null 9>&- || die "apt-get could not install:$_missing"
}
