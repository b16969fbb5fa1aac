"""CLIPArTT, WATT and the older CLIPTTA against numbers computed with their authors' released implementations."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from golden_methods import STREAMS, Trajectory, golden, official
from torch import Tensor

from cliptta_demo.backend.methods.adaptation import AdaptationState, Prepared, Step
from cliptta_demo.backend.methods.cliptta import Cliptta
from cliptta_demo.backend.methods.watt import TEMPLATES

# name in the golden file → (method, its own settings, prototypes in the golden file)
CAPTIONS = {
    "clipartt": ("clipartt", {"release": "cliptta"}, "template"),
    "clipartt_k1": ("clipartt", {"release": "cliptta", "candidates": 1}, None),
    "clipartt_orig": ("clipartt", {}, "template"),
    "watt_p": ("watt-p", {"release": "cliptta", "rounds": 2}, "class"),
    "watt_s": ("watt-s", {"release": "cliptta", "rounds": 2}, "class"),
    "watt_p_orig": ("watt-p", {"rounds": 2}, "class"),
    "watt_s_orig": ("watt-s", {"rounds": 2}, "class"),
}


def trajectory(name: str, stream: str) -> Trajectory:
    kind, own, key = CAPTIONS[name]
    prototypes = {
        None: None,
        "class": torch.from_numpy(golden()["text/class_prototypes"]),
        "template": torch.from_numpy(golden()["text/template_prototypes"])[0],
    }[key]
    return Trajectory(name, stream, kind, own, prototypes=prototypes)


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("name", CAPTIONS)
def test_trajectory(name: str, stream: str) -> None:
    trajectory(name, stream).check()


def test_the_eight_prompts_are_the_authors() -> None:
    assert list(golden()["text/templates"]) == list(TEMPLATES)


def test_captions_name_the_ranked_classes_and_are_made_once_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    method = trajectory("clipartt", "closed").method()
    method.task = replace(method.task, prompts_at_once=4)
    batch = Prepared(method.backbone, torch.from_numpy(official()["closed/images"][0]).float())
    cosines = method.predict(batch.pixels)
    sent: list[str] = []
    encode = method.backbone.encode_text
    monkeypatch.setattr(method.backbone, "encode_text", lambda prompts: sent.extend(prompts) or encode(prompts))
    ranked = cosines.argsort(dim=1, descending=True)[:, :3]
    method.rest = Mock()
    captions = method._captions(batch, cosines)
    different = {tuple(classes) for classes in ranked.tolist()}
    assert len(sent) == len(different)
    assert method.rest.call_count == -(-len(different) // 4)
    assert torch.equal(method._captions(batch, cosines), captions)
    assert len(sent) == len(different)  # all were there already
    expected = golden()["text/triple_prototypes"][tuple(ranked.T.numpy())]
    np.testing.assert_allclose(captions, expected, atol=1e-5)


class ClipttaOld(Cliptta):
    """An older CLIPTTA, which its authors' scripts run on ImageNet: it learns from the memory alone.

    The batch enters the memory before the first step and takes no part in the loss. Without a memory none moves.
    """

    name, label = "cliptta-old", "CLIPTTA (older)"
    sentence = "CLIPTTA that learns only from the surest images of each class so far."
    colour, symbol, dash = "grey", "diamond", "dot"

    def step(self, batch: Prepared, state: AdaptationState, step: int, seed: int) -> Step:
        if step == 0:
            batch.made["cosines"] = self.predict(batch.pixels, self.parameters(state))
            if self.settings.memory_shots > 0:
                state = self._remember(state, batch.images, batch.made["cosines"], None)
        passes, terms = self.passes(self.parameters(state)), {}
        if len(remembered := self._recall(batch, state, step, seed)):
            features = passes.embed(remembered)
            memory_terms = self._terms(features, features @ self.prototypes.T, None)
            terms = {f"memory {name}": term for name, term in memory_terms.items()}
        return self.descend(state, passes, terms, step, batch.made["cosines"])


class FromTheFile(ClipttaOld):
    """It remembers what the authors' memory drew: positions in the stream at each step."""

    name = "from-the-file"
    stream: str
    drawn: list[np.ndarray]

    def _recall(self, batch: Prepared, state: object, step: int, seed: int) -> Tensor:
        positions = golden()[f"cliptta_old/{self.stream}/memory"][seed, step]
        images = torch.from_numpy(official()[f"{self.stream}/images"]).flatten(0, 1)
        return batch.backbone.normalise(images[positions[positions >= 0]].float())


@pytest.mark.parametrize("stream", STREAMS)
def test_the_older_cliptta(stream: str) -> None:
    kind = type("Given", (FromTheFile,), {"stream": stream})
    Trajectory("cliptta_old", stream, kind, settings={"memory_shots": 4, "memory_sample": 24}).check()
