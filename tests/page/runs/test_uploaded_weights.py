"""Weights that a visitor loads: what is taken, and that it predicts what the adapted model did."""

import base64
import io
import json
import zipfile

import pytest
import torch
from pressing import HOST
from safetensors.torch import load, save

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.loading import load_backbone
from cliptta_demo.backend.models.offered import check_visitor_backbone, label_of
from cliptta_demo.backend.models.uploaded_weights import MOST_BYTES, base_of, keep_uploaded
from cliptta_demo.page.form.links import open_link
from cliptta_demo.page.panels.exports import as_python
from cliptta_demo.page.runs.runner import open_experiment
from cliptta_demo.page.runs.weights import take_weights, weights_download
from cliptta_demo.page.session.state import Session


@pytest.fixture(scope="module")
def saved() -> tuple[Session, bytes]:
    """A short run, and what the page saves of CLIPTTA's weights."""
    query = {"methods": "cliptta", "batch_size": "6", "batches": "2", "steps": "2", "corruption": "fog"}
    recipe = open_link(query)
    session = Session(recipe, None)
    for state, snapshot in open_experiment(recipe, None, HOST.machine)[0].run():
        session = session.after(state, snapshot)
    packed = base64.b64decode(json.loads(weights_download(HOST, session))["text"])
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        return session, archive.read("cliptta.safetensors")


def test_what_was_saved_runs_again_and_predicts_the_same(saved: tuple[Session, bytes]) -> None:
    session, data = saved
    name = keep_uploaded(data)
    assert base_of(name) == "tiny"
    assert label_of(name) == "Tiny CLIP (built in) after cliptta"
    recipe = open_link({"backbone": name, "methods": "tent", "batch_size": "6", "batches": "1"})
    assert "load_backbone('adapted:FILE')" in as_python(recipe)
    experiment, _ = open_experiment(recipe, None, HOST.machine)
    images = experiment.batch(experiment.start()).images.pixels
    plain = load_backbone("tiny")
    theta = session.state.adaptations["cliptta"].values[: plain.layout.size]
    assert torch.equal(experiment.backbone.embed(images), plain.embed(images, theta))
    assert experiment.backbone.info.adaptation == plain.info.adaptation


def test_only_uploaded_files_of_a_run_are_taken(saved: tuple[Session, bytes]) -> None:
    _, data = saved
    for text in ("", "no", "!", base64.b64encode(b"nothing").decode()):
        with pytest.raises(UserError, match="no file of weights"):
            take_weights(HOST, text)
    tensors = load(data)
    spoilt = {**tensors, next(iter(tensors)): torch.full_like(next(iter(tensors.values())), torch.nan)}
    made = {"backbone": "tiny", "method": "tent"}
    wrong = [b"", b"nothing at all", data[:-40], data + b"\0" * MOST_BYTES, save(tensors), save(spoilt, made)]
    wrong += [save(tensors, {**made, "method": "no-such"}), save(tensors, {**made, "backbone": "local-dir:/etc"})]
    wrong += [b"\xff" * 64, (2**20).to_bytes(8, "little") + b"[" * 2**20]
    for bad in wrong:
        with pytest.raises(UserError):
            load_backbone(check_visitor_backbone(keep_uploaded(bad)), visitor=True)
    with pytest.raises(UserError, match="load their file again"):
        check_visitor_backbone("uploaded:tiny:cliptta:000000000000")
