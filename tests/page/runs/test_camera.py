"""A camera on the server: its frames over HTTP, what it holds, whom it waits for, and how it ends."""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from hostile_files import encode, film
from PIL import Image
from pressing import BACKBONE
from pressing import small_model as small_model
from starlette.applications import Starlette
from starlette.testclient import TestClient

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.page.form.fields import FormValues, field_names
from cliptta_demo.page.layout import camera_panel
from cliptta_demo.page.layout.camera_panel import start_camera
from cliptta_demo.page.runs import camera
from cliptta_demo.page.runs.camera import CAMERAS, FRAME_LIMITS, Camera, Cameras, Frame, TooSoon
from cliptta_demo.page.runs.memory_budget import KEEPING
from cliptta_demo.page.runs.registry import RUNS
from cliptta_demo.page.server.camera_door import CAMERA_ROUTE
from cliptta_demo.page.words.texts import CAMERAS_TAKEN

FORM = FormValues(class_names="cat, dog, car", batch_size="what is said of another stream")
PICTURE = encode(Image.new("RGB", (64, 64), "gold"), "JPEG")


@pytest.fixture(autouse=True)
def nothing_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(camera, "load_backbone", lambda name, **_: BACKBONE)
    yield
    CAMERAS.end_all()
    assert (CAMERAS.count, RUNS.count, KEEPING.used) == (0, 0, 0)


def begin(key: str = "visitor", form: FormValues = FORM) -> Camera:
    *_, found = CAMERAS.begin(form, key)
    return found


def test_frames_are_answered_and_judged_over_http() -> None:
    ours = begin()
    assert RUNS.count == 1
    assert KEEPING.used > 0
    with TestClient(Starlette(routes=[CAMERA_ROUTE])) as client:
        head = {"X-Camera": ours.token}
        first = client.post("/camera", headers=head, content=PICTURE).json()
        assert set(first["answers"]) == {"zero-shot", "tent", "cliptta"}
        assert first["judged"] == 0
        (place, share), *_ = first["answers"]["tent"]["top"]
        assert 1 / 3 <= share <= 1
        seen = Image.open(io.BytesIO(base64.b64decode(first["seen"])))
        assert seen.size == (BACKBONE.info.image_size,) * 2
        told = client.post(f"/camera?truth={place}&overlay=frost&severity=1", headers=head, content=PICTURE).json()
        assert (told["judged"], told["frames"]) == (1, 2)
        for method in told["answers"].values():
            assert method["right"] == (method["top"][0][0] == place)
        for query, body, status in (
            ("", b"", 400), ("", b"nonsense", 400), ("", film(), 400), ("", b"\xff\xd8" + bytes(2**18), 413),
            ("", encode(Image.new("L", (2000, 2000)), "PNG"), 400), ("?overlay=../../etc/passwd", PICTURE, 400),
            ("?severity=6", PICTURE, 400), ("?severity=1e9", PICTURE, 400), ("?truth=3", PICTURE, 400),
            ("?truth=-2", PICTURE, 400), (f"?truth={'9' * 5000}", PICTURE, 400),
        ):  # fmt: skip
            answer = client.post(f"/camera{query}", headers=head, content=body)
            assert (answer.status_code, answer.json()["detail"][-1:]) == (status, "."), (query, answer.text)
        for token in ("", "0" * 32, ours.token[:-1]):
            assert client.post("/camera", headers={"X-Camera": token}, content=PICTURE).status_code == 404
            assert client.delete("/camera", headers={"X-Camera": token}).status_code == 204
        assert client.get("/camera", headers=head).status_code == 405
        assert CAMERAS.count == 1
        assert client.delete("/camera", headers=head).status_code == 204
        assert client.post("/camera", headers=head, content=PICTURE).status_code == 404
    assert len(PICTURE) < FRAME_LIMITS.max_bytes


def test_one_frame_at_a_time_and_one_camera_for_a_visitor() -> None:
    first = begin()
    with first._lock, pytest.raises(TooSoon):
        first.answer(Frame(PICTURE))
    second = begin()
    with pytest.raises(UserError, match="Press Start"):
        first.answer(Frame(PICTURE))
    assert second.answer(Frame(PICTURE))["frames"] == 1


def test_one_that_is_still_got_ready_has_its_place_and_gives_it_back(monkeypatch: pytest.MonkeyPatch) -> None:
    few, form, said = Cameras(most=1), tuple(FORM[name] for name in field_names()), []
    monkeypatch.setattr(camera_panel, "CAMERAS", few)

    def load(name: str, **_: Any) -> Backbone:
        monkeypatch.setattr(camera, "load_backbone", lambda name, **_: BACKBONE)
        said.extend(start_camera(form, "other"))  # meanwhile
        raise UserError("It can't be loaded.")

    monkeypatch.setattr(camera, "load_backbone", load)
    said += [*start_camera(form, "visitor")]
    said += [*start_camera(form, "visitor")]
    said += [*start_camera(form, "other")]
    few.end("visitor")
    said += [*start_camera(form, "other")]
    few.end_all()
    assert [one.get("error") for one in said] == [CAMERAS_TAKEN, "It can't be loaded.", None, CAMERAS_TAKEN, None]


def test_it_ends_when_no_frame_comes_and_when_the_server_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = begin()
    ours.answer(Frame(PICTURE))
    CAMERAS.sweep()
    assert CAMERAS.count == 1
    later = time.monotonic() + 1000
    with monkeypatch.context() as patch:
        patch.setattr(camera.time, "monotonic", lambda: later)
        CAMERAS.sweep()
    assert (CAMERAS.count, RUNS.count) == (0, 0)
    ours = begin()
    RUNS.stop()
    try:
        with pytest.raises(UserError, match="restarted"):
            ours.answer(Frame(PICTURE))
    finally:
        RUNS._stopping.clear()


def test_renamed_classes_have_their_words() -> None:
    assert begin(form=FORM.changed({"class_names": "cat = kitten, dog"})).experiment.class_names == ("kitten", "dog")


def test_what_stands_in_the_way_is_a_sentence_and_holds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for changes, words in (
        ({"class_names": "cat"}, "nothing to choose between"),
        ({"methods": ["eata"]}, "EATA learns from clean images too"),
        ({"backbone": "/etc/passwd"}, "backbone"),
    ):
        with pytest.raises(UserError, match=words):
            begin(form=FORM.changed(changes))
        assert (RUNS.count, KEEPING.used) == (0, 0)
    monkeypatch.setattr(camera, "ON_ZERO_GPU", True)
    with pytest.raises(UserError, match="borrows its GPU"):
        begin()


def test_a_window_holds_so_many_frames_whatever_was_seen() -> None:
    ours = begin()
    for _ in range(20):
        ours.answer(Frame(PICTURE, overlay="gaussian_noise", severity=2))
    assert ours._window.seen == 20
    assert torch.stack(list(ours._window._images)).shape[0] == camera.WINDOW
