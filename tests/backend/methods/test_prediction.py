"""Which prediction of a batch counts: the one after its steps, or where its authors' release does it, one before."""

from typing import Any

import pytest
import torch
from golden_methods import golden, golden_backbone
from helpers import last, method_of, random_images, settings_for
from torch import Tensor
from torch.nn import functional as F

from cliptta_demo.backend.methods.adapting import AdaptingMethod
from cliptta_demo.backend.methods.base import Method
from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.run.arithmetic import Towers, cost_of
from cliptta_demo.backend.run.arrivals import times_zero_shot
from cliptta_demo.backend.settings import AdaptationSettings

ADAPTING = [name for name, kind in METHODS.items() if issubclass(kind, AdaptingMethod)]
BEFORE = [name for name in ADAPTING if METHODS[name].predicts_before]
FIRST, SECOND = random_images(6, seed=1), random_images(6, seed=2)


def made(name: str, prediction: str, backbone: Backbone | None = None, **own: Any) -> Method:
    backbone = backbone or golden_backbone()
    settings = AdaptationSettings(learning_rate=1e-3, steps=1, prediction=prediction)
    names = tuple(golden()["text/class_names"])
    about = {"class_names": names, "templates": ("a photo of a {}.",)}
    return method_of(name, backbone, backbone.prototypes(names, about["templates"]), settings, about=about, **own)


@pytest.mark.parametrize("name", BEFORE)
def test_before_its_last_update_is_what_the_last_step_shows(name: str) -> None:
    """Nothing else differs: the next batch starts from the same state. ``returned`` of the golden file is this one."""
    authors, after = made(name, "authors"), made(name, "after")
    begun, usual = last(authors, FIRST), last(after, FIRST)
    assert not torch.equal(begun.cosines, usual.cosines)
    *_, shown, end = authors.adapt(SECOND, begun.state, 1)
    assert torch.equal(shown.cosines, end.cosines)
    assert end.step == authors.steps(authors.task.outline)
    assert torch.equal(last(after, SECOND, usual.state, 1).state.values, end.state.values)


@pytest.mark.parametrize("name", [name for name in ADAPTING if name not in BEFORE])
def test_whose_authors_predict_after_the_steps_does_so_whatever_is_asked(name: str) -> None:
    asked, usual = (last(made(name, prediction), FIRST) for prediction in ("authors", "after"))
    assert torch.equal(asked.cosines, usual.cosines)


def test_every_method_whose_release_returns_it_is_among_them_and_clipttas_comparison_is_not() -> None:
    told = {key.split("/")[0].removesuffix("_orig").replace("_", "-") for key in golden() if key.endswith("/returned")}
    assert {name for name in told if name in METHODS} <= {*BEFORE}
    for name in ("eta", "unient"):
        asked, usual = (last(made(name, how, release="cliptta"), FIRST) for how in ("authors", "after"))
        assert torch.equal(asked.cosines, usual.cosines)


def test_stamps_is_the_mean_over_its_views() -> None:
    method = made("stamp", "authors")
    state = last(method, FIRST).state
    before: list[Tensor] = []
    embed = method.embed
    method.embed = lambda images, parameters=None: before.append(embed(images, parameters)) or before[-1]
    end = last(method, SECOND, state, 1)
    plain, mirrored = (method.backbone.logits(F.normalize(part, dim=1) @ method.prototypes.T) for part in before[-2:])
    torch.testing.assert_close(end.probabilities, (plain.softmax(dim=1) + mirrored.softmax(dim=1)) / 2)


def test_it_costs_a_pass_less() -> None:
    usual, early = (settings_for("tent", "cliptta", prediction=how, batch_size=8) for how in ("after", "authors"))
    one, other = (cost_of(settings, Towers(1.0, 0.0), 5, 1).batch for settings in (usual, early))
    assert one - other == 8
    assert times_zero_shot("tent", usual, 5) - times_zero_shot("tent", early, 5) == 1
