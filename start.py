"""Sets everything up in its own environment, then runs the demo or the tests.

    python3 start.py          installs what is needed into .venv and serves the demo on port 7860
    python3 start.py test     installs what tests need too, browser included, and runs the whole suite

Arguments after ``test`` go to pytest, for example ``python3 start.py test -m "not browser"``.
Needs Python 3.11 or newer, nothing else.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / ".venv"
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")  # the first takes least
IMPORTED = ("gradio", "open_clip", "plotly.graph_objects", "pyarrow.parquet", "hypothesis", "mcp")  # by all that runs
PYTHON = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def call(*command: str | Path) -> None:
    """Runs a command in the project's folder; a failure ends the program with its exit status."""
    status = subprocess.run([str(part) for part in command], cwd=ROOT).returncode
    if status:
        sys.exit(status)


def pip(*arguments: str) -> None:
    """Runs pip inside the environment. It compiles nothing: what is imported will be, which is less than half."""
    call(PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile", *arguments)


def prepare(requirements: str) -> bool:
    """Makes the environment and installs into it, unless the same requirements were: whether there was a need to."""
    if not PYTHON.exists():
        print("Making an environment in .venv …", flush=True)
        try:
            venv.create(ENVIRONMENT, with_pip=True)
        except (subprocess.CalledProcessError, OSError) as error:
            shutil.rmtree(ENVIRONMENT, ignore_errors=True)
            sys.exit(f"Python could not make an environment ({error}). On Debian or Ubuntu: apt install python3-venv")
    text = "".join(path.read_text() for path in sorted(ROOT.glob("requirements*.txt")))
    mark = ENVIRONMENT / f".installed-{requirements}"
    key = hashlib.sha256((text + sys.version).encode()).hexdigest()
    if mark.exists() and mark.read_text() == key:
        return False
    print(f"Installing {requirements} (the first time takes some minutes) …", flush=True)
    pip("-r", requirements)
    mark.write_text(key)
    return True


def install_browser() -> None:
    """A Chromium for the browser tests: one on the path, else Playwright's, else Debian's.

    Playwright's servers get seconds to answer: where they are out of reach, Debian's may not be.
    """
    mark = ENVIRONMENT / ".installed-browser"
    if mark.exists() or any(map(shutil.which, BROWSERS)):
        return
    print("Installing chromium …", flush=True)
    os.environ |= {"PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT": "3000", "DEBIAN_FRONTEND": "noninteractive"}
    root = ("sudo", "-n") if os.name == "posix" and os.geteuid() and shutil.which("sudo") else ()
    playwright = (PYTHON, "-m", "playwright")
    if subprocess.run([*playwright, "install", "chromium"]).returncode == 0:
        # Most systems have what it needs: one that asks for a password gets none.
        subprocess.run([*root, *playwright, "install-deps", "chromium"], stdin=subprocess.DEVNULL)
        mark.touch()
    elif shutil.which("apt-get"):
        subprocess.run([*root, "apt-get", "-qq", "update"])
        for name in BROWSERS[:2]:  # older systems lack the first
            if subprocess.run([*root, "apt-get", "-qq", "-y", "install", name]).returncode == 0:
                return
    if not mark.exists():
        sys.exit("Chromium could not be installed: put one on the path, for the tests that drive a browser.")


def workers() -> int:
    """Processes that run tests: one more than there are cores, since many tests wait for a server or a browser.

    At most four, and no more than memory is there for: each takes up to 3 GB with its server and its browser.
    """
    if not hasattr(os, "sched_getaffinity"):
        return min(4, os.cpu_count() or 1)
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(1, min(4, len(os.sched_getaffinity(0)) + 1, memory // 3_000_000_000))


def main() -> None:
    """Runs the demo, or the tests when the first argument is ``test``."""
    if sys.version_info < (3, 11):  # noqa: UP036  (started by whatever Python the machine has)
        sys.exit(f"This needs Python 3.11 or newer; this is {sys.version.split()[0]}.")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # each process would compile everything anew
    arguments = sys.argv[1:]
    if not arguments:
        prepare("requirements.txt")
        if os.name == "posix":  # the server takes this process's place, so that signals reach it
            os.chdir(ROOT)
            os.execv(PYTHON, [str(PYTHON), "app.py"])
        call(PYTHON, "app.py")
    elif arguments[0] == "test":
        if prepare("requirements-test.txt"):  # compiled once, before each of several processes would
            call(PYTHON, "-c", f"import {', '.join(IMPORTED)}")
        install_browser()
        call(PYTHON, "-m", "ruff", "check", ".")
        call(PYTHON, "-m", "ruff", "format", "--check", ".")
        os.environ.setdefault("OMP_NUM_THREADS", "1")  # each core has a process of its own
        # By file, so that what a file's tests share is made once; in the order that tests/conftest.py gives them.
        spread = ("-n", str(workers()), "--dist", "loadfile", "--no-loadscope-reorder")
        call(PYTHON, "-m", "pytest", *spread, *arguments[1:])
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
