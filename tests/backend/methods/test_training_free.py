"""TDA, ZERO, LAME and CALIP in odd cases: what they promise to whoever runs them."""

from __future__ import annotations

import pickle
from dataclasses import replace
from unittest.mock import Mock

import pytest
import torch
from helpers import CLASSES, labelled_source, method_of, random_images, small_backbone
from torch import Tensor, nn

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.methods import lame
from cliptta_demo.backend.methods.adaptation import AdaptationState, Progress
from cliptta_demo.backend.methods.base import Method
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.models.pieces import NO_REST
from cliptta_demo.backend.run.experiment import Experiment
from cliptta_demo.backend.run.reading import read
from cliptta_demo.backend.run.size import nbytes
from cliptta_demo.backend.settings import AdaptationSettings, RunSettings, StreamSettings

NAMES = ("tda", "zero", "lame", "calip")


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return small_backbone()


def make(name: str, backbone: Backbone, **own: object) -> Method:
    method = method_of(name, backbone, backbone.prototypes(CLASSES), AdaptationSettings())
    method.task = replace(method.task, own=replace(method.task.own, **own))
    return method


def last(method: Method, images: Tensor, state: AdaptationState | None = None, seed: int = 0) -> Progress:
    *_, progress = method.adapt(images, state if state is not None else method.start(), seed)
    return progress


def outcome(progress: Progress) -> Tensor:
    return progress.logits if progress.probabilities is None else progress.probabilities


@pytest.mark.parametrize("affinity", ["rbf", "linear"])
@pytest.mark.parametrize("count", [1, 8])
def test_lames_other_affinities_stay_finite(affinity: str, count: int, backbone: Backbone) -> None:
    alike = random_images(1).expand(count, -1, -1, -1)
    assert outcome(last(make("lame", backbone, affinity=affinity), alike)).isfinite().all()


@pytest.mark.parametrize("name", NAMES)
def test_an_image_without_finite_numbers_spoils_no_other(name: str, backbone: Backbone) -> None:
    images = random_images(6).float() / 255
    images[2] = torch.nan
    method = make(name, backbone)
    progress = last(method, images)
    reading = read(progress, backbone)
    assert reading.unread == 1
    assert outcome(progress)[[0, 1, 3, 4, 5]].isfinite().all()
    assert outcome(last(method, random_images(6), progress.state)).isfinite().all()


@pytest.mark.parametrize("name", NAMES)
def test_it_rests_between_images_or_pieces(name: str, backbone: Backbone) -> None:
    method = make(name, backbone)
    method.at_once, method.rest = 2, Mock()
    last(method, random_images(5))
    assert method.rest.call_count >= (5 if name in ("tda", "zero") else 2)


@pytest.mark.parametrize("name", NAMES)
def test_floats_give_what_bytes_give(name: str, backbone: Backbone) -> None:
    images, method = random_images(4), make(name, backbone)
    given = outcome(last(method, backbone.normalise(images)))
    torch.testing.assert_close(given, outcome(last(method, images)), atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", NAMES)
def test_half_precision_works(name: str) -> None:
    backbone = small_backbone()
    backbone.autocast = torch.bfloat16
    progress = last(make(name, backbone), random_images(4))
    assert outcome(progress).dtype == torch.float32
    assert outcome(progress).isfinite().all()


def test_tda_takes_images_in_their_order_across_batches(backbone: Backbone) -> None:
    images, method = random_images(12), make("tda", backbone)
    whole = last(method, images)
    first = last(method, images[:5])
    kept = pickle.loads(pickle.dumps(first.state.to("cpu")))
    second = last(method, images[5:], kept)
    torch.testing.assert_close(torch.cat([first.logits, second.logits]), whole.logits, atol=1e-4, rtol=0)
    backwards = last(method, images.flip(0)).logits.flip(0)
    assert not torch.allclose(backwards, whole.logits, atol=1e-2)


def test_tdas_caches_hold_what_was_foretold_and_follow_its_settings(backbone: Backbone) -> None:
    method = make("tda", backbone)
    state = last(method, random_images(30)).state
    foretold = method.keeps(method.task.outline, backbone)[1]
    assert nbytes(tuple(part for cache in state.kept.values() for part in cache)) <= foretold + 2_000
    entropies = state.kept["positive"][0]
    assert (entropies.diff(dim=1)[entropies[:, 1:].isfinite()] >= 0).all()
    fewer = make("tda", backbone, shots=1, negative_shots=4)
    cut = last(fewer, random_images(1, seed=9), state).state.kept
    assert (cut["positive"][0].shape[1], cut["negative"][0].shape[1]) == (1, 4)
    assert (cut["positive"][0] <= entropies[:, :1]).all()


def test_tda_without_weights_is_zero_shot(backbone: Backbone) -> None:
    progress = last(make("tda", backbone, weight=0.0, negative_weight=0.0), random_images(8))
    assert torch.equal(progress.logits, backbone.logits(progress.cosines))


def test_zero_counts_the_votes_of_the_surest_views_and_breaks_ties(backbone: Backbone) -> None:
    method = make("zero", backbone, views=6, share=0.7)  # four of six vote
    ranked = torch.tensor([[1, 1, 1, 2, 2, 2], [1, 1, 2, 2, 3, 2], [1, 1, 2, 2, 3, 3], [3, 2, 1, 0, 1, 2]])
    assert method._votes(ranked).tolist() == [
        [0, 3, 1, 0, 0],
        [0, 2, 3, 0, 0],  # the view of class 3 is asked before, but 3 is not among the tied
        [0, 3, 2, 0, 0],  # no other view knows better: the surest voter
        [1, 2, 1, 1, 0],
    ]


def test_zero_looks_at_as_many_images_as_it_says_and_the_seed_decides_where(backbone: Backbone) -> None:
    method, seen = make("zero", backbone, views=4), []
    with backbone.tower.register_forward_hook(lambda tower, inputs, output: seen.append(len(inputs[0]))):
        progress = last(method, random_images(5), seed=3)
    assert sum(seen) == method.cost(method.task.outline, 5).forward == 20
    assert torch.equal(outcome(last(method, random_images(5), seed=3)), outcome(progress))
    zero_shot = last(method_of("zero-shot", backbone, method.prototypes, method.settings), random_images(5))
    torch.testing.assert_close(progress.cosines, zero_shot.cosines, atol=1e-5, rtol=0)


def test_lames_images_follow_those_that_pull_at_them() -> None:
    own = torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6]])
    for pull, expected in ((torch.zeros(3, 3), [0, 0, 1]), (1 - torch.eye(3), [0, 0, 0])):
        agreed = lame._agree(-own.log(), pull, NO_REST)
        assert agreed.argmax(dim=1).tolist() == expected
        torch.testing.assert_close(agreed.sum(dim=1), torch.ones(3))
        if not pull.any():
            torch.testing.assert_close(agreed, own)


def test_calip_without_weights_is_zero_shot(backbone: Backbone) -> None:
    progress = last(make("calip", backbone, seen_weight=0.0, told_weight=0.0), random_images(8))
    assert torch.equal(progress.logits, backbone.logits(progress.cosines))


def test_a_backbone_without_places_is_refused_before_the_run() -> None:
    tower = nn.Sequential(nn.Conv2d(3, 8, 8, stride=8), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(128, 32))
    settings = RunSettings(methods=("calip",), stream=StreamSettings(batch_size=4, batches=1))
    with pytest.raises(UserError, match="image tower of small"):
        Experiment(settings, small_backbone(tower), labelled_source()).start()
