"""A run exported as a command line, as Python, and as weights, is that run."""

import base64
import io
import json
import shlex
import zipfile
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path

import open_clip
import pytest
import torch
from pressing import HOST
from safetensors.torch import load

from cliptta_demo.backend.data.catalog import open_source
from cliptta_demo.backend.models.loading import TINY_DIRECTORY, load_backbone
from cliptta_demo.cli import main
from cliptta_demo.page.form.links import open_link
from cliptta_demo.page.layout.results_panel import downloads
from cliptta_demo.page.panels.exports import as_command, as_python, run_as_command, run_as_python
from cliptta_demo.page.runs.runner import open_experiment
from cliptta_demo.page.runs.weights import weights_download
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
    words = shlex.split(as_command(session.recipe).replace("\\\n", ""))  # as a shell joins lines
    with redirect_stdout(io.StringIO()):
        main([*words[1:], "--quiet", "--json", str(tmp_path / "run.json")])
    result = json.loads((tmp_path / "run.json").read_text())
    assert {name: method["accuracy"] for name, method in result["methods"].items()} == told(session)
    settings = json.loads(json.dumps(session.recipe.settings.to_dict()))
    assert {name: result["settings"][name] for name in settings} == settings
    given: dict[str, object] = {}
    with redirect_stdout(io.StringIO()):
        exec(as_python(session.recipe), given)
    assert given["settings"] == session.recipe.settings
    assert {name: method.accuracy for name, method in given["snapshot"].methods.items()} == told(session)


def test_what_cannot_be_exported_is_said() -> None:
    recipe = recipe_of(LINKS[0])
    own = replace(recipe, dataset="upload", source_names=recipe.class_names)
    session = Session(own, None, marks=(Mark(1, "fog 3"),))
    for export in (run_as_command, run_as_python):
        text = export(session)
        assert "folder:PATH" in text
        assert "Settings changed at batch 2;" in text
    assert all(save(None) == "" for save in downloads(HOST).values())


def test_adapted_weights_are_open_clips_and_predict_the_same(tmp_path: Path) -> None:
    session = whole(recipe_of({"methods": "tent,cliptta,tda", "steps": "3"}))
    saved = json.loads(weights_download(HOST, session))
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(saved["text"]))) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    architecture = {"open_clip_config.json", "tiny_tower.py"}
    assert set(files) == {"README.txt", "tent.safetensors", "cliptta.safetensors", *architecture}
    model = open_clip.create_model(f"local-dir:{TINY_DIRECTORY}").eval()
    missing, unexpected = model.load_state_dict(load(files["cliptta.safetensors"]), strict=False)
    assert missing
    assert not unexpected
    backbone = load_backbone("tiny", precision="float32")
    images = open_source("pictures").take(0, 4, backbone.info.image_size, "shuffled", 0, 4).pixels
    with torch.no_grad():
        features = model.encode_image(backbone.normalise(images), normalize=True)
    adapted = backbone.embed(images, session.state.adaptations["cliptta"].values[: backbone.layout.size])
    assert torch.allclose(features, adapted, atol=0.01)
    assert not torch.allclose(adapted, backbone.embed(images), atol=0.01)
