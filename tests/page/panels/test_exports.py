"""A run exported as a command line, as Python, and as weights, is that run; which files of weights are taken again."""

import base64
import io
import json
import shlex
import zipfile
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from pressing import HOST
from safetensors.torch import load, save

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.loading import load_backbone
from cliptta_demo.backend.models.offered import check_visitor_backbone, label_of
from cliptta_demo.backend.models.saved_weights import MOST_BYTES, base_of, keep_uploaded
from cliptta_demo.cli import main
from cliptta_demo.page.form.links import open_link
from cliptta_demo.page.layout.panels_with_buttons import downloads
from cliptta_demo.page.panels.exports import as_command, as_python
from cliptta_demo.page.runs.handlers import take_weights, weights_download
from cliptta_demo.page.runs.runner import open_experiment
from cliptta_demo.page.session.state import Mark, Recipe, Session

LINKS = (
    {"class_names": "cat = kitten, dog, car", "methods": "tent,cliptta", "corruption": "fog", "severity": "5"},
    {"methods": "eata,cliptta-oce", "eata.margin": "0.9", "ood_share": "0.5", "learning_rate": "0.0002"},
    {"class_names": "cat, dog, bird", "methods": "cliptta", "schedule": "continual", "shift_batches": "1"},
    {"templates": "a photo of a {}.\nthe {} itself", "methods": "tda", "order": "sorted", "symmetric": "1"},
)


def recipe_of(query: dict[str, str]) -> Recipe:
    return open_link({"batch_size": "6", "batches": "2", "steps": "1", "seed": "3", **query})


def whole(recipe: Recipe) -> Session:
    """The page's own run."""
    session = Session(recipe, None)
    for state, snapshot in open_experiment(recipe, None, HOST.machine)[0].run():
        session = session.after(state, snapshot)
    return session


def told(session: Session) -> dict[str, float]:
    return {name: method.accuracy for name, method in session.snapshot.methods.items()}


@pytest.mark.parametrize("query", LINKS, ids=lambda query: query["methods"])
def test_command_line_and_python_make_the_run_again(query: dict[str, str], tmp_path: Path) -> None:
    session = whole(recipe_of(query))
    words = shlex.split(as_command(session).replace("\\\n", ""))  # as a shell joins lines
    with redirect_stdout(io.StringIO()):
        main([*words[1:], "--quiet", "--json", str(tmp_path / "run.json")])
    result = json.loads((tmp_path / "run.json").read_text())
    assert {name: method["accuracy"] for name, method in result["methods"].items()} == told(session)
    settings = json.loads(json.dumps(session.recipe.settings.to_dict()))
    assert {name: result["settings"][name] for name in settings} == settings
    given: dict[str, object] = {}
    with redirect_stdout(io.StringIO()):
        exec(as_python(session), given)
    assert given["settings"] == session.recipe.settings
    assert {name: method.accuracy for name, method in given["snapshot"].methods.items()} == told(session)


def test_what_cannot_be_exported_is_said() -> None:
    recipe = recipe_of(LINKS[0])
    own = replace(recipe, dataset="upload", source_names=recipe.class_names)
    session = Session(own, None, marks=(Mark(1, "fog 3"),))
    for export in (as_command, as_python):
        text = export(session)
        assert "folder:PATH" in text
        assert "Settings changed at batch 2;" in text
    assert all(save(None) == "" for save in downloads(HOST).values())


@pytest.fixture(scope="module")
def saved() -> tuple[Session, dict[str, bytes]]:
    """A short run, and the files that the page saves of its weights."""
    session = whole(recipe_of({"methods": "tent,cliptta,tda", "steps": "3", "corruption": "fog"}))
    packed = base64.b64decode(json.loads(weights_download(HOST, session))["text"])
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        return session, {name: archive.read(name) for name in archive.namelist()}


def test_what_was_saved_runs_again_and_predicts_the_same(saved: tuple[Session, dict[str, bytes]]) -> None:
    session, files = saved
    architecture = {"open_clip_config.json", "tiny_tower.py"}  # with which open_clip alone reads them
    assert set(files) == {"README.txt", "tent.safetensors", "cliptta.safetensors", *architecture}
    name = keep_uploaded(files["cliptta.safetensors"])
    assert base_of(name) == "tiny"
    assert label_of(name) == "Tiny CLIP (built in) after cliptta"
    recipe = open_link({"backbone": name, "methods": "tent", "batch_size": "6", "batches": "1"})
    assert "load_backbone('adapted:FILE')" in as_python(Session(recipe, None))
    experiment, _ = open_experiment(recipe, None, HOST.machine)
    images = experiment.batch(experiment.start()).images.pixels
    plain = load_backbone("tiny")
    theta = session.state.adaptations["cliptta"].values[: plain.layout.size]
    assert torch.equal(experiment.backbone.embed(images), plain.embed(images, theta))
    assert experiment.backbone.info.adaptation == plain.info.adaptation


def test_only_uploaded_files_of_a_run_are_taken(saved: tuple[Session, dict[str, bytes]]) -> None:
    data = saved[1]["cliptta.safetensors"]
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
