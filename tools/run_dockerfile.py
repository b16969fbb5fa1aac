"""Executes every step of the Dockerfile without Docker: in a root file system made for it, as the user that it names.

    sudo debootstrap --include=ca-certificates trixie ROOT        (and a Python 3.12 in ROOT/usr/local, as in the base)
    sudo unshare --mount python tools/run_dockerfile.py ROOT

Then starts what CMD says, waits until HEALTHCHECK is content, asks for the page, lists what was written outside of the
user's home, stops the server with SIGTERM as ``docker stop`` does, and prints its exit status.
"""

import argparse
import json
import os
import re
import shlex
import shutil
import signal
import string
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

PROJECT = Path(__file__).parents[1]
START_SECONDS = 300
SETTLE_SECONDS = 30  # for the server's own first work


@dataclass
class Image:
    """What the steps have made so far."""

    root: Path
    environment: dict[str, str]
    user: str = "root"
    directory: str = "/"
    health: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)

    def popen(self, command: list[str], **options: object) -> subprocess.Popen:
        """Starts a command inside, as the present user in the present directory, with the image's environment only."""
        inside = ["sh", "-c", 'cd "$0" && exec "$@"', self.directory, *command]
        start = ["chroot", f"--userspec={self.user}", str(self.root), *inside]
        return subprocess.Popen(start, env=self.environment, **options)

    def run(self, command: list[str]) -> int:
        """Runs a command inside and returns its status."""
        return self.popen(command).wait()


def instructions(text: str) -> list[tuple[str, str]]:
    """(word, rest) of every instruction; comments are gone and continued lines joined."""
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    joined = re.sub(r"\\\n\s*", " ", lines)
    return [tuple(line.split(None, 1)) for line in joined.splitlines() if line.strip()]


def step(image: Image, word: str, rest: str) -> None:
    """Does one instruction; ends the program where it fails or is not known here."""
    expanded = string.Template(rest).safe_substitute(image.environment)
    if word in ("FROM", "EXPOSE"):
        return
    if word in ("ARG", "ENV"):
        for part in shlex.split(rest):
            name, _, value = part.partition("=")
            value = string.Template(value).safe_substitute(image.environment)
            if word == "ENV" or name not in image.environment:
                image.environment[name] = value
    elif word == "USER":
        image.user = rest
    elif word == "WORKDIR":
        image.directory = expanded
        if image.run(["test", "-d", "."]):
            sys.exit(f"{expanded} is not there; Docker would make it for root")
    elif word == "RUN":
        if status := image.run(["sh", "-c", rest]):
            sys.exit(f"RUN ended with status {status}")
    elif word == "COPY":
        owner, source, target = re.fullmatch(r"--chown=(\w+) (\S+) (\S+)", rest).groups()
        path = image.root / image.directory.lstrip("/") / target
        if (PROJECT / source).is_dir():
            shutil.copytree(PROJECT / source, path, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
        else:
            shutil.copy(PROJECT / source, path)
        image.environment, kept = {"PATH": "/usr/sbin:/usr/bin:/bin"}, image.environment
        user, image.user = image.user, "root"
        image.run(["chown", "-R", f"{owner}:{owner}", target])
        image.user, image.environment = user, kept
    elif word == "HEALTHCHECK":
        image.health = shlex.split(rest[rest.index("CMD") + 4 :])
    elif word == "CMD":
        image.command = json.loads(rest)
    else:
        sys.exit(f"{word} is not known here")


def serve(image: Image) -> int:
    """Starts the server, checks it as Docker and a visitor would, and stops it; returns its exit status."""
    mark = time.time()
    process = image.popen(image.command)
    began = time.monotonic()
    while image.popen(image.health, stderr=subprocess.DEVNULL).wait():
        if process.poll() is not None or time.monotonic() - began > START_SECONDS:
            sys.exit("the server did not become healthy")
        time.sleep(1)
    print(f"HEALTHCHECK content after {time.monotonic() - began:.0f} s", flush=True)
    time.sleep(SETTLE_SECONDS)
    port = image.environment["GRADIO_SERVER_PORT"]
    for path in ("/", "/health"):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
            print(f"GET {path}: {answer.status} {answer.read()[:90]!r}", flush=True)
    users = (Path(f"/proc/{process.pid}/status")).read_text()
    print("user id:", re.search(r"Uid:\s+(\d+)", users)[1], flush=True)
    skipped = {str(image.root / name) for name in ("proc", "home", "sys", "dev")}
    written = [
        str(Path(folder, name).relative_to(image.root))
        for folder, folders, names in os.walk(image.root)
        if folder not in skipped or folders.clear()
        for name in names
        if Path(folder, name).lstat().st_mtime > mark
    ]
    print("written outside of the home:", written or "nothing", flush=True)
    process.send_signal(signal.SIGTERM)
    stopped = time.monotonic()
    status = process.wait(START_SECONDS)
    print(f"SIGTERM: status {status} after {time.monotonic() - stopped:.1f} s", flush=True)
    return status or bool(written)


def main() -> int:
    """All steps, then the server."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("--build-arg", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help="on top, as docker run -e")
    parser.add_argument("--again", action="store_true", help="what RUN does was done in this root before")
    arguments = parser.parse_args()
    environment = {"PATH": "/usr/local/bin:/usr/local/sbin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": "/root"}
    image = Image(arguments.root.resolve(), environment | dict(pair.split("=", 1) for pair in arguments.build_arg))
    subprocess.run(["mount", "-t", "proc", "proc", image.root / "proc"], check=True)
    try:
        for word, rest in instructions((PROJECT / "Dockerfile").read_text()):
            print(f"{word} {rest}", flush=True)
            if not (arguments.again and word == "RUN"):
                step(image, word, rest)
        image.environment |= dict(pair.split("=", 1) for pair in arguments.env)
        return serve(image)
    finally:
        subprocess.run(["umount", image.root / "proc"], check=False)


if __name__ == "__main__":
    sys.exit(main())
