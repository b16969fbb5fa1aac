"""A camera on the server: its frames over HTTP, what it holds, whom it waits for, and how it ends."""

import base64
import io
import time
from collections.abc import Iterator
from typing import Any

import gradio as gr
import pytest
from hostile_files import encode, film
from PIL import Image
from pressing import BACKBONE
from pressing import small_model as small_model
from starlette.applications import Starlette
from starlette.testclient import TestClient

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.limits import Limits
from cliptta_demo.page.form.reading import read_form
from cliptta_demo.page.layout.own_widgets import start_camera
from cliptta_demo.page.runs import camera
from cliptta_demo.page.runs.camera import FRAME_LIMITS, Camera
from cliptta_demo.page.runs.host import Host
from cliptta_demo.page.server.serve import doors
from cliptta_demo.page.words.texts import CAMERAS_TAKEN

FORM = {"class_names": "cat, dog, car", "batch_size": 512}  # what it says of a stream is of another one
PICTURE = encode(Image.new("RGB", (64, 64), "gold"), "JPEG")


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    """A server, of whose cameras nothing is left in the end."""
    monkeypatch.setattr(camera, "load_backbone", lambda name, **_: BACKBONE)
    host = Host.of(gr.Blocks(), Limits(cameras=1))
    yield host
    host.cameras.end()
    assert (host.cameras.count, host.runs.count, host.visitors.used) == (0, 0, 0)


def begin(host: Host, key: str = "visitor", **changes: Any) -> Camera:
    *_, found = host.cameras.begin(read_form(FORM | changes), key)
    return found


def test_frames_are_answered_and_judged_over_http(host: Host) -> None:
    ours = begin(host)
    assert host.runs.count == 1
    assert host.visitors.used > 0
    with TestClient(Starlette(routes=doors(host.cameras, host.uploads))) as client:
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
            ("", b"", 400), ("", film(), 400), ("", b"\xff\xd8" + bytes(2**18), 413),
            ("", encode(Image.new("L", (2000, 2000)), "PNG"), 400), ("?overlay=../../etc/passwd", PICTURE, 400),
            ("?severity=6", PICTURE, 400), ("?truth=3", PICTURE, 400), (f"?truth={'9' * 5000}", PICTURE, 400),
        ):  # fmt: skip
            answer = client.post(f"/camera{query}", headers=head, content=body)
            assert (answer.status_code, answer.json()["detail"][-1:]) == (status, "."), (query, answer.text)
        for token in ("", "0" * 32, ours.token[:-1]):
            assert client.post("/camera", headers={"X-Camera": token}, content=PICTURE).status_code == 404
            assert client.delete("/camera", headers={"X-Camera": token}).status_code == 204
        assert client.get("/camera", headers=head).status_code == 405
        assert host.cameras.count == 1
        assert client.delete("/camera", headers=head).status_code == 204
        assert client.post("/camera", headers=head, content=PICTURE).status_code == 404
    assert len(PICTURE) < FRAME_LIMITS.max_bytes


def test_one_frame_at_a_time_and_one_camera_for_a_visitor(host: Host) -> None:
    first = begin(host, class_names="cat = kitten, dog")
    assert first.experiment.class_names == ("kitten", "dog")
    with first.lock:
        assert first.answer(PICTURE) is None
    second = begin(host)
    with pytest.raises(UserError, match="Press Start"):
        first.answer(PICTURE)
    assert second.answer(PICTURE)["frames"] == 1


def test_one_that_is_still_got_ready_has_its_place_and_gives_it_back(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    few, form, said = host.cameras, FORM, []

    def load(name: str, **_: Any) -> Backbone:
        monkeypatch.setattr(camera, "load_backbone", lambda name, **_: BACKBONE)
        said.extend(start_camera(few, form, "other"))  # meanwhile
        raise UserError("It can't be loaded.")

    monkeypatch.setattr(camera, "load_backbone", load)
    for key in ("visitor", "visitor", "other"):
        said += [*start_camera(few, form, key)]
    few.end(lambda camera: camera.key == "visitor")
    said += [*start_camera(few, form, "other")]
    few.end()
    assert [one.get("error") for one in said] == [CAMERAS_TAKEN, "It can't be loaded.", None, CAMERAS_TAKEN, None]


def test_it_ends_when_no_frame_comes_and_when_the_server_stops(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = begin(host)
    ours.answer(PICTURE)
    host.cameras.sweep()
    assert host.cameras.count == 1
    later = time.monotonic() + 1000
    with monkeypatch.context() as patch:
        patch.setattr(camera.time, "monotonic", lambda: later)
        host.cameras.sweep()
    assert (host.cameras.count, host.runs.count) == (0, 0)
    ours = begin(host)
    host.runs.stop()
    with pytest.raises(UserError, match="restarted"):
        ours.answer(PICTURE)


def test_what_stands_in_the_way_is_a_sentence_and_holds_nothing(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    for changes, words in (
        ({"class_names": "cat"}, "nothing to choose between"),
        ({"class_names": "", "dataset": "cifar10"}, "at least two class names"),  # its own are not known yet
        ({"methods": ["eata"]}, "EATA learns from clean images too"),
        ({"backbone": "/etc/passwd"}, "backbone"),
    ):
        with pytest.raises(UserError, match=words):
            begin(host, **changes)
        assert (host.runs.count, host.visitors.used) == (0, 0)
    monkeypatch.setattr(camera, "ON_ZERO_GPU", True)
    with pytest.raises(UserError, match="borrows its GPU"):
        begin(host)
