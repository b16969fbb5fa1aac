"""Batch normalisation by the batch's own statistics, beside plain torch and the loops of the released code."""

import copy

import pytest
import torch
from helpers import CLASSES, labelled_source, last, method_of, random_images, small_backbone
from torch import Tensor, nn
from torch.nn import functional as F

from cliptta_demo.backend.methods.base import Method
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.models.weights import read_parameters
from cliptta_demo.backend.run.adapted_weights import saved_files
from cliptta_demo.backend.run.experiment import Experiment
from cliptta_demo.backend.settings import AdaptationSettings, RunSettings, StreamSettings

SETTINGS = AdaptationSettings(learning_rate=1e-2, steps=2)
FIRST, SECOND = random_images(7, seed=1), random_images(5, seed=2)


def mixing(source: bool = True) -> Backbone:
    """A tower of two batch normalisations that knows a source; ``source``: it keeps its statistics, as the built-in."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        tower = nn.Sequential(
            nn.Conv2d(3, 16, 3, 2), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 24, 3, 2), nn.BatchNorm2d(24),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(24, 32),
        )  # fmt: skip
    backbone = small_backbone(tower)
    with torch.no_grad():
        for norm in norms(tower.train()):
            norm.momentum = 0.5
        tower(backbone.normalise(random_images(20, seed=9)))
    tower.eval()
    backbone.batch_statistics = not source
    return backbone


def norms(tower: nn.Module) -> list[nn.BatchNorm2d]:
    return [module for module in tower.modules() if isinstance(module, nn.BatchNorm2d)]


def made(name: str, backbone: Backbone, at_once: int | None = None, **own: int) -> Method:
    return method_of(name, backbone, backbone.prototypes(CLASSES), SETTINGS, at_once, **own)


def cosines(tower: nn.Module, backbone: Backbone, images: Tensor) -> Tensor:
    return F.normalize(tower(backbone.normalise(images)), dim=-1) @ backbone.prototypes(CLASSES).T


class BayesianBatchNorm(nn.Module):
    """The forward pass of the class of this name in bethgelab/robustness, ``prior`` = N/(N + n)."""

    def __init__(self, layer: nn.BatchNorm2d, prior: float) -> None:
        super().__init__()
        self.layer, self.prior = layer.eval(), prior
        self.norm = nn.BatchNorm2d(layer.num_features, affine=False, momentum=1.0)

    def forward(self, maps: Tensor) -> Tensor:
        self.norm(maps)
        layer, norm, prior = self.layer, self.norm, self.prior
        mean = prior * layer.running_mean + (1 - prior) * norm.running_mean
        variance = prior * layer.running_var + (1 - prior) * norm.running_var
        return F.batch_norm(maps, mean, variance, layer.weight, layer.bias, False, 0.0, layer.eps)


def test_without_the_source_it_is_the_tower_in_training_mode() -> None:
    backbone = mixing()
    with torch.no_grad():
        expected = cosines(copy.deepcopy(backbone.tower).train(), backbone, FIRST)
    found = last(made("batch-statistics", backbone, source_images=0), FIRST).cosines
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    assert (found - last(made("zero-shot", backbone), FIRST).cosines).abs().max() > 1e-2


@pytest.mark.parametrize("count", [1, 7])
def test_mixed_with_the_source_it_is_the_authors_release(count: int) -> None:
    backbone = mixing()
    released = copy.deepcopy(backbone.tower)
    for place in (1, 4):
        released[place] = BayesianBatchNorm(released[place], 16 / (16 + count))
    with torch.no_grad():
        expected = cosines(released, backbone, FIRST[:count])
    found = last(made("batch-statistics", backbone, source_images=16), FIRST[:count]).cosines
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_much_of_the_source_is_zero_shot_and_one_value_has_no_variance() -> None:
    backbone = mixing()
    near = last(made("batch-statistics", backbone, source_images=4096), FIRST).cosines
    torch.testing.assert_close(near, last(made("zero-shot", backbone), FIRST).cosines, atol=1e-2, rtol=0)
    point = small_backbone(nn.Sequential(nn.Conv2d(3, 16, 32), nn.BatchNorm2d(16), nn.Flatten(), nn.Linear(16, 32)))
    for source_images in (0, 16):
        assert last(made("batch-statistics", point, source_images=source_images), FIRST[:1]).cosines.isfinite().all()


def test_tent_is_the_authors_loop() -> None:
    """``configure_model`` and ``forward_and_adapt`` of DequanWang/tent, with this project's Adam and its last pass."""
    backbone = mixing()
    tower = copy.deepcopy(backbone.tower).train().requires_grad_(False)
    for norm in norms(tower):
        norm.requires_grad_(True)
        norm.track_running_stats, norm.running_mean, norm.running_var = False, None, None
    parameters = [parameter for norm in norms(tower) for parameter in norm.parameters()]
    adam = torch.optim.Adam(parameters, lr=SETTINGS.learning_rate, betas=(0.9, 0.999), eps=1e-6)
    method = made("tent-batch", backbone)
    state = method.start()
    for images in (FIRST, SECOND):
        *steps, end = method.adapt(images, state, 0)
        state = end.state
        for step in steps:
            outputs = backbone.logits(cosines(tower, backbone, images))
            torch.testing.assert_close(backbone.logits(step.cosines), outputs, atol=1e-3, rtol=0)
            (-(outputs.softmax(1) * outputs.log_softmax(1)).sum(1)).mean(0).backward()
            adam.step()
            adam.zero_grad()
        with torch.no_grad():
            torch.testing.assert_close(end.cosines, cosines(tower, backbone, images), atol=1e-5, rtol=0)
    torch.testing.assert_close(state.values, torch.cat([p.detach().flatten() for p in parameters]), atol=1e-5, rtol=0)
    assert not torch.allclose(state.values, last(made("tent", backbone), FIRST).state.values, atol=1e-3)


