"""The text tower: prompts whose first words are learnt, and prototypes of each template."""

from unittest.mock import Mock

import pytest
import torch
from golden_methods import golden_backbone, tokenize
from helpers import CLASSES, small_backbone

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.methods.adaptation import Task
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.models.loading import TINY, load_backbone
from cliptta_demo.backend.models.text_tower import TextTower
from cliptta_demo.backend.settings import AdaptationSettings

PROMPTS = ["a photo of a cat.", "a photo of a fire truck."]


@pytest.fixture(scope="module")
def tiny() -> Backbone:
    return load_backbone(TINY, "cpu", precision="float32")


def test_the_words_own_vectors_change_nothing_and_gradients_reach_others(tiny: Backbone) -> None:
    plain = tiny.encode(PROMPTS)
    context = tiny.encode_text.words("a photo of a", 4)
    torch.testing.assert_close(tiny.encode(PROMPTS, context), plain, atol=1e-5, rtol=0)
    assert not plain.requires_grad
    learnt = context.clone().requires_grad_(True)
    (slope,) = torch.autograd.grad(tiny.encode(PROMPTS, learnt)[:, 0].sum(), learnt)
    assert slope.isfinite().all()
    assert (slope.abs().amax(dim=1) > 0).all()  # each of the four words counts
    assert (tiny.encode(PROMPTS, context + slope)[:, 0] > plain[:, 0]).all()
    assert torch.equal(tiny.encode(PROMPTS), plain)  # the shared tower is as before


def test_without_a_begin_token_the_first_words_are_learnt() -> None:
    model = golden_backbone().encode_text.model
    tower = TextTower(model, lambda prompts: tokenize(prompts).roll(-1, dims=1), "cpu")  # as SigLIP's tokens begin
    prompts = ["a photo of a ant.", "a photo of a bee."]
    context = tower.words("a photo of a", 4)
    torch.testing.assert_close(tower(prompts, context), tower(prompts), atol=1e-5, rtol=0)
    torch.testing.assert_close(context, golden_backbone().context("a photo of a", 4))
    assert not torch.allclose(tower(prompts, context.flip(0)), tower(prompts), atol=1e-2)


def test_learnt_words_that_leave_no_room_are_refused_in_a_sentence() -> None:
    tower = golden_backbone().encode_text
    assert tower.words("a photo of a", 13).shape == (13, 32)
    with pytest.raises(UserError, match=r"14 learnt words do not fit .* reads 16 tokens\. Choose another backbone"):
        tower.words("a photo of a", 14)


def test_prototypes_of_each_template_are_made_when_asked_for_and_rest_in_between() -> None:
    backbone, templates = small_backbone(), ("{}", "a {}", "some {}")
    task = Task(
        backbone=backbone,
        prototypes=backbone.prototypes(CLASSES, templates),
        settings=AdaptationSettings(),
        class_names=CLASSES,
        templates=templates,
        prompts_at_once=4,
        rest=Mock(),
    )
    each = task.template_prototypes()
    assert torch.equal(task.template_prototypes(), each)
    assert task.rest.call_count == 4  # 15 prompts
    assert each.shape == (3, len(CLASSES), backbone.dimension)
    torch.testing.assert_close(each.norm(dim=-1), torch.ones(3, len(CLASSES)))
    torch.testing.assert_close(torch.nn.functional.normalize(each.mean(dim=0), dim=-1), task.prototypes)
    assert torch.equal(task.backbone.encode(["some cat"])[0], each[2, CLASSES.index("cat")])
