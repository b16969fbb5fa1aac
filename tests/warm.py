"""Processes that start warm: copies of one that has the large libraries loaded, which takes most of a start."""

import importlib
import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from huggingface_hub import constants
from paths import ROOT

# As app.py loads them; the first says how their threads wait.
LIBRARIES = ["cliptta_demo", "torch", "torchvision", "open_clip", "gradio", "pyarrow.parquet", "plotly.graph_objects"]
SECONDS = 600  # for a process that is waited for to its end
TOO_LATE = ("OMP_", "PYTHON", "SPACES_")  # variables that libraries read once, when they are loaded


def fits(settings: Mapping[str, str]) -> bool:
    """Whether a copy can take these variables over."""
    return hasattr(os, "fork") and not any(name.startswith(TOO_LATE) for name in settings)


CONTEXT = multiprocessing.get_context("forkserver" if hasattr(os, "fork") else None)


class WarmProcess(CONTEXT.Process):
    """A script of the project in a process of its own; what ``subprocess.Popen`` has, as far as tests ask for it.

    Args:
        script: its path; folder: where it runs; environment: all of its variables; log: the file it writes to;
        words: what stands behind the script on a command line.
    """

    def __init__(
        self, script: Path, folder: Path, environment: Mapping[str, str], log: str, words: Sequence[str] = ()
    ) -> None:
        CONTEXT.set_forkserver_preload(LIBRARIES)
        super().__init__(target=_serve, args=([str(script), *words], str(folder), dict(environment), log))
        self.start()

    def poll(self) -> int | None:
        """Its exit status once it has ended."""
        return self.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Waits for its end, at most ``timeout`` seconds."""
        self.join(timeout)
        if self.exitcode is None:
            raise subprocess.TimeoutExpired(str(self), timeout)
        return self.exitcode

    def send_signal(self, number: int) -> None:
        """Sends it a signal, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)


def run_code(code: str, *words: str, **settings: str) -> tuple[int, str]:
    """Runs Python code in a process of its own, from the root of the project, to its end.

    Args:
        code: the whole script; words: its arguments; settings: environment variables on top.

    Returns:
        Its exit status, and all that it wrote.
    """
    environment = {**os.environ, **settings}
    with tempfile.TemporaryDirectory() as folder:
        script, log = Path(folder) / "code.py", Path(folder) / "log"
        script.write_text(code, encoding="utf-8")
        if fits(settings):
            process = WarmProcess(script, ROOT, environment, str(log), words)
        else:
            with log.open("wb") as file:
                command = [sys.executable, str(script), *words]
                process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=file, stderr=file)
        try:
            return process.wait(SECONDS), log.read_text(encoding="utf-8", errors="replace")
        finally:
            process.kill()


def _serve(command: list[str], folder: str, environment: Mapping[str, str], log: str) -> None:
    with open(log, "ab", buffering=0) as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.environ.clear()
    os.environ.update(environment)
    if "HF_ENDPOINT" in environment:
        importlib.reload(constants)  # which reads the variables that begin with HF_
    os.chdir(folder)
    tempfile.tempdir = None  # TMPDIR may be another
    sys.argv, sys.path[0] = command, str(Path(command[0]).parent)
    runpy.run_path(command[0], run_name="__main__")
