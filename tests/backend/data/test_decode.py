"""Decoding: what comes in may be any bytes; what goes out is a small RGB tensor or one plain sentence."""

import io
import re
import struct

import numpy as np
import pytest
import torch
from hostile_files import KINDS, encode, png_with_header
from PIL import Image

from cliptta_demo.backend.data.decode import ImageLimits, _harmless, decode_image
from cliptta_demo.backend.errors import UserError

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
QUARTERS = [RED, GREEN, BLUE, WHITE]


def quarters(width: int = 48, height: int = 48) -> Image.Image:
    """Red and green above, blue and white below: no two turns of it look alike."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(GREEN, (width // 2, 0, width, height // 2))
    image.paste(BLUE, (0, height // 2, width // 2, height))
    image.paste(WHITE, (width // 2, height // 2, width, height))
    return image


def corners(data: bytes) -> list[tuple[int, ...]]:
    """The colours in the middle of each quarter: above left, above right, below left, below right."""
    tensor = decode_image(data, "a", 16)
    return [tuple(255 * (tensor[:, y, x] > 127).int().numpy()) for y in (4, 12) for x in (4, 12)]


def refusal(data: bytes, name: str = "photo.jpg", **limits: int) -> str:
    with pytest.raises(UserError) as caught:
        decode_image(data, name, 16, ImageLimits(**limits))
    assert re.search(r"; it was left out(: .*)?\.$", str(caught.value))
    return str(caught.value)


def turned(orientation: int, endian: str = "<") -> bytes:
    exif = Image.Exif()
    exif.endian = endian
    exif[0x0112] = orientation
    return exif.tobytes()


def palette() -> Image.Image:
    image = Image.new("P", (8, 8), 1)
    image.putpalette([*RED, *BLUE])
    return image


@pytest.mark.parametrize("kind", [*KINDS, "MPO"])
def test_each_format_keeps_colours_and_places_and_shows_its_first_frame_upright(kind: str) -> None:
    tensor = decode_image(encode(quarters(), kind), "a", 16)
    assert (tensor.shape, tensor.dtype, tensor.is_contiguous()) == ((3, 16, 16), torch.uint8, True)
    assert corners(encode(quarters(), kind)) == QUARTERS
    if kind not in ("JPEG", "BMP"):
        moving = encode(quarters(), kind, save_all=True, append_images=[Image.new("RGB", (48, 48), BLUE)] * 3)
        assert Image.open(io.BytesIO(moving)).n_frames > 1
        assert corners(moving) == QUARTERS
    if kind in ("JPEG", "PNG", "WEBP", "TIFF"):
        undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # the transposition that a camera so held has made
        for orientation in range(1, 9):
            stored = quarters(96, 48)
            stored = stored.transpose(Image.Transpose(undo[orientation])) if orientation > 1 else stored
            for endian in "<>":
                assert corners(encode(stored, kind, exif=turned(orientation, endian))) == QUARTERS


@pytest.mark.parametrize(("width", "height"), [(90, 60), (61, 97), (33, 200), (20, 20), (7, 5)])
def test_resize_and_crop_equal_those_of_clip(width: int, height: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    image, size = Image.fromarray(noise), 24
    new_width = int(size * width / height) if width > height else size
    new_height = int(size * height / width) if height > width else size
    left, top = round((new_width - size) / 2), round((new_height - size) / 2)
    resized = image.resize((new_width, new_height), Image.Resampling.BICUBIC)
    expected = np.asarray(resized.crop((left, top, left + size, top + size))).astype(int)
    found = decode_image(encode(image, "PNG"), "a", size).permute(1, 2, 0).numpy().astype(int)
    assert np.abs(found - expected).max() <= 1  # the crop's edges pass through 32-bit floats


def test_corrupt_exif_does_not_cost_the_picture_and_a_large_one_no_memory() -> None:
    many = struct.pack("<H", 2000) + b"".join(struct.pack("<HHLL", 40000 + i, 7, 60_000, 8) for i in range(2000))
    broken = (b"", b"II*\0\xff\xff\xff\xff", b"II*\0\x08\0\0\0\x05\0")
    for kind, block in [("JPEG", b) for b in broken] + [("PNG", b) for b in (*broken, b"II*\0\x08\0\0\0" + many)]:
        assert corners(encode(quarters(), kind, exif=b"Exif\0\0" + block)) == QUARTERS
    segments = b"".join(b"\xff\xe1" + struct.pack(">H", 60_008) + b"Exif\0\0" + bytes(60_000) for _ in range(3))
    whole = encode(quarters(), "JPEG", exif=turned(6))
    assert len(Image.open(io.BytesIO(_harmless(whole[:2] + segments + whole[2:]))).info["exif"]) < 2**16


def test_sixteen_bits_floats_and_integers_are_scaled_by_their_range() -> None:
    ramp = np.linspace(0, 65535, 64).round().astype(np.uint16)[None].repeat(64, 0)
    for kind in ("PNG", "TIFF"):
        tensor = decode_image(encode(Image.fromarray(ramp), kind), "a", 64)
        assert (tensor[0, 0].int() - torch.linspace(0, 255, 64)).abs().max() <= 1
    for values, expected in (
        (np.float32([[0.0, 0.5], [1.0, 0.25]]), [[0, 128], [255, 64]]),
        (np.float32([[0.0, 51.0], [255.0, 204.0]]), [[0, 51], [255, 204]]),
        (np.float32([[-1.0, 0.0], [1.0, 3.0]]), [[0, 64], [128, 255]]),
        (np.float32([[np.nan, 0.5], [1.0, np.inf]]), [[0, 128], [255, 0]]),
        (np.float32([[-7.0, -7.0], [-7.0, -7.0]]), [[0, 0], [0, 0]]),
        (np.int32([[0, 25700], [65535, 514]]), [[0, 100], [255, 2]]),
        (np.int32([[0, 100], [255, 2]]), [[0, 100], [255, 2]]),
    ):
        tensor = decode_image(encode(Image.fromarray(values), "TIFF"), "a", 2)
        assert tensor[0].tolist() == tensor[2].tolist() == expected


def test_every_mode_and_shape_becomes_colours_on_white() -> None:
    for image, kind, options, expected in (
        (Image.new("CMYK", (32, 32), (0, 255, 255, 0)), "JPEG", {}, RED),
        (Image.frombytes("I;16B", (4, 4), struct.pack(">H", 0x8000) * 16), "TIFF", {}, (128,) * 3),
        (Image.new("L", (9, 9), 77), "PNG", {}, (77,) * 3),
        (Image.new("1", (16, 16), 1), "TIFF", {"compression": "group4"}, WHITE),
        (Image.new("RGBA", (8, 8), (0, 0, 0, 0)), "PNG", {}, WHITE),
        (Image.new("LA", (8, 8), (0, 127)), "PNG", {}, (128,) * 3),
        (palette(), "PNG", {"transparency": 1}, WHITE),
        (palette(), "PNG", {"transparency": b"\xff\x80"}, (127, 127, 255)),
        (palette(), "PNG", {"transparency": 0}, BLUE),
        (palette(), "GIF", {"transparency": 1}, WHITE),
        *((Image.new("RGB", size, BLUE), "PNG", {}, BLUE) for size in ((1, 1), (1, 5000), (5000, 1), (1, 2_000_000))),
    ):
        found = decode_image(encode(image, kind, **options), "a", 16).int()
        assert (found - torch.tensor(expected)[:, None, None]).abs().max() <= 3 * (kind == "JPEG")


def test_large_jpeg_is_decoded_at_reduced_size_and_looks_the_same() -> None:
    smooth = Image.effect_mandelbrot((1600, 1200), (-2, -1.5, 1, 1.5), 30).convert("RGB")
    found = decode_image(encode(smooth, "JPEG", quality=95), "a", 64).int()
    reference = decode_image(encode(smooth, "PNG", compress_level=1), "a", 64).int()
    assert (found - reference).abs().float().mean() < 4


def test_what_is_no_image_or_a_damaged_one_is_refused_by_its_base_name() -> None:
    other = "is not an image that can be read (JPEG, PNG, WebP, BMP, GIF and TIFF work); it was left out."
    for data, name, says in (
        (b"Dear diary, today I learned.", "notes.jpg", f"notes.jpg {other}"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "x.svg", f"x.svg {other}"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "x.png", other),
        (b"%PDF-1.7\n", "x.png", other),
        (encode(quarters(), "PPM"), "x.ppm", other),
        (encode(quarters(), "ICO"), "x.ico", other),
        (encode(quarters(), "TIFF", big_tiff=True), "x.tif", other),
        (b"", "photo.jpg", "photo.jpg is empty"),
        (b"x", "/srv/secret/cat.png", "cat.png is"),
        (b"x", "C:\\photos\\cat.png", "cat.png is"),
        (b"x", "evil\u202egnp.exe\n\x00\udc80", "evilgnp.exe is"),
        *((b"x", nameless, "A file without a name is") for nameless in ("", "/", "\n")),
    ):
        assert says in refusal(data, name)
        assert "/" not in refusal(data, name)
    assert len(refusal(b"x", "n" * 5000 + ".png")) < 200
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    for kind in ("JPEG", "PNG", "WEBP", "BMP", "TIFF"):
        data = encode(noise, kind)
        assert "photo.jpg is damaged" in refusal(data[: len(data) * 6 // 10])


def test_the_limits_are_kept_before_anything_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encode(quarters(20, 20), "PNG")
    assert decode_image(data, "a", 8, ImageLimits(max_bytes=len(data), max_pixels=400)).shape == (3, 8, 8)
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda image: pytest.fail("decoded"))
    assert f"over {(len(data) - 1) / 2**20:.3g} MB" in refusal(data, max_bytes=len(data) - 1)
    assert "more than 0.000399 million pixels" in refusal(data, max_pixels=399)
    for width, height in [(50_000, 50_000), (2**31 - 1, 2**31 - 1), (40_000_001, 1), (10_000, 10_000)]:
        assert "more than 40 million pixels" in refusal(png_with_header(width, height), "bomb.png")


def test_small_files_that_cost_much_are_refused_or_lose_what_does() -> None:
    blob, count = 200_000, 300  # 60 MB of tags out of 200 kB
    plain = [(256, 3, 8), (257, 3, 8), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 8), (277, 3, 1)]
    entries = [struct.pack("<HHLL", tag, kind, 1, value) for tag, kind, value in [*plain, (279, 4, 64)]]
    entries += [struct.pack("<HHLL", 40000 + index, 7, blob, 8) for index in range(count)]
    bomb = b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + b"".join(entries) + bytes(blob)
    Image.open(io.BytesIO(bomb)).load()  # Pillow alone reads it
    assert "bomb.tif is damaged" in refusal(bomb, "bomb.tif")
    circle = b"II*\0\x08\0\0\0" + struct.pack("<HHHLLL", 1, 34665, 99, 1, 8, 0) + bytes(64)
    assert "damaged" in refusal(circle)
    data = encode(quarters(), "JPEG", progressive=True)
    last_scan = data[data.rindex(b"\xff\xda") : -2]
    assert corners(data[:-2] + last_scan * 5 + data[-2:]) == QUARTERS
    assert "damaged" in refusal(data[:-2] + last_scan * 2000 + data[-2:])
    data = encode(palette(), "GIF", transparency=1, comment=b"hello")
    at = data.index(b"!\xfe")
    many = data[:at] + b"!\xfe\1a\0" * 800_000 + data[at:]
    assert corners(many) == [WHITE] * 4  # what makes it transparent lies between the comments
    assert len(_harmless(many)) < len(data)
