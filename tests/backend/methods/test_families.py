"""Captions, redundancy, training-free methods and those that take one image at a time: what is each family's alone."""

import pickle
from dataclasses import replace
from itertools import product
from typing import Any
from unittest.mock import Mock

import pytest
import torch
from golden_methods import golden_backbone
from helpers import CLASSES, EMBEDDING, labelled_source, last, method_of, random_images, small_backbone
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.methods.base import Method
from cliptta_demo.backend.methods.deyo import covered, shuffled
from cliptta_demo.backend.methods.fret import prediction_loss
from cliptta_demo.backend.methods.per_image import REPORTS, PerImage
from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.backend.methods.single import reward_loss
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.run.arithmetic import THERE_AND_BACK, Towers
from cliptta_demo.backend.run.experiment import Experiment
from cliptta_demo.backend.settings import AdaptationSettings, RunSettings, StreamSettings

SETTINGS = AdaptationSettings(learning_rate=1e-2, steps=2)
WORDS = ("ant", "bee", "cat")  # of the golden vocabulary


def make(name: str, backbone: Backbone, classes: int = len(CLASSES), **own: Any) -> Method:
    return method_of(name, backbone, backbone.prototypes(CLASSES[:classes]), SETTINGS, **own)


def test_one_image_alone_has_nothing_to_be_compared_with(backbone: Backbone) -> None:
    tower = nn.Sequential(
        nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 32)
    )
    normed = small_backbone(tower)
    for name in ("clipartt", "watt-p", "watt-s", "s-fret"):
        state = last(make(name, normed, 2), random_images(1)).state
        assert torch.equal(state.values, normed.source_parameters)


def test_the_authors_forget_each_batch(backbone: Backbone) -> None:
    for name, (release, stays) in product(("clipartt", "watt-s"), {"authors": False, "cliptta": True}.items()):
        method = make(name, backbone, release=release)
        after = last(method, random_images(6, seed=1), last(method, random_images(6)).state, 1)
        alone = last(method, random_images(6, seed=1), seed=1)
        assert torch.equal(after.cosines, alone.cosines) is not stays
        assert after.state.updates.item() == method.steps(method.task.outline) * (1 + stays)


def test_no_image_that_the_centres_agree_with_gives_no_prediction_loss() -> None:
    features = torch.eye(2, requires_grad=True)
    logits = 100 * features
    loss = prediction_loss(features, logits, torch.eye(2).flip(0), logits.detach())
    assert loss.item() == 0
    assert not torch.autograd.grad(loss, features)[0].any()
    assert prediction_loss(features, logits, torch.eye(2), logits.detach()).item() > 0


def test_tda_takes_images_in_their_order_across_batches(backbone: Backbone) -> None:
    images, method = random_images(12), make("tda", backbone)
    whole = last(method, images)
    first = last(method, images[:5])
    kept = pickle.loads(pickle.dumps(first.state.to("cpu")))
    second = last(method, images[5:], kept)
    torch.testing.assert_close(torch.cat([first.logits, second.logits]), whole.logits, atol=1e-4, rtol=0)
    backwards = last(method, images.flip(0)).logits.flip(0)
    assert not torch.allclose(backwards, whole.logits, atol=1e-2)


def test_zero_counts_the_votes_of_the_surest_views_and_breaks_ties(backbone: Backbone) -> None:
    method = make("zero", backbone, views=6, share=0.7)  # four of six vote
    ranked = torch.tensor([[1, 1, 1, 2, 2, 2], [1, 1, 2, 2, 3, 2], [1, 1, 2, 2, 3, 3], [3, 2, 1, 0, 1, 2]])
    assert method._votes(ranked).tolist() == [
        [0, 3, 1, 0, 0],
        [0, 2, 3, 0, 0],  # the view of class 3 is asked before, but 3 is not among the tied
        [0, 3, 2, 0, 0],  # no other view knows better: the surest voter
        [1, 2, 1, 1, 0],
    ]


def test_lames_other_affinities_stay_finite(backbone: Backbone) -> None:
    for affinity, count in product(("rbf", "linear"), (1, 8)):
        alike = random_images(1).expand(count, -1, -1, -1)
        assert last(make("lame", backbone, affinity=affinity), alike).probabilities.isfinite().all()


def test_stata_keeps_the_caption_of_a_class_that_no_image_speaks_for(backbone: Backbone) -> None:
    for counted in ("hard", "soft"):
        method = make("stata", backbone, counted=counted)
        features, fine = torch.eye(EMBEDDING)[:6].double(), torch.ones(6, 1).double()
        prior = torch.tensor([[0.6, 0.4, 0, 0, 0]]).double().expand(6, -1)  # as a float32 softmax underflows
        agreed = method._agree(features, prior, fine)
        assert agreed.isfinite().all()
        assert not agreed[:, 2:].any()
        means, variances = method._fitted(features, features**2, prior, torch.full((EMBEDDING,), 0.1).double())
        assert torch.allclose(means[2:], method.prototypes[2:].double())
        assert torch.allclose(variances[2:], torch.tensor(0.1).double())


