"""Run mypy --strict on the three packages, laid out as they are installed.

`passes/` and `targets/` are `tinyiree.passes` and `tinyiree.targets` once installed, but mypy does
not follow the import hook of an editable install. So the packages are shown to it as one tree of
symbolic links under `build/typecheck`, and paths in its messages are turned back.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VIEW = ROOT / "build" / "typecheck"
MAPPED = ("passes", "targets")


def build_view() -> None:
    """Make `build/typecheck/tinyiree` afresh: one link for each entry of the three folders."""
    shutil.rmtree(VIEW, ignore_errors=True)
    package = VIEW / "tinyiree"
    package.mkdir(parents=True)
    for entry in sorted((ROOT / "tinyiree").iterdir()):
        if entry.name not in MAPPED and entry.name != "__pycache__":
            (package / entry.name).symlink_to(entry)
    for name in MAPPED:
        (package / name).symlink_to(ROOT / name)


def main() -> int:
    """Return mypy's exit status: 0 when there is nothing to report."""
    build_view()
    command = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml")]
    command += ["--cache-dir", str(ROOT / ".mypy_cache"), "--package", "tinyiree", *sys.argv[1:]]
    environment = {**os.environ, "MYPYPATH": str(VIEW)}
    result = subprocess.run(command, cwd=VIEW, env=environment, stdout=subprocess.PIPE, text=True)
    mapped = "|".join(MAPPED)
    sys.stdout.write(re.sub(rf"^tinyiree/({mapped})/", r"\1/", result.stdout, flags=re.MULTILINE))
    return result.returncode


if __name__ == "__main__":
    sys.exit(main())
