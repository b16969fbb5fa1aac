"""Methods of captions and of redundancy where a class list, a tower or a batch is out of the ordinary."""

from __future__ import annotations

import pickle

import pytest
import torch
from helpers import method_of, random_images, small_backbone
from torch import nn

from cliptta_demo.backend.methods.g_fret import Supports, prediction_loss
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.settings import AdaptationSettings

SETTINGS = AdaptationSettings(learning_rate=1e-2, steps=2)
METHODS = ("clipartt", "watt-p", "watt-s", "s-fret", "g-fret")
LISTS = {"two": ["cat", "dog"], "twice": ["cat", "dog", "cat"], "many": [f"class {number}" for number in range(200)]}


@pytest.fixture(scope="module")
def mixing() -> Backbone:
    """Batch normalisation, in bfloat16."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        tower = nn.Sequential(
            nn.Conv2d(3, 16, 3, 2), nn.BatchNorm2d(16), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 32)
        )
    backbone = small_backbone(tower)
    backbone.autocast = torch.bfloat16
    return backbone


@pytest.mark.parametrize("classes", LISTS)
@pytest.mark.parametrize("name", METHODS)
def test_any_class_list_adapts(name: str, classes: str, mixing: Backbone) -> None:
    method = method_of(name, mixing, mixing.prototypes(LISTS[classes]), SETTINGS)
    state = method.start()
    for seed in range(2):
        *_, last = method.adapt(random_images(6, seed), state, seed)
        state = pickle.loads(pickle.dumps(last.state)).to("cpu")
    assert last.cosines.isfinite().all()
    assert state.skipped.item() == 0
    assert not torch.equal(state.values, mixing.source_parameters)


@pytest.mark.parametrize("name", ["clipartt", "watt-p", "watt-s", "s-fret"])
def test_one_image_alone_has_nothing_to_be_compared_with(name: str, mixing: Backbone) -> None:
    method = method_of(name, mixing, mixing.prototypes(LISTS["two"]), SETTINGS)
    *_, last = method.adapt(random_images(1), method.start(), 0)
    assert torch.equal(last.state.values, mixing.source_parameters)


@pytest.mark.parametrize("name", METHODS)
def test_between_batches_no_more_is_kept_than_is_said(name: str, mixing: Backbone) -> None:
    own = {"supports": 2} if name == "g-fret" else {}
    method = method_of(name, mixing, mixing.prototypes(LISTS["two"]), SETTINGS, **own)
    *_, last = method.adapt(random_images(12), method.start(), 0)
    held = [last.state.values, last.state.first_moment, last.state.second_moment]
    held += [part for kept in last.state.kept.values() for part in vars(kept).values()]
    images, others = type(method).keeps(method.task.outline, mixing)
    assert images == 0
    assert 0 < sum(part.nbytes for part in held) <= others


@pytest.mark.parametrize(("release", "stays"), [("authors", False), ("cliptta", True)])
@pytest.mark.parametrize("name", ["clipartt", "watt-s"])
def test_the_authors_forget_each_batch(name: str, release: str, stays: bool, mixing: Backbone) -> None:
    method = method_of(name, mixing, mixing.prototypes(LISTS["many"][:8]), SETTINGS, release=release)
    *_, first = method.adapt(random_images(6), method.start(), 0)
    *_, after = method.adapt(random_images(6, seed=1), first.state, 1)
    *_, alone = method.adapt(random_images(6, seed=1), method.start(), 1)
    assert torch.equal(after.cosines, alone.cosines) is not stays
    assert after.state.updates.item() == method.steps(method.task.outline) * (1 + stays)


def test_supports_are_the_surest_of_each_class() -> None:
    none = torch.zeros(0)
    supports = Supports(none.view(0, 2), none.long(), none)
    features = torch.tensor([[2.0, 0], [0, 1], [3, 0], [4, 0], [0, 5]])
    entropies = torch.tensor([0.3, 0.9, 0.1, 0.2, float("nan")])
    supports = supports.add(features, torch.tensor([0, 1, 0, 0, 1]), entropies, 2)
    assert supports.labels.tolist() == [0, 0, 1]
    assert supports.features[:, 0].tolist() == [3, 4, 0]  # an entropy that is no number is left out
    assert supports.centres(3).tolist() == [[2, 0], [0, 1], [0, 0]]
    assert supports.add(features[1:2] * 7, torch.tensor([1]), torch.tensor([0.9]), 1).features.tolist()[-1] == [0, 1]


def test_no_image_that_the_centres_agree_with_gives_no_prediction_loss() -> None:
    features = torch.eye(2, requires_grad=True)
    logits = 100 * features
    loss = prediction_loss(features, logits, torch.eye(2).flip(0), logits.detach())
    assert loss.item() == 0
    assert not torch.autograd.grad(loss, features)[0].any()
    assert prediction_loss(features, logits, torch.eye(2), logits.detach()).item() > 0
