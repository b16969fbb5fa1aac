"""``app.py`` whose /health also tells what the process holds, for the tests of faults.

Nothing else differs; what it looks at are Gradio's own keepers and ours.
"""

import json
import os
import re
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import app  # first: it sets the environment that the others read

# isort: split
from starlette.requests import Request
from starlette.responses import JSONResponse

from cliptta_demo.page.runs.host import Host
from cliptta_demo.page.server import serve
from cliptta_demo.page.server.serve import launch


def held(host: Host) -> dict[str, Any]:
    """Whatever a visitor could leave behind: counts, and threads by name without their numbers."""
    demo, scheduler = host.demo, host.machine.scheduler
    queue = demo._queue
    threads = Counter(re.sub(r"[-_ ]?\d+.*", "", thread.name) for thread in threading.enumerate())
    return {
        "sessions": len(demo.state_holder.session_data),
        "last_used": len(demo.state_holder.time_last_used),
        "messages": len(queue.pending_messages_per_session),
        "events": len(queue.event_ids_to_events),
        "event_ids": len(queue.pending_event_ids_session),
        "jobs": sum(job is not None for job in queue.active_jobs),
        "iterators": len(demo.app.iterators),
        "at_work": len(host.runs._answers),
        "turns": len(scheduler._shares) + len(scheduler._line),
        "leaving": len(host.visitors.left),
        "aside": len(host.visitors._aside),
        "session_bytes": host.visitors.used,
        "upload_bytes": host.uploads.used,
        "files": sum(path.is_file() for path in Path(tempfile.gettempdir()).rglob("*")),
        "threads": dict(threads),
        "descriptors": len(os.listdir("/proc/self/fd")),
    }


def health(host: Host, request: Request) -> JSONResponse:
    """The app's own answer, with ``held``."""
    return JSONResponse({**json.loads(plain(host, request).body), "held": held(host)})


if __name__ == "__main__":
    plain, serve.health = serve.health, health
    launch(app.demo)
