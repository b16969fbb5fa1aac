"""Decodes one video; a process of its own, started by :mod:`.video`.

The video is standard input, an open file: this process is told no path, and can open no file once it has begun. What
it writes are frames, each after its time (a double, NaN where unknown), and last why there are no more.
"""

import io
import json
import os
import sys
from contextlib import suppress
from typing import Any, BinaryIO

import av
import numpy as np

REPORT = 16  # bytes at the end of the output
FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,gif"  # no playlist or script, which would name other files
CODECS = "h264,hevc,vp8,vp9,libdav1d,av1,mpeg4,mjpeg,gif"
MOST_ERRORS = 100  # damaged pieces that are passed over
TINY = bytes.fromhex("47494638396101000100800000ffffff00000021f90400000000002c00000000010001000002024401003b")  # a GIF


def main(asked: dict[str, Any]) -> None:
    """Works on standard input; ``asked``: size, every, most, max_pixels, max_seconds, memory, seconds."""
    _decode(io.BytesIO(TINY), asked, io.BytesIO())  # what PyAV imports late it can't import later
    _bound(asked["memory"], asked["seconds"])
    try:
        problem = _decode(sys.stdin.buffer, asked, sys.stdout.buffer)
    except MemoryError:
        problem = "memory"
    except Exception:  # FFmpeg has an error for everything, PyAV nearly
        problem = "damaged"
    sys.stdout.buffer.write(problem.encode().ljust(REPORT))


def _decode(file: BinaryIO, asked: dict[str, Any], output: BinaryIO) -> str:
    """Writes the frames; why there are no more, "" at the video's end."""
    # Whoever opens a container looks into its streams, too: the lists hold there and in the decoder of its own.
    lists = {"format_whitelist": FORMATS, "codec_whitelist": CODECS}
    with av.open(file, options=lists) as container:
        if not container.streams.video:
            return "no video"
        stream = container.streams.best("video") or container.streams.video[0]
        context = stream.codec_context
        if context.width * context.height > asked["max_pixels"]:
            return "pixels"
        context.options = {"max_pixels": str(asked["max_pixels"]), "codec_whitelist": CODECS}
        context.thread_count = 1
        place = kept = errors = 0
        for packet in container.demux(stream):
            try:
                frames = packet.decode()
            except av.error.InvalidDataError:
                errors += 1
                if errors > MOST_ERRORS:
                    raise
                continue
            for frame in frames:
                if place % asked["every"] == 0:
                    late = frame.time is not None and frame.time > asked["max_seconds"]
                    if late or kept == asked["most"]:
                        return "long" if late else "many"
                    if frame.width * frame.height > asked["max_pixels"]:  # it may change on the way
                        return "pixels"
                    time = float("nan") if frame.time is None else frame.time
                    output.write(np.float64(time).tobytes() + _square(frame, asked["size"]).tobytes())
                    output.flush()
                    kept += 1
                place += 1
    return ""


def _square(frame: av.VideoFrame, size: int) -> np.ndarray:
    """The centre of a frame, upright, ``(size, size, 3)`` uint8: cropped first, so that no side can grow."""
    pixels = frame.to_ndarray(format="rgb24")
    height, width = pixels.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    centre = np.ascontiguousarray(pixels[top : top + side, left : left + side])
    centre = av.VideoFrame.from_ndarray(centre, format="rgb24")
    small = centre.reformat(size, size, "rgb24", interpolation="BICUBIC").to_ndarray()
    return np.rot90(small, round(frame.rotation / 90))


def _bound(memory: int, seconds: int) -> None:
    """What the system can bound by itself; Windows has nothing of it, and is left with the parent's clock."""
    with suppress(OSError):
        os.nice(10)  # runs go first
    with suppress(ImportError):
        import resource

        bounds = {"RLIMIT_AS": memory, "RLIMIT_CPU": seconds, "RLIMIT_FSIZE": 0, "RLIMIT_CORE": 0, "RLIMIT_NOFILE": 3}
        for name, most in bounds.items():
            with suppress(ValueError, OSError):
                resource.setrlimit(getattr(resource, name), (most, most))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
