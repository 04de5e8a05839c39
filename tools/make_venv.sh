#!/usr/bin/env bash
# Create or refresh a virtual environment; does nothing when it is current.
#
#   tools/make_venv.sh          .venv         all that tests and checks of style need
#   tools/make_venv.sh oldest   .venv-oldest  the oldest versions that pyproject.toml allows
#   tools/make_venv.sh GROUP    .venv-GROUP   a dependency group of pyproject.toml, our package beside it
#
# PYTHON=/path/to/python3.12 picks the interpreter; otherwise a fitting one is looked for.
set -euo pipefail
cd "$(dirname "$0")/.."

kind=${1:-}
venv=.venv${kind:+-$kind}
stamp=$venv/.complete # written last, so an interrupted installation never counts as done
constraints=constraints.txt
versions=(3.13 3.12)
case $kind in
"") requested=(--editable '.[test,dev]') ;;
oldest)
    requested=(--editable '.[test]')
    constraints=constraints-oldest.txt
    versions=(3.12) # the oldest TensorFlow has wheels for no other
    ;;
*) requested=(--group "$kind") ;;
esac

fail() {
    echo "Error: $*" >&2
    exit 1
}

# Run each candidate: a pyenv shim may exist for a version that is not active, and Debian ships
# Python without ensurepip.
usable() {
    "$1" -c 'import ctypes, ensurepip, ssl, sys, venv, zlib
sys.exit("%d.%d" % sys.version_info[:2] not in sys.argv[1:])' "${versions[@]}" >/dev/null 2>&1
}

candidates() {
    type -ap "${versions[@]/#/python}" python3 python || true
    local root=${PYENV_ROOT:-$HOME/.pyenv} version
    for version in "${versions[@]}"; do
        printf '%s\n' "$root/versions/$version".*/bin/python
    done
}

find_python() {
    local names=${versions[*]}
    names="Python ${names// / or } with the venv module"
    if [ -n "${PYTHON:-}" ]; then
        usable "$PYTHON" || fail "PYTHON=$PYTHON is no $names."
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
    fail "no $names found on PATH or in pyenv; install one" \
        "(Debian, Ubuntu: apt install python3.12-venv) or name it: make PYTHON=/path/to/python3.12"
}

# The place counts: scripts in a virtual environment hold its absolute path.
wanted="$PWD $(cat pyproject.toml "$constraints" | cksum)"
is_current() {
    [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && "$venv/bin/python" -c '' 2>/dev/null
}

is_current && exit 0
if command -v flock >/dev/null; then # `make demo` and `make test` started side by side
    exec 9>"$venv.lock"
    flock 9
    is_current && exit 0
fi

install() {
    "$venv/bin/python" -m pip install --quiet --constraint "$constraints" "$@" ||
        fail "pip could not install the packages (its reason is above); run the command again."
}

python=$(find_python)
echo "Installing into $venv with $("$python" --version) ($python); this takes a few minutes."
rm -f "$stamp"
"$python" -m venv --clear "$venv"
install --upgrade pip # the one that comes with Python may know no dependency groups
install "${requested[@]}"
if [ "${requested[0]}" = --group ]; then
    install --no-deps --editable .
fi
echo "$wanted" >"$stamp"
