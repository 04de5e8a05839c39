#!/usr/bin/env bash
# Build the wheel and check, from outside the checkout, that it finds the configurations it ships.
set -euo pipefail
cd "$(dirname "$0")/.."

checkout=$PWD
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

"$checkout/.venv/bin/python" -m pip wheel --quiet --no-deps --wheel-dir "$scratch" .
"$checkout/.venv/bin/python" -m zipfile -e "$scratch"/*.whl "$scratch/site"
cd "$scratch"
PYTHONPATH=$scratch/site "$checkout/.venv/bin/python" - "$checkout/configs" <<'PYTHON'
import sys
from pathlib import Path

from ctlearn_gan_aug.config.shipped import shipped_config

for original in sorted(Path(sys.argv[1]).glob("*.yaml")):
    shipped = shipped_config(original.stem)
    assert Path.cwd() in shipped.parents, f"{shipped} is not the wheel's"
    assert shipped.read_text() == original.read_text(), f"{shipped} differs from {original}"
print("wheel: ships every file in configs/")
PYTHON
