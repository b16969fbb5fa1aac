"""Files that strangers could give, drawn from a seed: broken, lying, oversized, under odd names."""

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import av
import numpy as np
from PIL import Image

Members = list[tuple[str, bytes]]  # (name that its owner gives, bytes)
MARK = "Zanzibar"  # in every name: a word of a visitor's, which no log may hold
STEMS = (
    "photo", "<img src=x onerror=window.hacked=1>", "<script>window.hacked=1</script>", "=cmd|' /C calc'!A0", "+1",
    "-2+3", "@SUM(A1)", "\u202egnp.exe", "猫", "👩‍🚀🏴‍☠️", "قطة", "a\x00b", "line\nbreak", "\ud800", "x" * 3000,
    "{0.__class__}", "%s%n", "$(reboot)", "`id`", "'; DROP TABLE x;--", "CON", "..", " ", "caf\u0301e", "\u200b\ufeff",
    '"><svg onload=alert(1)>',
)  # fmt: skip
FOLDERS = ("", "", "", "cat/", "dog/", "../", "../../../../etc/", "/etc/", "C:\\Windows\\", "a/../../b/", "./.",
           "\ud800/", "\\\\host\\share\\")  # fmt: skip
KINDS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
ENDINGS = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "BMP": ".bmp", "GIF": ".gif", "TIFF": ".tif"}


@dataclass(frozen=True)
class Case:
    """What is given at once, and how many images of it must be read; None where either way is right."""

    kind: str
    files: Members
    images: int | None


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def picture(draw: random.Random, mode: str = "RGB") -> Image.Image:
    width, height = draw.randint(1, 40), draw.randint(1, 40)
    noise = np.random.default_rng(draw.randrange(2**32)).integers(0, 256, (height, width, 3), np.uint8)
    return Image.fromarray(noise).convert(mode)


def name(draw: random.Random, ending: str) -> str:
    return f"{draw.choice(FOLDERS)}{draw.choice(STEMS)}{MARK}{draw.randrange(10**6)}{ending}"


def sound(draw: random.Random) -> bytes:
    return encode(picture(draw), draw.choice(KINDS))


