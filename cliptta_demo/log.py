"""What the server writes down: one JSON object per line, one line per event, nothing about a person.

    {"time": "2026-01-31T09:15:02.113Z", "level": "info", "event": "run-finished", "run": 7, "batches": 10, ...}

No line holds an address, a file's name, a class name or any other text of a visitor; of an error it keeps the type and
the place in the code, since the message may quote what was sent. ``CLIPTTA_LOG_LEVEL`` is debug, info (the default),
warning or error.
"""

import json
import logging
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cliptta_demo.backend.errors import UserError

LEVELS = ("debug", "info", "warning", "error")
VARIABLE = "CLIPTTA_LOG_LEVEL"
FRAMES = 12  # innermost calls kept of an error
_logger = logging.getLogger("cliptta_demo")


def log_event(event: str, level: int = logging.INFO, **values: Any) -> None:
    """Writes one line. ``values`` are numbers, flags and words of ours, never a visitor's."""
    _logger.log(level, event, extra={"values": values})


class JsonLines(logging.Formatter):
    """Formats a record of :func:`log_event`, or of any other logger of the package, as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "values", {}),
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
            line["at"] = [
                f"{Path(frame.filename).name}:{frame.lineno} {frame.name}"
                for frame in traceback.extract_tb(record.exc_info[2])[-FRAMES:]
            ]
        return json.dumps(line, ensure_ascii=False, default=str)


def start_log(environment: Mapping[str, str]) -> None:
    """Sends the package's events to standard error, from the level that the environment names on.

    Raises:
        UserError: the level is none of ``LEVELS``.
    """
    name = environment.get(VARIABLE, "").strip().lower() or "info"
    if name not in LEVELS:
        raise UserError(f"{VARIABLE} is {name!r}; it must be one of: {', '.join(LEVELS)}.")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    _logger.handlers = [handler]
    _logger.setLevel(name.upper())
    _logger.propagate = False
    logging.getLogger("python_multipart").setLevel(logging.ERROR)  # it tells of every upload that it can't read