@pytest.mark.parametrize(("name", "other"), [("batch-statistics", "zero-shot"), ("tent-batch", "tent")])
def test_without_batch_normalisation_it_is_another_method_and_says_so(name: str, other: str) -> None:
    backbone = small_backbone()
    assert torch.equal(last(made(name, backbone), FIRST).cosines, last(made(other, backbone), FIRST).cosines)
    told = notes(backbone, name)
    assert len(told) == 1
    assert "has no batch normalisation" in told[0]
    assert not notes(mixing(), name)
    # Where all methods use the batch's statistics, TENT's is TENT too.
    without = mixing(source=False)
    assert len(notes(without, name)) == (name == "tent-batch")
    if name == "tent-batch":
        assert torch.equal(last(made(name, without), FIRST).cosines, last(made(other, without), FIRST).cosines)


def test_saved_weights_say_which_statistics_they_predict_with() -> None:
    backbone = mixing()
    settings = RunSettings(methods=("tent", "tent-batch"), stream=StreamSettings(batch_size=8, batches=1))
    experiment = Experiment(settings, backbone, labelled_source(8))
    *_, (state, _) = experiment.run()
    files = saved_files(backbone, settings, state)
    assert b"statistics: batch" in files["README.txt"].replace("“".encode(), b"")
    assert [b'"statistics":"batch"' in files[f"{name}.safetensors"] for name in settings.methods] == [False, True]
    loaded = backbone.adapted(*read_parameters(files["tent-batch.safetensors"], backbone), "adapted:file")
    method, theta = experiment.methods["tent-batch"], state.adaptations["tent-batch"].values
    again = last(made("batch-statistics", loaded, source_images=0), FIRST).cosines
    expected = method.backbone.embed(FIRST, theta) @ backbone.prototypes(CLASSES).T
    torch.testing.assert_close(again, expected, atol=1e-5, rtol=0)


def notes(backbone: Backbone, name: str) -> list[str]:
    """What a run's first two batches say of it."""
    settings = RunSettings(methods=(name,), stream=StreamSettings(batch_size=4, batches=2), adaptation=SETTINGS)
    return [note for _, snapshot in Experiment(settings, backbone, labelled_source(8)).run() for note in snapshot.notes]