def pack(draw: random.Random, members: Members, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for inner, data in members:
            info = zipfile.ZipInfo(inner.encode("utf-8", "replace").decode()[:2000] or "x")
            info.compress_type = method
            archive.writestr(info, data)
    return file.getvalue()


def png_with_header(width: int, height: int) -> bytes:
    """A small picture that says it has these sides."""
    real = encode(Image.new("RGB", (8, 8)), "PNG")
    header = b"IHDR" + struct.pack(">II", width, height) + real[24:29]
    return real[:12] + header + struct.pack(">I", zlib.crc32(header)) + real[33:]


def bomb(draw: random.Random) -> Case:
    sides = draw.choice([(50_000, 50_000), (2**31 - 1, 2**31 - 1), (40_000_001, 1), (1, 2**31 - 1), (30_000, 30_000)])
    return Case("bomb", [(name(draw, ".png"), png_with_header(*sides))], 0)


def lying(draw: random.Random) -> Case:
    """Something else under an image's name, and an image under another's."""
    harmful = [
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='window.hacked=1'><image href='file:///etc/passwd'/></svg>",
        b"<html><script>window.hacked=1</script>", b"%!PS-Adobe-3.0 EPSF-3.0\n(/etc/passwd) (r) file\n",
        b"%PDF-1.7\n1 0 obj", b"cos\nsystem\n(S'touch hacked'\ntR.", b"#!/bin/sh\ntouch hacked\n",
        b"MZ\x90\0" + bytes(60), b"\x7fELF" + bytes(60), b"GIF89a" + b"<script>" * 9,
        b"push graphic-context\nimage over 0,0 0,0 'ephemeral:/etc/passwd'\npop graphic-context",
        encode(Image.new("RGB", (8, 8)), "ICO"), encode(Image.new("RGB", (8, 8)), "PPM"), pack(draw, [("a.png", b"x")]),
    ]  # fmt: skip
    if draw.random() < 0.7:
        ending = draw.choice([*ENDINGS.values(), ".svg", ".php", ""])
        return Case("lying", [(name(draw, ending), draw.choice(harmful))], 0)
    ending = draw.choice([".exe", ".txt", ".jpg", ".html", ""])
    return Case("lying", [(f"{draw.choice(['photo', '<b onclick=x>', '=1+1'])}{ending}", sound(draw))], 1)


def zipped(draw: random.Random) -> Case:
    members = [(name(draw, ".png"), encode(picture(draw), "PNG")) for _ in range(draw.randint(1, 6))]
    if draw.random() < 0.4:
        members.append(("labels.csv", table(draw, [inner for inner, _ in members])))
    return Case("names in a zip", [(f"{draw.choice(STEMS)}{MARK}.zip", pack(draw, members))], None)


def zip_bomb(draw: random.Random) -> Case:
    members = [(f"{index}.png", bytes(draw.choice([300_000, 1_000_000]))) for index in range(draw.randint(1, 3))]
    data = pack(draw, members)
    return Case("zip bomb", [(f"{index}{MARK}.zip", data) for index in range(draw.choice([1, 1, 6]))], 0)


def broken_zip(draw: random.Random) -> Case:
    data = spoil(draw, pack(draw, [(name(draw, ".png"), sound(draw)) for _ in range(2)]))
    return Case("broken zip", [(f"{draw.choice(STEMS)}{MARK}.zip", data)], None)


def film(kind: str = "mp4", frames: int = 30, width: int = 64, height: int = 48) -> bytes:
    """A video at 30 frames a second: green on the left, and ever more red."""
    codec, pixels = {"mp4": ("mpeg4", "yuv420p"), "webm": ("libvpx", "yuv420p"), "gif": ("gif", "rgb8")}[kind]
    file = io.BytesIO()
    with av.open(file, "w", format=kind) as container:
        stream = container.add_stream(codec, rate=30)
        stream.width, stream.height, stream.pix_fmt = width, height, pixels
        container.start_encoding()
        for index in range(frames):
            picture = np.zeros((height, width, 3), np.uint8)
            picture[..., 0], picture[:, : width // 2, 1] = 255 * index // frames, 200
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return file.getvalue()


def hostile_videos(secret: str) -> list[Case]:
    """What is given as a video; ``secret``: the path of a sound one, from where the process is, for those that name it.

    (FFmpeg refuses absolute paths in such texts by itself.)
    """
    sound_one, gif = film(), film("gif", 2)
    vast = film("webm").replace(b"\x9d\x01\x2a" + struct.pack("<HH", 64, 48), b"\x9d\x01\x2a\xff\x3f\xff\x3f")
    # Texts that make a player open another file.
    names = [f"ffconcat version 1.0\nfile '{secret}'\n", f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{secret}\n"]
    return [
        *(Case("names another file", [(f"{MARK}.mp4", text.encode())], 0) for text in names),
        Case("cut in half", [(f"{MARK}.mp4", sound_one[: len(sound_one) // 2])], 0),  # the index was at its end
        Case("vast frames", [(f"{MARK}.webm", vast)], 0),
        Case("vast frames", [(f"{MARK}.gif", gif[:6] + b"\xff\xff\xff\xff" + gif[10:])], 0),
        Case("thousands of frames", [(f"{MARK}.mp4", film(frames=900, width=16, height=16))], 40),
        Case("wrong ending", [(f"{MARK}.png", film("webm"))], 3),
        Case("wrong ending", [(f"{MARK}.mp4", encode(Image.new("RGB", (8, 8)), "PNG"))], 0),
        Case("no frame", [(f"{MARK}.mp4", film(frames=0))], 0),
        Case("in a zip", [(f"{MARK}.zip", pack(random.Random(1), [("a.mp4", sound_one)]))], 0),
    ]


def table(draw: random.Random, files: list[str]) -> bytes:
    lines = [draw.choice(["file,label", "file;label", "image\tclass", "nothing", "", "label,label,file"])]
    lines += [f"{file}{draw.choice(',;')}{draw.choice(STEMS)}" for file in files]
    lines += ["".join(draw.choice(',;"\t\x00é\u202e=<a>') for _ in range(30)) for _ in range(3)]
    return "\n".join(lines).encode("utf-8", draw.choice(["replace", "surrogatepass"]))


def labelled(draw: random.Random) -> Case:
    files = [(name(draw, ".png"), encode(picture(draw), "PNG")) for _ in range(2)]
    rows = table(draw, [inner for inner, _ in files])
    if draw.random() < 0.2:
        rows = draw.choice([b"\xff\xfe" + rows, b'file,label\n"' + b'"' * 200_000, bytes(3_000_000)])
    return Case("table", [*files, (f"labels{MARK}.csv", rows)], None)


def spoil(draw: random.Random, data: bytes) -> bytes:
    """With some bytes changed, and often cut off."""
    changed = bytearray(data)
    for _ in range(draw.randint(0, 12)):
        changed[draw.randrange(len(changed))] = draw.randrange(256)
    return bytes(changed[: draw.choice([len(changed), draw.randrange(len(changed))])])


def noise(draw: random.Random) -> Case:
    """Any bytes, and a damaged image."""
    ending = draw.choice([*ENDINGS.values(), ".zip", ".csv", ".tsv", "", ".exe"])
    broken = [(name(draw, ".png"), spoil(draw, sound(draw))) for _ in range(10)]
    return Case("noise", [(name(draw, ending), draw.randbytes(draw.randrange(400))), *broken], None)


COMMON: tuple[Callable[[random.Random], Case], ...] = (
    bomb, lying, lying, zipped, zipped, zip_bomb, broken_zip, broken_zip, labelled, noise,
)  # fmt: skip


def cases(count: int, seed: int) -> list[Case]:
    """``count`` cases of all kinds, always the same for a seed."""
    draw = random.Random(seed)
    return [COMMON[index % len(COMMON)](draw) for index in range(count)]
