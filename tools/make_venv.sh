#!/usr/bin/env bash
# Create or refresh .venv from pyproject.toml and constraints.txt; does nothing when it is current.
# PYTHON=/path/to/python3.11 picks the interpreter; otherwise a fitting one is looked for.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=.venv
stamp=$venv/.complete # written last, so an interrupted installation never counts as done

fail() {
    echo "Error: $*" >&2
    exit 1
}

# Run each candidate: a pyenv shim may exist for a version that is not active, and Debian ships
# Python without ensurepip.
usable() {
    "$1" -c 'import ctypes, ensurepip, ssl, sys, venv, zlib
sys.exit(sys.version_info[:2] not in ((3, 10), (3, 11)))' >/dev/null 2>&1
}

candidates() {
    type -ap python3.11 python3.10 python3 python || true
    local root=${PYENV_ROOT:-$HOME/.pyenv}
    printf '%s\n' "$root"/versions/3.11*/bin/python "$root"/versions/3.10*/bin/python
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        usable "$PYTHON" || fail "PYTHON=$PYTHON is no Python 3.10 or 3.11 with the venv module."
        echo "$PYTHON"
        return
    fi
    local candidate
    while read -r candidate; do
        if usable "$candidate"; then
            echo "$candidate"
            return
        fi
    done < <(candidates)
    fail "no Python 3.10 or 3.11 with the venv module found on PATH or in pyenv; install one" \
        "(Debian, Ubuntu: apt install python3.11-venv) or name it: make PYTHON=/path/to/python3.11"
}

# The place counts: scripts in a virtual environment hold its absolute path.
wanted="$PWD $(cat pyproject.toml constraints.txt | cksum)"
is_current() {
    [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && "$venv/bin/python" -c '' 2>/dev/null
}

is_current && exit 0
if command -v flock >/dev/null; then # `make demo` and `make test` started side by side
    exec 9>.venv.lock
    flock 9
    is_current && exit 0
fi

python=$(find_python)
echo "Installing into $venv with $("$python" --version) ($python); this takes a few minutes."
rm -f "$stamp"
"$python" -m venv --clear "$venv"
"$venv/bin/python" -m pip install --quiet --constraint constraints.txt --editable '.[test,dev]' ||
    fail "pip could not install the packages (its reason is above); run the command again."
echo "$wanted" >"$stamp"
