"""``app.py`` whose /health also tells what the process holds, for the tests of faults.

Nothing else differs; what it looks at are Gradio's own keepers and ours.
"""

from __future__ import annotations

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

from cliptta_demo.page.runs.memory_budget import KEEPING
from cliptta_demo.page.runs.registry import RUNS
from cliptta_demo.page.runs.scheduler import TURNS
from cliptta_demo.page.runs.session_end import LEAVING
from cliptta_demo.page.server import serve
from cliptta_demo.page.server.serve import launch
from cliptta_demo.page.session.upload_quota import ROOM


def held() -> dict[str, Any]:
    """Whatever a visitor could leave behind: counts, and threads by name without their numbers."""
    demo = app.demo
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
        "at_work": len(RUNS._answers),
        "turns": len(TURNS._shares) + len(TURNS._line),
        "leaving": len(LEAVING._timers),
        "aside": len(KEEPING._aside),
        "session_bytes": KEEPING.used,
        "upload_bytes": ROOM.used,
        "files": sum(path.is_file() for path in Path(tempfile.gettempdir()).rglob("*")),
        "threads": dict(threads),
        "descriptors": len(os.listdir("/proc/self/fd")),
    }


def health(request: Request) -> JSONResponse:
    """The app's own answer, with ``held``."""
    return JSONResponse({**json.loads(plain(request).body), "held": held()})


if __name__ == "__main__":
    plain, serve.health = serve.health, health
    launch(app.demo)
