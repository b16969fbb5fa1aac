"""Turn image bytes that nobody vouches for into small RGB tensors, or into a sentence saying why not.

Pictures come from visitors of a public page: bytes, files, pixels and the metadata that Pillow would read
before it knows the size of a picture are all bounded. Nothing here opens a URL.
"""

import io
import os
import re
import struct
import threading
import warnings
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from PIL import ExifTags, Image, UnidentifiedImageError
from torch import Tensor

from cliptta_demo.backend.declare import Declared, whole
from cliptta_demo.backend.errors import UserError, base_name
from cliptta_demo.languages import Text

# Raster formats only: decoding SVG, EPS or PDF can run code or fetch other files.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
# To set an image of an EXIF orientation upright, after a transposition for 5 to 8: the axes to flip.
_FLIPS = {2: (2,), 3: (1, 2), 4: (1,), 6: (2,), 7: (1, 2), 8: (1,)}
# A large picture takes hundreds of megabytes while it is converted: one at a time, whoever asks.
_LARGE_PIXELS = 8_000_000
_LARGE_IMAGE_LOCK = threading.Lock()
_MAX_SCANS = 100  # a progressive JPEG has about 10; each further one costs a pass over all pixels
_MAX_STRIPS = 100_000  # a TIFF of one row per strip stays below this
AT_ONCE = 16  # encoded images in memory
_EXIF, _MAX_EXIF = b"Exif\0\0", 2**16 + 6  # a segment of JPEG can't be longer
_GIF_BLOCK = re.compile(rb"[!,;]")
_TIFF_UNITS = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}


class ImageLimits(Declared):
    """What one upload may cost. Raises ValueError with field, value and range if one is out of range."""

    max_files: int = whole(500, 1, 100_000, "several batches; more would outlast a visitor's patience")
    max_bytes: int = whole(20 * 2**20, 1, 2**30, "per file: any telephone's photo passes, many visitors fit in memory")
    max_pixels: int = whole(40_000_000, 1, 500_000_000, "most cameras' photos pass; 160 MB once decoded")


DEFAULT_LIMITS = ImageLimits()


def decode_image(data: bytes, name: str, size: int, limits: ImageLimits = DEFAULT_LIMITS) -> Tensor:
    """Decode the first frame as CLIP sees it: shorter side to `size`, bicubic, centre crop.

    EXIF rotation is applied, transparency laid on white, 16-bit and floating-point grey scaled to 8 bits.
    Returns (3, size, size) uint8, 0 to 255, RGB. Raises UserError, a sentence with the file's base name, for
    what can't be read or exceeds `limits`.
    """
    name = base_name(name)
    if not data:
        raise UserError("{name} is empty (0 bytes); it was left out: copy it again from where it came from.", name=name)
    if len(data) > limits.max_bytes:
        text = Text("{name} is over {size:.3g} MB; it was left out: shrink it first.")
        raise UserError(text, name=name, size=limits.max_bytes / 2**20)
    warnings.filterwarnings("ignore", module=r"PIL\.")  # saving and restoring filters would race between threads
    try:
        with Image.open(io.BytesIO(_harmless(data)), formats=FORMATS) as image:
            if image.width * image.height > limits.max_pixels:
                raise Image.DecompressionBombError
            if image.format == "JPEG":
                # Decoding at 1/2, 1/4 or 1/8 is far faster; twice the wanted size leaves bicubic its work.
                image.draft(None, (2 * size, 2 * size))
            with _LARGE_IMAGE_LOCK if image.width * image.height > _LARGE_PIXELS else nullcontext():
                image.load()
                square = _resize_and_crop(_as_rgb(image), size)
            orientation = _orientation(image)
        # Turning the small square is cheaper than turning the picture.
        tensor = torch.from_numpy(np.array(square)).permute(2, 0, 1)
        tensor = tensor.transpose(1, 2) if orientation in (5, 6, 7, 8) else tensor
        return tensor.flip(_FLIPS.get(orientation, ())).contiguous()
    except UnidentifiedImageError:
        text = Text(
            "{name} is not an image that can be read (JPEG, PNG, WebP, BMP, GIF and TIFF work); it was left out."
        )
        raise UserError(text, name=name) from None
    except Image.DecompressionBombError:
        text = Text("{name} has more than {millions:g} million pixels; it was left out: shrink it first.")
        raise UserError(text, name=name, millions=limits.max_pixels / 1e6) from None
    except Exception as error:  # corrupt data makes Pillow raise nearly every built-in error
        text = Text("{name} is damaged or of a rare kind; it was left out: save it again as JPEG or PNG and add that.")
        raise UserError(text, name=name) from error


def decode_or_say(data: bytes | Path, name: str, size: int, limits: ImageLimits) -> Tensor | str:
    """What `decode_image` makes of bytes or a file, or the sentence why it can't."""
    try:
        return decode_image(
            data if isinstance(data, bytes) else read_file(data, name, limits.max_bytes), name, size, limits
        )
    except UserError as error:
        return str(error)


def decode_files(
    paths: Sequence[Path | str], names: Sequence[str], size: int, limits: ImageLimits = DEFAULT_LIMITS
) -> list[Tensor | str]:
    """What `decode_image` makes of each file, side by side, or the sentence why it can't; the sentences use `names`."""
    return list(decode_each(zip(map(Path, paths), names, strict=True), size, limits))


