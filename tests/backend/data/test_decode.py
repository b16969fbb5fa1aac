"""Decoding: what comes in may be any bytes; what goes out is a small RGB tensor or one plain sentence."""

from __future__ import annotations

import contextlib
import io
import re
import struct
import warnings
import zlib

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from cliptta_demo.backend.data.decode import MAX_SIZE, ImageLimits, _harmless, decode_image
from cliptta_demo.backend.errors import UserError

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def quarters(width: int = 48, height: int = 48) -> Image.Image:
    """Red and green above, blue and white below: no two turns of it look alike."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(GREEN, (width // 2, 0, width, height // 2))
    image.paste(BLUE, (0, height // 2, width // 2, height))
    image.paste(WHITE, (width // 2, height // 2, width, height))
    return image


def corners(tensor: torch.Tensor) -> list[tuple[int, ...]]:
    """The colours in the middle of each quarter: above left, above right, below left, below right."""
    near, far = tensor.shape[-1] // 4, 3 * tensor.shape[-1] // 4
    return [tuple(255 * (tensor[:, y, x] > 127).int().numpy()) for y in (near, far) for x in (near, far)]


def middle(tensor: torch.Tensor) -> list[int]:
    return tensor[:, tensor.shape[1] // 2, tensor.shape[2] // 2].tolist()


def refusal(data: bytes, name: str = "photo.jpg", limits: ImageLimits | None = None) -> str:
    with pytest.raises(UserError) as caught:
        decode_image(data, name, 16, limits or ImageLimits())
    assert re.search(r"; it was left out(: .*)?\.$", str(caught.value))
    return str(caught.value)


def png_with_header(width: int, height: int) -> bytes:
    real = encode(quarters(8, 8), "PNG")
    header = b"IHDR" + struct.pack(">II", width, height) + real[24:29]
    return real[:12] + header + struct.pack(">I", zlib.crc32(header)) + real[33:]


def turned(orientation: int, endian: str = "<") -> Image.Exif:
    exif = Image.Exif()
    exif.endian = endian
    exif[0x0112] = orientation
    return exif


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF"])
def test_each_format_keeps_colours_and_places(kind: str) -> None:
    tensor = decode_image(encode(quarters(), kind), "a", 16, ImageLimits())
    assert (tensor.shape, tensor.dtype, tensor.is_contiguous()) == ((3, 16, 16), torch.uint8, True)
    assert corners(tensor) == [RED, GREEN, BLUE, WHITE]


@pytest.mark.parametrize(("width", "height"), [(90, 60), (61, 97), (33, 200), (20, 20), (7, 5)])
def test_resize_and_crop_equal_those_of_clip(width: int, height: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    image, size = Image.fromarray(noise), 24
    new_width = int(size * width / height) if width > height else size
    new_height = int(size * height / width) if height > width else size
    left, top = round((new_width - size) / 2), round((new_height - size) / 2)
    resized = image.resize((new_width, new_height), Image.Resampling.BICUBIC)
    expected = np.asarray(resized.crop((left, top, left + size, top + size))).astype(int)
    found = decode_image(encode(image, "PNG"), "a", size, ImageLimits()).permute(1, 2, 0).numpy().astype(int)
    assert np.abs(found - expected).max() <= 1  # the crop's edges pass through 32-bit floats


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(kind: str, orientation: int) -> None:
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # the transposition that a camera so held has made
    image = quarters(96, 48)
    stored = image.transpose(Image.Transpose(undo[orientation])) if orientation > 1 else image
    for endian in "<>":
        data = encode(stored, kind, exif=turned(orientation, endian).tobytes())
        assert corners(decode_image(data, "a", 16)) == [RED, GREEN, BLUE, WHITE]


def test_corrupt_exif_does_not_cost_the_picture_and_a_large_one_no_memory() -> None:
    many = struct.pack("<H", 2000) + b"".join(struct.pack("<HHLL", 40000 + i, 7, 60_000, 8) for i in range(2000))
    for block in (b"", b"II*\0\xff\xff\xff\xff", b"II*\0\x08\0\0\0\x05\0", b"II*\0\x08\0\0\0" + many + bytes(60_000)):
        for kind in ("JPEG", "PNG"):
            if len(block) < 60_000 or kind == "PNG":
                data = encode(quarters(), kind, exif=b"Exif\0\0" + block)
                assert corners(decode_image(data, "a", 16)) == [RED, GREEN, BLUE, WHITE]
    segments = b"".join(b"\xff\xe1" + struct.pack(">H", 60_008) + b"Exif\0\0" + bytes(60_000) for _ in range(3))
    whole = encode(quarters(), "JPEG", exif=turned(6).tobytes())
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


def test_cmyk_grey_and_one_bit() -> None:
    cmyk = decode_image(encode(Image.new("CMYK", (32, 32), (0, 255, 255, 0)), "JPEG"), "a", 8)
    assert middle(cmyk) == [pytest.approx(level, abs=3) for level in RED]
    big_endian = Image.frombytes("I;16B", (4, 4), struct.pack(">H", 0x8000) * 16)
    assert middle(decode_image(encode(big_endian, "TIFF"), "a", 4)) == [128, 128, 128]
    assert middle(decode_image(encode(Image.new("L", (9, 9), 77), "PNG"), "a", 4)) == [77, 77, 77]
    half = Image.new("1", (16, 16), 0)
    half.paste(1, (8, 0, 16, 16))
    tensor = decode_image(encode(half, "TIFF", compression="group4"), "a", 16)
    assert tensor[:, 8, 2].tolist() == [0, 0, 0]
    assert tensor[:, 8, 13].tolist() == [255, 255, 255]


def test_transparency_lies_on_white() -> None:
    assert middle(decode_image(encode(Image.new("RGBA", (8, 8), (0, 0, 0, 0)), "PNG"), "a", 4)) == [255] * 3
    assert middle(decode_image(encode(Image.new("LA", (8, 8), (0, 127)), "PNG"), "a", 4)) == [128] * 3
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([*RED, *BLUE])
    assert middle(decode_image(encode(palette, "PNG", transparency=1), "a", 4)) == [255] * 3
    assert middle(decode_image(encode(palette, "PNG", transparency=b"\xff\x80"), "a", 4)) == [127, 127, 255]
    assert middle(decode_image(encode(palette, "PNG", transparency=0), "a", 4)) == list(BLUE)
    assert middle(decode_image(encode(palette, "GIF", transparency=1), "a", 4)) == [255] * 3


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF", "PNG", "MPO"])
def test_the_first_frame_of_an_animation(kind: str) -> None:
    others = [Image.new("RGB", (16, 16), BLUE)] * 3
    data = encode(Image.new("RGB", (16, 16), RED), kind, save_all=True, append_images=others)
    assert Image.open(io.BytesIO(data)).n_frames > 1
    assert corners(decode_image(data, "a", 8)) == [RED] * 4


def test_extreme_shapes() -> None:
    assert decode_image(encode(Image.new("RGB", (1, 1), RED), "PNG"), "a", 32)[:, 5, 5].tolist() == list(RED)
    for size in [(1, 5000), (5000, 1), (1, 2_000_000)]:
        tensor = decode_image(encode(Image.new("RGB", size, BLUE), "PNG"), "a", 32)
        assert torch.equal(tensor, torch.tensor([0, 0, 255], dtype=torch.uint8)[:, None, None].expand(3, 32, 32))


def test_large_jpeg_is_decoded_at_reduced_size_and_looks_the_same() -> None:
    smooth = Image.effect_mandelbrot((1600, 1200), (-2, -1.5, 1, 1.5), 30).convert("RGB")
    found = decode_image(encode(smooth, "JPEG", quality=95), "a", 64).int()
    reference = decode_image(encode(smooth, "PNG"), "a", 64).int()
    assert (found - reference).abs().float().mean() < 4


def test_not_an_image_at_all() -> None:
    expected = "is not an image that can be read (JPEG, PNG, WebP, BMP, GIF and TIFF work); it was left out."
    assert refusal(b"Dear diary, today I learned.", "notes.jpg") == f"notes.jpg {expected}"
    assert refusal(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "x.svg") == f"x.svg {expected}"
    for harmful in (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", b"%PDF-1.7\n"):
        assert expected in refusal(harmful, "x.png")
    assert expected in refusal(encode(quarters(), "PPM"), "x.ppm")
    assert expected in refusal(encode(quarters(), "ICO"), "x.ico")
    assert "photo.jpg is empty" in refusal(b"")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF"])
def test_a_file_cut_short_is_refused(kind: str) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    data = encode(noise, kind)
    assert decode_image(data, "a", 16).shape == (3, 16, 16)
    assert "photo.jpg is damaged" in refusal(data[: len(data) * 6 // 10])


def test_decompression_bombs_are_refused_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda image: pytest.fail("decoded"))
    for width, height in [(50_000, 50_000), (2**31 - 1, 2**31 - 1), (40_000_001, 1), (10_000, 10_000)]:
        assert "more than 40 million pixels" in refusal(png_with_header(width, height), "bomb.png")


def test_the_limits_are_kept() -> None:
    data = encode(quarters(20, 20), "PNG")
    tight = ImageLimits(max_bytes=len(data) - 1)
    assert f"over {tight.max_bytes / 2**20:.3g} MB" in refusal(data, limits=tight)
    assert "more than 0.000399 million pixels" in refusal(data, limits=ImageLimits(max_pixels=399))
    exact = ImageLimits(max_bytes=len(data), max_pixels=400)
    assert decode_image(data, "a", 8, exact).shape == (3, 8, 8)


@pytest.mark.parametrize("size", [0, -3, MAX_SIZE + 1, 2.5])
def test_an_impossible_size_is_the_callers_error(size: int) -> None:
    with pytest.raises(ValueError, match="size is") as caught:
        decode_image(b"x", "a", size)
    assert not isinstance(caught.value, UserError)


def test_a_tiff_whose_tags_share_their_bytes_is_refused() -> None:
    blob, count = 200_000, 300  # 60 MB of tags out of 200 kB
    plain = [(256, 3, 8), (257, 3, 8), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 8), (277, 3, 1)]
    entries = [struct.pack("<HHLL", tag, kind, 1, value) for tag, kind, value in [*plain, (279, 4, 64)]]
    entries += [struct.pack("<HHLL", 40000 + index, 7, blob, 8) for index in range(count)]
    bomb = b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + b"".join(entries) + bytes(blob)
    Image.open(io.BytesIO(bomb)).load()  # Pillow alone reads it
    assert "bomb.tif is damaged" in refusal(bomb, "bomb.tif")
    circle = b"II*\0\x08\0\0\0" + struct.pack("<HHHLLL", 1, 34665, 99, 1, 8, 0) + bytes(64)
    assert "damaged" in refusal(circle)
    assert "not an image" in refusal(encode(quarters(), "TIFF", big_tiff=True))


def test_a_jpeg_with_thousands_of_scans_is_refused() -> None:
    data = encode(quarters(), "JPEG", progressive=True)
    last_scan = data[data.rindex(b"\xff\xda") : -2]
    assert corners(decode_image(data[:-2] + last_scan * 5 + data[-2:], "a", 16)) == [RED, GREEN, BLUE, WHITE]
    assert "damaged" in refusal(data[:-2] + last_scan * 2000 + data[-2:])


def test_gif_comments_are_left_out_before_pillow_joins_them() -> None:
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([*RED, *BLUE])
    data = encode(palette, "GIF", transparency=1, comment=b"hello")
    picture = data.index(b"!\xfe")
    many = data[:picture] + b"!\xfe\1a\0" * 800_000 + data[picture:]
    assert corners(decode_image(many, "a", 8)) == [WHITE] * 4  # what makes it transparent lies between the comments
    assert len(_harmless(many)) < len(data)


def test_pillows_warnings_stay_inside() -> None:
    data = encode(quarters(), "TIFF")
    entry = data.index(struct.pack("<HH", 262, 3))
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        decode_image(data, "a", 8)
        refusal(data[:entry] + b"\xff\xff" + data[entry + 2 :])
        refusal(png_with_header(10_000, 10_000))  # Pillow warns from 89 million pixels on
    assert seen == []


def test_names_in_sentences_are_base_names_without_tricks() -> None:
    for path in ("/srv/secret/cat.png", "C:\\photos\\cat.png"):
        assert refusal(b"x", path).startswith("cat.png is")
    assert refusal(b"x", "evil\u202egnp.exe\n\x00\udc80").startswith("evilgnp.exe is")
    assert len(refusal(b"x", "n" * 5000 + ".png")) < 200
    for nameless in ("", "/", "\n"):
        assert refusal(b"x", nameless).startswith("A file without a name is")


SAMPLES = [encode(quarters(24, 24), kind, exif=turned(6)) for kind in ("JPEG", "PNG", "WEBP", "TIFF")]
SAMPLES += [encode(quarters(24, 24), kind) for kind in ("BMP", "GIF")]
SAMPLES += [encode(quarters(24, 24), "JPEG", progressive=True), encode(quarters(), "TIFF", compression="tiff_lzw")]
STARTS = [b"", b"MM\0*", *(sample[:12] for sample in SAMPLES)]


def decodes_or_refuses(data: bytes) -> None:
    with contextlib.suppress(UserError):  # any other error fails the test
        tensor = decode_image(data, "any", 8)
        assert tensor.shape == (3, 8, 8)
        assert tensor.dtype == torch.uint8


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.sampled_from(STARTS), st.binary(max_size=400))
def test_random_bytes_only_ever_meet_a_refusal(start: bytes, rest: bytes) -> None:
    decodes_or_refuses(start + rest)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.data())
def test_changed_and_truncated_files_only_ever_meet_a_refusal(data: st.DataObject) -> None:
    damaged = bytearray(data.draw(st.sampled_from(SAMPLES)))
    for _ in range(data.draw(st.integers(0, 6))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    decodes_or_refuses(bytes(damaged[: data.draw(st.integers(0, len(damaged)))]))
