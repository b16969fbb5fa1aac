"""CLIPArTT and WATT against numbers computed with their authors' released implementations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from golden_methods import STREAMS, Trajectory, golden, official

from cliptta_demo.backend.methods.adaptation import Prepared
from cliptta_demo.backend.methods.watt import TEMPLATES
from cliptta_demo.backend.work import finish

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
    cosines = finish(method.predict(batch.pixels))
    sent: list[str] = []
    encode = method.backbone.encode_text
    monkeypatch.setattr(method.backbone, "encode_text", lambda prompts: sent.extend(prompts) or encode(prompts))
    ranked = cosines.argsort(dim=1, descending=True)[:, :3]
    rests = list(method._captions(batch, cosines))
    different = {tuple(classes) for classes in ranked.tolist()}
    assert len(sent) == len(different)
    assert len(rests) == -(-len(different) // 4)
    captions = finish(method._captions(batch, cosines))
    assert len(sent) == len(different)  # all were there already
    expected = golden()["text/triple_prototypes"][tuple(ranked.T.numpy())]
    np.testing.assert_allclose(captions, expected, atol=1e-5)