def decode_each(
    given: Iterable[tuple[bytes | Path, str]], size: int, limits: ImageLimits = DEFAULT_LIMITS
) -> Iterator[Tensor | str]:
    """The same of bytes or files with their names as they come, some in memory at a time.

    Threads are enough: Pillow lets go of the interpreter while it decodes and resizes.
    """
    given = iter(given)
    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        while some := list(islice(given, AT_ONCE)):
            yield from pool.map(lambda one: decode_or_say(*one, size, limits), some)


def read_file(path: Path | str, name: str, most: int) -> bytes:
    """A file's bytes, one more than allowed at the most, which shows that it is too large. Raises UserError."""
    with suppress(OSError):
        if os.path.isfile(path):  # a pipe or a device could block for ever
            with open(path, "rb") as file:
                return file.read(most + 1)
    raise UserError("{name} could not be opened; it was left out: add it again.", name=base_name(name))


def sort_out(decoded: Sequence[Tensor | str], size: int) -> tuple[Tensor, list[int], tuple[str, ...]]:
    """Parts the images that `decode_or_say` could make from its sentences.

    Returns the images, (N, 3, size, size) uint8, 0 to 255, RGB, N may be 0; which of those given they are; the
    sentences.
    """
    kept = [index for index, image in enumerate(decoded) if isinstance(image, Tensor)]
    empty = torch.empty((0, 3, size, size), dtype=torch.uint8)
    images = torch.stack([decoded[index] for index in kept]) if kept else empty
    return images, kept, tuple(sentence for sentence in decoded if isinstance(sentence, str))


def _as_rgb(image: Image.Image) -> Image.Image:
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = Image.fromarray(_to_eight_bits(np.asarray(image)))
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        white.alpha_composite(image.convert("RGBA"))
        image = white
    return image.convert("RGB")


def _to_eight_bits(grey: np.ndarray) -> np.ndarray:
    """Scale grey to uint8 by the smallest usual range that holds it, else from its lowest to its highest."""
    ceilings = {"u": (65535.0,), "i": (255.0, 65535.0), "f": (1.0, 255.0, 65535.0)}[grey.dtype.kind]
    values = np.nan_to_num(grey.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if low >= 0 and high <= ceilings[-1]:
        low, high = 0.0, next(ceiling for ceiling in ceilings if high <= ceiling)
    return ((values - low) * (255.0 / max(high - low, 1e-30)) + 0.5).clip(0, 255).astype(np.uint8)


def _resize_and_crop(image: Image.Image, size: int) -> Image.Image:
    """CLIP's resize and centre crop in one step, so that a picture of 1 × 40,000,000 pixels never grows."""
    shorter = min(image.size)
    ends = []
    for side in image.size:
        resized = size if side == shorter else int(size * side / shorter)
        start = round((resized - size) / 2)
        ends.append((start * side / resized, min((start + size) * side / resized, side)))
    (left, right), (top, bottom) = ends
    return image.resize((size, size), Image.Resampling.BICUBIC, box=(left, top, right, bottom))


def _harmless(data: bytes) -> bytes:
    """What Pillow parses before it knows the size of a picture, dropped or checked: a small file can fill gigabytes.

    Raises nearly any error on corrupt data.
    """
    if data.startswith(b"\xff\xd8\xff"):
        if data.count(b"\xff\xda") > _MAX_SCANS:
            raise ValueError("too many scans")
        start, mark, rest = data.partition(_EXIF)
        return start + mark + rest.replace(_EXIF, b"more\0\0")  # Pillow joins what is called so
    if data.startswith(b"GIF8"):
        return _plain_gif(data)
    if data[:4] in (b"II*\0", b"MM\0*"):
        _check_tiff(data)
    elif data[:2] in (b"II", b"MM"):
        raise UnidentifiedImageError("no TIFF file, or one of the kind made for gigabytes")
    return data


def _orientation(image: Image.Image) -> int:
    """As EXIF data of the usual length say; 1, upright, where there are none. Pillow turns TIFF by itself."""
    with suppress(Exception):  # corrupt ones make Pillow raise nearly any error
        if 0 < len(image.info.get("exif", b"")) < _MAX_EXIF:
            return image.getexif().get(ExifTags.Base.Orientation, 1)
    return 1


def _plain_gif(data: bytes) -> bytes:
    """The file without comments, which Pillow joins in quadratic time."""
    position = header = 13 + (3 * (2 << (data[10] & 7)) if data[10] & 0x80 else 0)
    control = b""
    while (found := _GIF_BLOCK.search(data, position)) and found[0] == b"!":
        position = found.start() + 2
        while data[position]:
            position += data[position] + 1
        position += 1
        if data[found.start() + 1] == 0xF9:  # the graphic control block holds the transparent colour
            control = data[found.start() : position]
    return data[:header] + control + (data[found.start() :] if found else b"")


def _check_tiff(data: bytes) -> None:
    """Refuse directories whose entries share their bytes: Pillow copies each one, at any cost in memory."""
    order = "<" if data[:2] == b"II" else ">"
    pending, total = [struct.unpack_from(f"{order}L", data, 4)[0]], 0
    while pending:
        offset = pending.pop()
        for index in range(struct.unpack_from(f"{order}H", data, offset)[0]):
            tag, kind, count, value = struct.unpack_from(f"{order}HHLL", data, offset + 2 + 12 * index)
            # At least the entry itself, so that directories in a circle end too.
            total += max(count * _TIFF_UNITS.get(kind, 0), 12)
            if total > len(data) + 4096 or (tag in (273, 279, 324, 325) and count > _MAX_STRIPS):
                raise ValueError("more metadata than the file can hold")
            if tag in (34665, 34853, 40965):  # the nested directories that Pillow reads
                pending.append(value)
