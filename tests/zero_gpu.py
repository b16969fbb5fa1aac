"""Visitors on ZeroGPU's own wrappers; started by test_zero_gpu.py in a process of its own, prints JSON.

Real are the package ``spaces``, its forked workers, the pickling, and the scheduler's protocol over HTTP. What answers
as the scheduler is this script, on localhost; what is left out is the worker's claim of a GPU.
"""

import json
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

sys.path.insert(0, str(Path(__file__).parents[1]))


class Scheduler(BaseHTTPRequestHandler):
    """Hands out the worker that ``answer`` names, and remembers what it was asked."""

    answer: dict[str, Any] = {}  # noqa: RUF012  (set by the script)
    durations: list[int] = []  # noqa: RUF012
    workers: list[int] = []  # noqa: RUF012

    def do_POST(self) -> None:
        url = urlparse(self.path)
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        body: dict[str, Any] = {}
        if url.path == "/schedule":
            Scheduler.durations.append(int(asked["durationSeconds"]))
            body = {"nvidiaUUID": "GPU-0", "allowToken": "token", **Scheduler.answer}
        elif url.path == "/allow":
            Scheduler.workers.append(int(asked["pid"]))
        content = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


def main() -> None:
    """Plays the visits and prints what they saw."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Scheduler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    group = tempfile.NamedTemporaryFile("w", suffix=".cgroup")  # noqa: SIM115  (kept to the end)
    group.write("0::/\n1:devices:/here\n")
    group.flush()
    os.environ |= {
        "SPACES_ZERO_GPU": "true",
        "SPACES_ZERO_DEVICE_API_URL": f"http://127.0.0.1:{server.server_port}",
        "ZEROGPU_PROC_SELF_CGROUP_PATH": group.name,
        "CLIPTTA_GPU_SECONDS": "600",
    }
    import cliptta_demo  # noqa: F401  (as app.py does it)

    # isort: split
    import torch

    with_cuda = hasattr(torch._C, "_cuda_init")
    if not with_cuda:  # a build for CPUs lacks what the package patches: it then goes as for a program without torch
        sys.modules["torch"] = None  # type: ignore[assignment]
    import spaces.zero.torch

    sys.modules["torch"] = torch
    spaces.zero.torch.init = lambda uuid: None  # there is no GPU to claim
    spaces.zero.torch.move = lambda **_: None  # and none to move models to
    from zero_gpu_visits import JOBS, numbers, recipe_of

    import app  # the whole page, built in a process without a GPU
    from cliptta_demo.page.runs import api, gpu, handlers
    from cliptta_demo.page.session.state import Asked

    host = app.demo.host
    gpu.START_SECONDS = 500.0  # on a busy machine without a GPU a run must not run out of time
    seen: dict[str, Any] = {}

    def visit(job: str, session: Any, batches: int | None, worker: int, warm: bool) -> Any:
        Scheduler.answer = {"nvidiaIndex": worker, "idle": warm}
        for look in host.follow(Asked(recipe_of(job), session, None, batches), "page"):
            session = look.session
        return session

    first = visit("one", None, 2, 0, False)  # cold
    other = visit("other", None, None, 0, True)  # warm: the worker that the first visitor adapted in
    seen["other"] = numbers(other)
    seen["one, warm"] = numbers(visit("one", first, None, 0, True))
    seen["one, cold"] = numbers(visit("one", first, None, 1, False))
    seen["devices"] = sorted({str(s.values.device) for s in first.state.adaptations.values() if s is not None})

    Scheduler.answer = {"nvidiaIndex": 1, "idle": True}
    cut = host.follow(Asked(recipe_of("one")), "page")
    next(cut)
    next(cut)
    cut.close()  # the visitor leaves in the middle of a batch
    seen["after a cancel"] = numbers(visit("other", None, None, 1, True))

    def press(job: str, kill: bool = False) -> tuple[Any, str]:
        """(session, message) after Run; the worker dies after the first batch."""
        session, message = None, ""
        for update in handlers.run(host, None, None, JOBS[job], None, "x"):
            session, message = update.get("session", session), update.get("message", message)
            if kill and session is not None and session.snapshot is not None:
                os.kill(Scheduler.workers[-1], signal.SIGKILL)
                kill = False
        return session, message

    _, seen["refused"] = press("wrong")
    kept, seen["killed"] = press("one", kill=True)
    seen["killed after"] = kept.state.next_batch
    seen["gone on after the kill"] = numbers(visit("one", kept, None, 1, True))
    seen["started after the kill"] = numbers(visit("other", None, None, 1, True))
    try:
        for _ in api.endpoint(host)(batch_size=8, batches=20, adaptation={"steps": 2}):
            os.kill(Scheduler.workers[-1], signal.SIGKILL)
    except Exception as error:
        seen["killed under a program"] = str(error)
    seen["needed"] = gpu.seconds_needed(Asked(recipe_of("one"), batches=2), host.machine)
    seen["durations"], seen["workers"] = Scheduler.durations, Scheduler.workers
    print(json.dumps(seen), flush=True)
    for worker in multiprocessing.active_children():  # they hold our output open
        worker.kill()
    os._exit(0)


if __name__ == "__main__":
    main()
