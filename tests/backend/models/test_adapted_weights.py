"""What a run has made of a model, saved and taken up again."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from cliptta_demo.backend.data.catalog import open_source
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.models.loading import load_backbone
from cliptta_demo.backend.run.adapted_weights import saved_files
from cliptta_demo.backend.run.experiment import Experiment, RunState
from cliptta_demo.backend.settings import RunSettings, StreamSettings
from cliptta_demo.cli import main

# Loads what is in the present folder with open_clip alone, and prints the embeddings of the images there.
ALONE = """
import sys, torch
sys.path.insert(0, ".")
code = open("README.txt").read().replace("METHOD", "cliptta")
exec("\\n".join(line.strip() for line in code.splitlines() if line.startswith("    ")))
assert "cliptta_demo" not in sys.modules
with torch.no_grad():
    torch.save(model.eval().encode_image(torch.load("images.pt"), normalize=True), "embeddings.pt")
"""


def images_for(backbone: Backbone) -> Tensor:
    return open_source("pictures").take(0, 8, backbone.info.image_size, "shuffled", 5, 8).pixels


def adapt(backbone: Backbone, folder: Path) -> tuple[Experiment, RunState]:
    """Two batches under CLIPTTA, and what is saved of them in the folder."""
    stream = StreamSettings(corruption="fog", batch_size=8, batches=2)
    settings = RunSettings(methods=("cliptta", "tda"), stream=stream, adaptation=backbone.info.adaptation)
    experiment = Experiment(settings, backbone, open_source("pictures"))
    *_, (state, _) = experiment.run()
    for name, data in saved_files(backbone, settings, state).items():
        (folder / name).write_bytes(data)
    return experiment, state


@pytest.mark.parametrize("name", ["tiny", "test-vit", "test-resnet"])
def test_weights_that_are_loaded_predict_what_the_adapted_model_did(
    name: str, checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    plain = load_backbone(name if name == "tiny" else f"{name}/{checkpoints[name]}", "cpu")
    images = images_for(plain)
    before = plain.embed(images)
    experiment, state = adapt(plain, tmp_path)
    theta = experiment.methods["cliptta"].predictor(state.adaptations["cliptta"])
    loaded = load_backbone(f"adapted:{tmp_path}/cliptta.safetensors", "cpu")
    assert torch.equal(loaded.embed(images), plain.embed(images, theta))
    assert not torch.equal(loaded.embed(images), before)
    assert torch.equal(plain.embed(images), before)  # what is shared is as it was
    assert loaded.info.adaptation == plain.info.adaptation
    whole, places = loaded.embed_with_places(images)
    assert not torch.equal(places, plain.embed_with_places(images)[1])
    if not plain.mixes_images:
        assert torch.equal(whole, loaded.embed(images))
    assert torch.equal(plain.embed(images), before)
    again = tmp_path / "again"
    again.mkdir()
    adapt(loaded, again)
    assert load_backbone(f"adapted:{again}/cliptta.safetensors", "cpu").info.base == plain.info.name


def test_the_command_line_saves_weights_of_the_built_in_model_that_need_nothing_else(tmp_path: Path) -> None:
    sizes = ["--batches", "2", "--batch-size", "8", "--corruption", "fog", "--methods", "zero-shot,cliptta", "--quiet"]
    main(["run", *sizes, "--weights", str(tmp_path / "saved")])
    backbone = load_backbone(f"adapted:{tmp_path}/saved/cliptta.safetensors", precision="float32")
    images = images_for(backbone)
    torch.save(backbone.normalise(images), tmp_path / "saved" / "images.pt")
    code = [sys.executable, "-c", ALONE]
    ended = subprocess.run(code, cwd=tmp_path / "saved", capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    alone = torch.load(tmp_path / "saved" / "embeddings.pt")
    assert torch.allclose(alone, backbone.embed(images), atol=1e-5)
    assert not torch.allclose(alone, load_backbone("tiny", precision="float32").embed(images), atol=1e-2)


def test_other_files_are_refused_in_a_sentence(tmp_path: Path) -> None:
    tiny = load_backbone("tiny")
    values = {f"visual.{name}": value.clone() for name, value in tiny.layout.unflatten(tiny.source_parameters).items()}
    first = next(iter(values))
    file = tmp_path / "other.safetensors"

    def refusal(changed: dict[str, Tensor], **about: str) -> str:
        save_file(changed, file, about)
        with pytest.raises(UserError) as error:
            load_backbone(f"adapted:{file}")
        return str(error.value)

    assert "is no file of weights that a run has saved" in refusal(values)
    tent = {"backbone": "tiny", "method": "tent"}
    assert "has no architecture 'nothing'" in refusal(values, backbone="nothing", method="tent")
    assert "are not those of tiny" in refusal({**values, first: values[first][:1]}, **tent)
    assert "are not those of tiny" in refusal({**values, "visual.more": values[first].clone()}, **tent)
    assert "not finite" in refusal({**values, first: values[first] * torch.nan}, **tent)
    file.write_bytes(b"nothing")
    with pytest.raises(UserError, match="is no file of weights"):
        load_backbone(f"adapted:{file}")
    with pytest.raises(UserError, match="backbone is 'adapted:"):
        load_backbone(f"adapted:{file}", visitor=True)


def test_a_moved_text_tower_is_saved_and_taken_up_too(tmp_path: Path) -> None:
    tiny, prompt = load_backbone("tiny", "cpu"), ("a photo of a {}.",)
    stream = StreamSettings(corruption="fog", batch_size=8, batches=2)
    settings = RunSettings(methods=("batclip",), stream=stream, adaptation=tiny.info.adaptation)
    experiment = Experiment(settings, tiny, open_source("pictures"))
    *_, (state, _) = experiment.run()
    (tmp_path / "both.safetensors").write_bytes(saved_files(tiny, settings, state)["batclip.safetensors"])
    loaded, images = load_backbone(f"adapted:{tmp_path}/both.safetensors", "cpu"), images_for(tiny)
    names = experiment.methods["batclip"].task.class_names
    predicted = experiment.methods["batclip"].predict(images, state.adaptations["batclip"].values)
    assert torch.allclose(loaded.embed(images) @ loaded.prototypes(names, prompt).T, predicted, atol=1e-5)
    moved = (loaded.prototypes(names, prompt) - tiny.prototypes(names, prompt)).norm(dim=1)
    assert (moved > 1e-3).all()
    again = Experiment(settings, loaded, open_source("pictures"))  # where it ended is where another begins
    assert torch.equal(again.methods["batclip"].start().values, state.adaptations["batclip"].values)
