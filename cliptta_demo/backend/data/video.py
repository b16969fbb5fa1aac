"""Turn a video that nobody vouches for into small RGB frames, or into a sentence saying why not.

A process of its own decodes it (:mod:`.video_child`), which knows no path, opens no file, and has so much memory and
time. FFmpeg's decoders are large; what one of them can be made to do ends with that process.
"""

import json
import math
import os
import subprocess
import sys
import threading
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from torch import Tensor

from cliptta_demo.backend.declare import Declared, whole
from cliptta_demo.backend.errors import UserError, base_name
from cliptta_demo.languages import Text, say

VIDEO_EXTENSIONS = (".mp4", ".m4v", ".mov", ".webm", ".mkv")  # and GIFs that move
MOST_EVERY = 1000
USUAL_EVERY = 10  # three frames a second: more differ little
_GIF_DELAY = b"!\xf9\x04"  # begins each picture of a GIF that moves
_CHILD = Path(__file__).with_name("video_child.py")
_REPORT = 16  # bytes at the end of what it writes: why there are no more frames
_KEPT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")  # variables of the process: no token, no name
_ONE_AT_A_TIME = threading.Lock()  # each may take all the memory of the limits
_REFUSALS = {
    "pixels": Text("{name} has more than {millions:g} million pixels a frame; it was left out: make it smaller first."),
    "slow": Text("{name} takes too long to decode; it was left out: cut it, or make it smaller first."),
    "memory": Text("{name} needs too much memory; it was left out: make it smaller first."),
    "": Text("{name} has no frame; it was left out."),
    "no video": Text("{name} has no picture in it, sound perhaps; it was left out."),
}
_UNREADABLE = Text(
    "{name} is no video that can be read (MP4, WebM and GIF work), or a damaged one; it was left out: save it again as "
    "MP4."
)


class VideoLimits(Declared):
    """What one video may cost. Raises ValueError with field, value and range if one is out of range."""

    max_bytes: int = whole(200 * 2**20, 1, 2**33, "a telephone's minute in full HD passes")
    max_pixels: int = whole(9_000_000, 1, 100_000_000, "of a frame: 4K passes")
    max_seconds: int = whole(600, 1, 86_400, "of the video: no stream here is longer")
    work_seconds: int = whole(60, 1, 3600, "of decoding, all videos given at once together")
    memory: int = whole(2 * 2**30, 2**28, 2**36, "bytes of the process that decodes: 4K takes about 0.5 GB")


DEFAULT_VIDEO_LIMITS = VideoLimits()


def is_video(path: Path | str, name: str) -> bool:
    """Whether a file is one, or claims to be: by its first bytes, whatever its name, or else by its name."""
    try:
        with open(path, "rb") as file:
            head = file.read(8)
            if head.startswith(b"GIF8"):
                with mmap(file.fileno(), 0, access=ACCESS_READ) as data:
                    return data.find(_GIF_DELAY, data.find(_GIF_DELAY) + 1) >= 0
    except OSError:
        return False
    return head[4:] == b"ftyp" or head.startswith(b"\x1a\x45\xdf\xa3") or name.lower().endswith(VIDEO_EXTENSIONS)


def read_video(
    path: Path | str,
    name: str,
    size: int,
    every: int = USUAL_EVERY,
    most: int = 500,
    limits: VideoLimits = DEFAULT_VIDEO_LIMITS,
    seconds: float | None = None,
) -> tuple[Tensor, tuple[float, ...], str]:
    """Decodes every ``every``-th frame from the first on, as CLIP sees it: upright, shorter side to ``size``, centre.

    Args:
        name: what people call it, used in the sentences.
        most: frames to take at most. seconds: of work, where it is less than ``limits`` says.

    Returns:
        Images ``(N, 3, size, size)`` uint8, 0 to 255, RGB, N at least 1; N times in seconds since the start, NaN where
        the file has none; a sentence where there would have been more, "" where not.

    Raises:
        UserError: a sentence with the file's base name where no frame can be had.
    """
    name = base_name(name)
    allowed = limits.work_seconds if seconds is None else min(limits.work_seconds, seconds)
    asked = {"size": size, "every": every, "most": most, "max_pixels": limits.max_pixels}
    asked |= {"max_seconds": limits.max_seconds, "memory": limits.memory, "seconds": math.ceil(allowed) + 1}
    if not os.path.isfile(path) or not os.access(path, os.R_OK):  # a pipe could block for ever
        raise UserError("{name} could not be opened; it was left out: add it again.", name=name)
    with open(path, "rb") as file:
        length = os.fstat(file.fileno()).st_size
        if length > limits.max_bytes:
            text = Text("{name} is over {size:.3g} MB; it was left out: cut it first.")
            raise UserError(text, name=name, size=limits.max_bytes / 2**20)
        with _ONE_AT_A_TIME:
            output, problem = _decoded(file, asked, allowed)
    told = b"" if problem else output[-_REPORT:]
    problem = problem or told.decode().strip()
    kind = np.dtype([("time", "f8"), ("pixels", "u1", (size, size, 3))])
    shown = np.frombuffer(output, kind, (len(output) - len(told)) // kind.itemsize)
    if not len(shown):
        text = _REFUSALS.get(problem, _UNREADABLE)
        raise UserError(text, name=name, millions=limits.max_pixels / 1e6)
    images, times = torch.from_numpy(shown["pixels"].transpose(0, 3, 1, 2).copy()), tuple(shown["time"].tolist())
    return images, times, _note(name, problem, times[-1], limits)


def _decoded(file: IO[bytes], asked: dict[str, Any], seconds: float) -> tuple[bytes, str]:
    """What the process writes, and why it did not get to the end, if it didn't."""
    environment = {key: os.environ[key] for key in _KEPT if key in os.environ}
    # The same packages as here, and no folder of the moment's, which could hold a module of any name.
    environment |= {"PYTHONPATH": os.pathsep.join(filter(os.path.isabs, sys.path)), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-P", str(_CHILD), json.dumps(asked)]
    pipes = {"stdin": file, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, **pipes, env=environment) as process:
        try:
            output, _ = process.communicate(timeout=max(seconds, 0))
            return output, "died" if process.returncode else ""
        except subprocess.TimeoutExpired:
            process.kill()
            return process.communicate()[0], "slow"
        finally:
            process.kill()


def clock_time(seconds: float) -> str:
    """A place in a video as players show it, with hundredths: 1:02.50."""
    return f"{int(seconds // 60)}:{seconds % 60:05.2f}"


def _note(name: str, problem: str, last: float, limits: VideoLimits) -> str:
    if not problem:
        return ""
    if math.isnan(last):
        only = say("Of {name} only the first ones of its frames were taken", name=name)
    else:
        only = say("Of {name} only those up to {time} of its frames were taken", name=name, time=clock_time(last))
    text = {
        "many": say("{only}: take fewer of them, or cut it."),
        "long": say("{only}: it is longer than {most:,} seconds."),
        "slow": say("{only}: decoding it takes too long."),
        "pixels": say("{only}: after that they become too large."),
    }.get(problem, say("{only}: after that it is damaged."))
    return text.format(only=only, most=limits.max_seconds)