def test_a_backbone_without_places_is_refused_before_the_run() -> None:
    tower = nn.Sequential(nn.Conv2d(3, 8, 8, stride=8), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(128, 32))
    settings = RunSettings(methods=("calip",), stream=StreamSettings(batch_size=4, batches=1))
    with pytest.raises(UserError, match="image tower of small"):
        Experiment(settings, small_backbone(tower), labelled_source()).start()


def test_a_batch_is_seen_to_grow_image_by_image(backbone: Backbone) -> None:
    for name in (name for name, kind in METHODS.items() if issubclass(kind, PerImage)):
        method = make(name, backbone)
        method.rest = Mock()
        first, *middle, end = method.adapt(random_images(2 * REPORTS), None, 0)
        assert [moment.step for moment in (first, *middle, end)] == list(range(REPORTS + 1))
        for moment in middle:
            done = 2 * moment.step
            assert torch.equal(moment.cosines[:done], end.cosines[:done])
            assert torch.equal(moment.cosines[done:], first.cosines[done:])
            assert moment.state is None
        assert (end.cosines != first.cosines).any(dim=1).all()
        assert method.rest.call_count >= 2 * REPORTS * (1 + method.task.own.steps)  # before each step, and the end


def test_the_text_tower_does_no_more_than_is_said() -> None:
    backbone = golden_backbone()
    for name in ("tpt", "rlcf-prompt"):
        method = method_of(name, backbone, backbone.prototypes(WORDS, ["a photo of a {}."]), SETTINGS)
        method.task = replace(method.task, class_names=WORDS)
        towers, cost = Towers.of(backbone), method.cost(method.task.outline, 2)
        backbone.images_that_fit()
        with FlopCounterMode(display=False) as counter:
            list(method.adapt(random_images(2), None, 0))
        said = towers.image * cost.forward + towers.prompt * (cost.prompts + THERE_AND_BACK * cost.trained_prompts)
        assert cost.trained == 0
        assert 0.6 * said < counter.get_total_flops() / 1e9 <= 1.05 * said


def test_alone_an_image_keeps_the_sources_statistics() -> None:
    tower = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(7200, EMBEDDING))
    backbone = small_backbone(tower)
    images = random_images(3)
    source = backbone.embed(images)
    torch.testing.assert_close(backbone.embed(images, backbone.source_parameters, alone=True), source)
    assert not torch.allclose(backbone.embed(images, backbone.source_parameters), source)


def test_a_reward_makes_the_better_guess_likelier() -> None:
    logits = torch.tensor([[2.0, 1.0, -5.0]], requires_grad=True)
    (slope,) = torch.autograd.grad(reward_loss(logits, torch.tensor([[0.1, 0.3, 0.9]]), 2), logits)
    assert slope[0, 1] < 0 < slope[0, 0]  # downhill is up for the class that the reward model prefers of the two
    for nothing in (torch.tensor([[-0.1, -0.3, 0.9]]), torch.tensor([[0.2, 0.2, 0.9]])):  # cut at 0; all alike
        assert reward_loss(logits, nothing, 2).item() == 0
    assert reward_loss(logits[:, :1], torch.tensor([[0.5]]), 3).item() == 0  # one class
    own = METHODS["tpt"].own()  # what the steps learn from is rounded down to one view at least
    assert [replace(own, views=views).chosen for views in (2, 9, 32, 64)] == [1, 1, 3, 6]


def test_deyo_breaks_the_shape_and_keeps_every_pixel_and_learns_from_nothing_else(backbone: Backbone) -> None:
    images = torch.rand(2, 3, 12, 12)
    orders = torch.stack([torch.arange(16), torch.arange(16).flip(0)])
    broken = shuffled(images, orders)
    assert torch.equal(broken[0], images[0])
    assert torch.equal(broken[1, :, :3, 3:6], images[1, :, 9:, 6:9])
    assert torch.equal(broken.flatten(2).sort().values, images.flatten(2).sort().values)
    odd = shuffled(images[..., :10, :10], orders)  # goes down to 8 and back
    assert odd.shape == (2, 3, 10, 10)
    torch.testing.assert_close(odd.mean(dim=(2, 3)), images[..., :10, :10].mean(dim=(2, 3)), atol=0.05, rtol=0)
    hidden = covered(images)
    assert torch.equal(hidden[..., 3:9, 3:9], images.mean(dim=(2, 3), keepdim=True).expand(2, 3, 6, 6))
    assert torch.equal(hidden[..., :3, :], images[..., :3, :])
    state = last(make("deyo", backbone, threshold=1.0), random_images(6)).state  # nothing falls that far
    assert (int(state.updates), int(state.skipped)) == (0, 0)
    assert torch.equal(state.values, backbone.source_parameters)
