"""Compiled functions work where nothing can be kept on disk."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import ctlearn_gan_aug

KERNELS = """
import importlib, logging, sys
import numpy as np
logging.basicConfig(format="%(message)s")
import ctlearn_gan_aug
assert ctlearn_gan_aug.__file__.startswith(sys.argv[1]), ctlearn_gan_aug.__file__
for name in sys.argv[2:]:
    importlib.import_module(f"ctlearn_gan_aug.{name}")
from ctlearn_gan_aug.compiled import compiled

@compiled
def twice(x):
    return 2 * x

print(twice(21))
"""


#: All that have kernels.
MODULES = ("dl1.tailcuts", "dl1.moments", "dl1.timing", "data.mapper")


def run_installed(folder: Path, can_write: bool, modules=MODULES[:1], **environment):
    """Import modules with kernels from a copy of the package."""
    package = folder / "ctlearn_gan_aug"
    if not package.exists():
        shutil.copytree(
            Path(ctlearn_gan_aug.__file__).parent,
            package,
            ignore=shutil.ignore_patterns("__pycache__"),
        )
        (folder / "kernels.py").write_text(KERNELS)
    if not can_write:  # for root too: where a folder is needed there is a file
        for part in (folder, package / "dl1", package / "data", package):
            (part / "__pycache__").touch()
    return subprocess.run(
        [sys.executable, str(folder / "kernels.py"), str(folder), *modules],
        env={k: v for k, v in os.environ.items() if k != "NUMBA_CACHE_DIR"}
        | {"HOME": "/dev/null", "XDG_CACHE_HOME": "/dev/null", "PYTHONPATH": str(folder)}
        | environment,
        capture_output=True,
        text=True,
    )


def test_a_package_and_home_that_cannot_be_written(tmp_path):
    ended = run_installed(tmp_path, can_write=False, modules=MODULES)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1] == "42"
    assert ended.stderr.count("Set NUMBA_CACHE_DIR to a folder that can") == 1
    cache = tmp_path / "cache"
    helped = run_installed(tmp_path, can_write=False, NUMBA_CACHE_DIR=str(cache))
    assert helped.returncode == 0, helped.stderr
    assert "NUMBA_CACHE_DIR" not in helped.stderr
    assert list(cache.rglob("*.nbi"))


def test_machine_code_is_kept_beside_the_source(tmp_path):
    ended = run_installed(tmp_path, can_write=True)
    assert ended.returncode == 0, ended.stderr
    assert "NUMBA_CACHE_DIR" not in ended.stderr
    assert list(tmp_path.rglob("*.nbi"))
