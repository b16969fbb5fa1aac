"""``pip install .`` gives a working package: a wheel is built, installed in an empty environment and used there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
import venv
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from pathlib import Path

import httpx
import pytest
from asking import Asker
from hostile_values import ORDINARY
from serving import ROOT, serve_command

from cliptta_demo import VERSION
from cliptta_demo.page.panels.panel import static_files

pytestmark = pytest.mark.slow
READY_SECONDS = 300
CONTENT_TYPES = {".js": "javascript", ".css": "text/css", ".json": "application/json", ".jpg": "image/jpeg"}


@dataclass(frozen=True)
class Installation:
    """An environment that holds the wheel, besides what the program depends on.

    Attributes:
        wheel: the file; files: names of those it was made of; site: where the package lies;
        scripts: where the commands lie; elsewhere: an empty folder to start them in.
    """

    wheel: Path
    files: list[str]
    site: Path
    scripts: Path
    elsewhere: Path

    def run(self, command: str, *words: str) -> str:
        """What a command of the environment prints."""
        environment = {**os.environ, "PYTHONPATH": "", "HF_HUB_OFFLINE": "1"}
        done = subprocess.run(
            [self.scripts / command, *words], cwd=self.elsewhere, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout


def call(*command: str | Path, folder: Path = ROOT) -> str:
    """Runs a command and returns what it prints; fails with its output."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def project_files() -> list[str]:
    """What git keeps of this checkout, and what it would keep once it is added; skips where there is none."""
    if not shutil.which("git") or not (ROOT / ".git").exists():
        pytest.skip("needs git and a checkout, to leave out what is not part of the project")
    kept = ("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    return [name for name in call(*kept).split("\0") if (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """The project's files → source archive → wheel → environment; nothing is downloaded."""
    folder, files = tmp_path_factory.mktemp("wheel"), project_files()
    for name in files:
        target = folder / "export" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)
    build = "import sys, setuptools.build_meta as backend; backend.build_sdist(sys.argv[1])"
    call(sys.executable, "-c", build, folder, folder=folder / "export")
    (archive,) = folder.glob("*.tar.gz")
    offline = ("--no-deps", "--no-index", "--no-cache-dir", "--disable-pip-version-check")
    call(sys.executable, "-m", "pip", "wheel", *offline, "--no-build-isolation", "--wheel-dir", folder, archive)
    (wheel,) = folder.glob("*.whl")

    environment = folder / "environment"
    venv.create(environment)
    scripts = environment / ("Scripts" if os.name == "nt" else "bin")
    python = scripts / "python"
    site = Path(call(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    heavy = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    (site / "dependencies.pth").write_text("\n".join(heavy), encoding="utf-8")  # torch and the rest, from here
    call(sys.executable, "-m", "pip", "--python", python, "install", *offline, wheel, folder=folder)
    (folder / "elsewhere").mkdir()
    return Installation(wheel, files, site, scripts, folder / "elsewhere")


@pytest.fixture(scope="module")
def address(installed: Installation) -> Iterator[str]:
    """The page of the installed command, once it is ready; it ends well when told to."""
    command = [installed.scripts / "cliptta-demo"]
    with serve_command(command, installed.elsewhere, PYTHONPATH="") as (address, process, log):
        deadline = time.monotonic() + READY_SECONDS
        while httpx.get(f"{address}/health", timeout=120).status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield address
        process.terminate()
        status = process.wait(120)
        log.seek(0)
        assert status == 0, log.read().decode(errors="replace")[-3000:]


def get(address: str) -> tuple[bytes, Message]:
    """Content and head of an answer; raises where its status is an error."""
    with urllib.request.urlopen(address, timeout=120) as answer:
        return answer.read(), answer.headers


def test_the_wheel_holds_all_that_is_needed_and_no_more(installed: Installation) -> None:
    code = {name for name in installed.files if name.startswith("cliptta_demo/")}
    shown = {n for n in installed.files if n.startswith("assets/") and not n.endswith((".png", ".gif"))}
    with zipfile.ZipFile(installed.wheel) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert names == code | {f"cliptta_demo/{name}" for name in shown}
    assert "cliptta_demo/weights/tiny/open_clip_model.safetensors" in names


def test_the_installed_code_is_what_runs(installed: Installation) -> None:
    code = "import cliptta_demo, cliptta_demo.places as p; print(cliptta_demo.__file__, p.ASSETS, sep='\\n')"
    package = installed.site / "cliptta_demo"
    assert installed.run("python", "-P", "-c", code).splitlines() == [str(package / "__init__.py"), f"{package}/assets"]
    assert installed.wheel.name.startswith(f"cliptta_demo-{VERSION}-")


def test_the_installed_command_serves_the_page(installed: Installation, address: str) -> None:
    page = get(address)[0].decode()
    files = set(re.findall(r'gradio_api/file=[^"\\<>]+', page))
    places = [Path(re.fullmatch(r"gradio_api/file=(.+)\?v=\d+", file)[1]) for file in files]
    assert {place.name for place in places} == {path.name for path in static_files()}
    assets = installed.site / "cliptta_demo" / "assets"
    assert all(place.is_relative_to(assets) for place in places if place.name != "plotly.min.js")
    for file, place in zip(files, places, strict=True):
        content, head = get(f"{address}/{file}")
        assert content == place.read_bytes()
        assert CONTENT_TYPES[place.suffix] in head["Content-Type"]


def test_the_installed_page_runs_methods(address: str) -> None:
    asker = Asker(address)
    answer = asker.call(asker.api, list({**ORDINARY, "methods": ["zero-shot", "cliptta"]}.values()))
    assert answer.success, answer.error
    seen = {name: sum(method["histogram"]) for name, method in answer.data[0]["methods"].items()}
    assert seen == {"zero-shot": 4, "cliptta": 4}
