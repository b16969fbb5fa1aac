"""``pip install .`` gives a working package: a wheel is built, installed in an empty environment and used there.

Methods from outside are there too: of a package that is installed beside it, and of a file named as a plugin.
"""

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
from contextlib import closing
from dataclasses import dataclass
from email.message import Message
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser
from serving import ROOT, be_patient, serve_command

from cliptta_demo import VERSION
from cliptta_demo.page.panels.panel import static_files

pytestmark = pytest.mark.slow
READY_SECONDS = 300
(PLUGIN,) = (
    block
    for block in re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "python_api.md").read_text("utf-8"), re.S)
    if "@register" in block
)
PLUGIN = PLUGIN.partition("\n\nmine = ")[0]
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
    (site / "mine.py").write_text(PLUGIN, encoding="utf-8")
    about = site / "mine-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[cliptta_demo.plugins]\nmine = mine\n")
    (folder / "elsewhere").mkdir()
    return Installation(wheel, files, site, scripts, folder / "elsewhere")


@pytest.fixture(scope="module")
def address(installed: Installation) -> Iterator[str]:
    """The page of the installed command, once it is ready; it ends well when told to."""
    command = [installed.scripts / "cliptta-demo", "--plugin", ROOT / "tests" / "outside.py"]
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
    assert installed.wheel.name.startswith(f"cliptta_demo-{VERSION}-")
    assert names == code | {f"cliptta_demo/{name}" for name in shown}
    assert "cliptta_demo/weights/tiny/open_clip_model.safetensors" in names


def test_the_installed_command_serves_the_page(installed: Installation, address: str) -> None:
    page = get(address)[0].decode()
    files = set(re.findall(r'gradio_api/file=[^"\\<>)]+', page))
    places = [Path(re.fullmatch(r"gradio_api/file=(.+)\?v=\d+", file)[1]) for file in files]
    assert {place.name for place in places} == {path.name for path in static_files()}
    assets = installed.site / "cliptta_demo" / "assets"
    assert all(place.is_relative_to(assets) for place in places if place.name != "plotly.min.js")
    for file, place in zip(files, places, strict=True):
        content, head = get(f"{address}/{file}")
        assert content == place.read_bytes()
        assert CONTENT_TYPES[place.suffix] in head["Content-Type"]


@pytest.mark.browser
def test_the_page_offers_runs_and_draws_methods_from_outside(address: str, browser: Browser) -> None:
    query = "?methods=tent,cliptta,information,feature-cache,sharp&corruption=night&score=margin"
    errors: list[str] = []
    with closing(browser.new_page(viewport={"width": 1440, "height": 900})) as page:
        be_patient(page)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{address}{query}&batches=2&batch_size=4&steps=1")
        page.wait_for_selector("#methods .picker .chosen [title='Sharpness-aware']")
        page.click("#run")
        page.wait_for_function("/finished/.test(document.querySelector('[data-testid=progress]').textContent)")
        page.click("#tab-explore")
        page.click("#drift .title")
        page.wait_for_selector("#drift .legend .marker")
        drawn = page.evaluate(
            """() => [...document.querySelectorAll('#accuracy .end')].map((end, index) => {
                const marker = document.querySelectorAll('#answers .column .marker')[index];
                const style = getComputedStyle(marker);
                return [end.dataset.method, end.querySelector('b').textContent,
                    marker.className, style.backgroundColor, style.clipPath];
            })"""
        )
        drift = page.inner_text("#drift .legend")
        page.click("#tab-why")  # which draws when it is shown
        matrices = page.locator("#matrix figure").count()
        lines = page.evaluate(
            "[...new Set(document.querySelector('#accuracy .plot').data.filter(t => t.meta !== 'behind')"
            ".map(t => t.marker.color + t.marker.symbol))]"
        )
    names, numbers, *looks = zip(*drawn, strict=True)
    assert names == ("zero-shot", "tent", "cliptta", "feature-cache", "sharp", "information")
    assert all(0 <= float(number) <= 100 for number in numbers)
    assert all(len(set(each)) == len(drawn) for each in looks)  # symbol, colour and outline, each six different ones
    assert "none" not in looks[2]
    assert len(lines) == len(drawn)
    assert "Sharpness-aware" in drift
    assert "Feature cache" not in drift
    assert matrices == len(drawn) - 1
    assert errors == []
