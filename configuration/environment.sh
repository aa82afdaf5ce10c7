# Sourced by up.sh and test.sh: goes to the project's folder and keeps venv/ in step with what the
# project needs. POSIX sh only: it runs before anything is installed.

case ${PYTHON:-} in
    /*) ;;
    */*) PYTHON=$(pwd)/$PYTHON ;; # relative to where the command was given
esac
CDPATH='' cd "$(dirname "$0")/.." || exit 1

# Of the Python that runs it: its version, and whether it will do. Runs on any Python since 2.7.
ask_python='
import sys
try:
    import ensurepip, venv
    answer = "good"
except ImportError:
    answer = "bare"
if sys.version_info < (3, 10):
    answer = "old"
print("%s %d.%d.%d" % ((answer,) + tuple(sys.version_info[:3])))
'

fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

# Sets `python` to the Python to make venv/ with, or fails saying which ones were seen.
find_python() {
    if [ -n "${PYTHON:-}" ]; then
        set -- "$PYTHON"
    else
        set -- python3.13 python3.12 python3.11 python3.10 python3 python
    fi
    old='' bare=''
    for python; do
        answer=$("$python" -c "$ask_python" 2>/dev/null) || continue
        version=${answer#* }
        case $answer in
            good*) return ;;
            bare*) bare=${bare:-"$python ($version)"} minor=${version%.*} ;;
            old*) old=${old:-"$python ($version)"} ;;
        esac
    done
    advice="name another: PYTHON=/path/to/python3.12 sh $0"
    [ -z "$bare" ] || fail "$bare has no venv module: install it (Debian, Ubuntu: apt install" \
        "python${minor:-3}-venv), or $advice"
    [ -z "$old" ] || fail "datanectar needs Python 3.10 or newer and found only $old." \
        "Install one, or $advice"
    [ -z "${PYTHON:-}" ] || fail "PYTHON=$PYTHON can't be run. Mend the path, or $advice"
    fail "datanectar needs Python 3.10 or newer and found none on the PATH. Install one, or $advice"
}

# What an installation of configuration/$1 hangs on. A virtual environment can't be moved, so the
# folder is part of it; so is the Python, which an upgrade of the system may replace.
fingerprint() {
    pwd -P
    cksum setup.py configuration/requirements.lock "configuration/$1"
    "${PYTHON:-venv/bin/python}" -c 'import sys; print(sys.version)'
}

is_installed() {
    [ -x venv/bin/python ] && [ "$(cat "venv/installed-$1" 2>/dev/null)" = "$(fingerprint "$1")" ]
}

# Whether venv/ can be installed into: not half made, moved here from elsewhere, without its
# Python, or of another Python than the one asked for. The pip script is what is made last.
is_sound() {
    [ -x venv/bin/python ] || return
    case $(venv/bin/python -c "$ask_python" 2>/dev/null) in good*) ;; *) return 1 ;; esac
    [ "$(fingerprint "$1")" = "$(PYTHON='' fingerprint "$1")" ] || return
    grep -qF "$(pwd -P)/venv/bin/" venv/bin/pip 2>/dev/null
}

# One installation at a time; another waits here. A lock whose process is gone counts for nothing.
lock() {
    waiting=''
    until problem=$(LC_ALL=C ln -s $$ venv.lock 2>&1); do
        case $problem in *'File exists'*) ;; *) fail "$(pwd) can't be written to: $problem" ;; esac
        owner=$(readlink venv.lock) || continue
        kill -0 "$owner" 2>/dev/null || rm -f venv.lock
        [ "$waiting" = "$owner" ] || echo "Waiting for process $owner, which installs into venv/."
        waiting=$owner
        sleep 1
    done
    trap 'rm -f venv.lock' EXIT
    trap 'echo "Interrupted. The same command goes on from here." >&2; exit 130' HUP INT TERM
}

unlock() {
    trap - EXIT HUP INT TERM
    rm -f venv.lock
}

make_venv() {
    find_python
    echo "Making venv/ with $python ($version)."
    "$python" -m venv --clear venv || fail "$python could not make $(pwd)/venv; see above."
}

run_pip() {
    venv/bin/python -m pip install --disable-pip-version-check --no-input "$@" \
        </dev/null >>venv/install.log 2>&1
}

install() {
    echo "Installing configuration/$1 into venv/: a minute or two, the first time."
    : >venv/install.log
    # First what was tried together, each package by its hash; then what comes on top of it.
    run_pip --only-binary :all: --require-hashes -r configuration/requirements.lock &&
        run_pip -r "configuration/$1" && return
    problem="pip could not install configuration/$1."
    if grep -qE 'Retrying \(|Could not fetch|No matching distribution|ProxyError' venv/install.log
    then
        problem="pip could not download what configuration/$1 needs: is there a network, a proxy \
(HTTPS_PROXY) or an index of your own (PIP_INDEX_URL)?"
    fi
    tail -n 5 venv/install.log | sed 's/^/  /' >&2
    fail "$problem Its last lines are above, all of them in venv/install.log."
}

# Makes sure that configuration/$1 is installed in venv/; $2, if given, names a file that includes it.
prepare() {
    for requirements; do
        if is_installed "$requirements" 2>/dev/null; then return; fi
    done
    lock
    [ ! -e venv ] || [ -w venv ] || fail "$(pwd)/venv can't be written to; does it belong to another user?"
    is_sound "$1" 2>/dev/null || make_venv
    is_installed "$1" 2>/dev/null || install "$1"
    fingerprint "$1" >"venv/installed-$1"
    unlock
}
