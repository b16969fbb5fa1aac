"""Towers: what an image tower says of single places, kind by kind, and prompts whose first words are learnt."""

from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import open_clip.modified_resnet
import pytest
import timm
import torch
from golden_methods import golden_backbone, tokenize
from helpers import CLASSES, random_images, small_backbone
from open_clip.model import CLIPVisionCfg, _build_vision_tower
from open_clip.timm_model import TimmModel
from torch import Tensor, nn
from torch.nn import functional as F

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.methods.adaptation import Task
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.models.loading import TINY, load_backbone
from cliptta_demo.backend.models.text_tower import TextTower
from cliptta_demo.backend.settings import AdaptationSettings


def images_for(backbone: Backbone, count: int = 3) -> Tensor:
    return random_images(count, size=backbone.info.image_size)


def check(backbone: Backbone, count: int) -> Tensor:
    """The embeddings are those of an ordinary pass to the bit; there are ``count`` places, of unit length."""
    images = images_for(backbone)
    with torch.no_grad():
        features, places = backbone.embed_with_places(images)
        assert torch.equal(features, backbone.embed(images))
    assert places.shape == (3, count, features.shape[1])
    torch.testing.assert_close(places.norm(dim=2), torch.ones(3, count))
    assert not any(module._forward_hooks for module in backbone.tower.modules())
    return places


@pytest.mark.parametrize("pooled_first", [False, True])
def test_patches_are_normalised_and_projected_as_the_class_token(pooled_first: bool) -> None:
    backbone = small_backbone()
    tower = backbone.tower
    tower.final_ln_after_pool = pooled_first
    places = check(backbone, 16)
    tower.final_ln_after_pool, tower.output_tokens = False, True  # the tower's own way to give its tokens
    with torch.no_grad():
        tokens = tower(backbone.normalise(images_for(backbone)))[1] @ tower.proj
    torch.testing.assert_close(places, F.normalize(tokens, dim=-1), atol=1e-5, rtol=0)


def test_a_resnets_attention_pool_answers_each_point(
    checkpoints: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    backbone = load_backbone(f"test-resnet/{checkpoints['test-resnet']}", "cpu", precision="float32")
    places = check(backbone, 4)
    answers, attend = [], F.multi_head_attention_forward

    def listening(*arguments: object, **options: object) -> tuple[Tensor, None]:
        answers.append(attend(*arguments, **options))
        return answers[-1]

    monkeypatch.setattr(open_clip.modified_resnet.F, "multi_head_attention_forward", listening)
    with torch.no_grad():
        backbone.embed(images_for(backbone))
    expected = F.normalize(answers[0][0][1:].transpose(0, 1), dim=-1)
    torch.testing.assert_close(places, expected, atol=1e-5, rtol=0)


def test_the_built_in_towers_embedding_is_the_mean_of_its_places() -> None:
    backbone = load_backbone(TINY, "cpu", precision="float32")
    check(backbone, 16)
    with torch.no_grad():
        whole, places = backbone.look()(backbone.normalise(images_for(backbone)))
    torch.testing.assert_close(places.mean(dim=1), whole, atol=1e-5, rtol=1e-4)


def timm_backbone(name: str, pool: str, projection: str | None) -> Backbone:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        backbone = small_backbone(TimmModel(name, 16, image_size=160, pool=pool, proj=projection))
    backbone.info = replace(backbone.info, image_size=160)
    return backbone


@pytest.mark.parametrize(
    ("name", "pool", "projection", "count"),
    [
        ("test_vit", "token", "linear", 100),  # as EVA and MobileCLIP-B
        ("test_vit3", "", "linear", 100),  # attention over the patches, as SigLIP
        ("test_convnext", "", "mlp", 25),  # as MobileCLIP2-S0
    ],
)
def test_timms_towers_say_of_a_place_what_they_would_if_it_were_all(
    name: str, pool: str, projection: str | None, count: int
) -> None:
    check(timm_backbone(name, pool, projection), count)


def test_a_map_may_have_its_channels_last() -> None:
    small = {"img_size": 32, "window_size": 4, "embed_dim": 16, "depths": (1, 1), "num_heads": (1, 2)}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        tower = TimmModel("test_convnext", 16, pool="", proj="linear")
        tower.trunk = timm.create_model("swin_tiny_patch4_window7_224", num_classes=16, **small)
        tower.head = nn.Identity()
    check(small_backbone(tower), 16)


def test_a_tower_that_shows_no_places_is_named_in_a_sentence() -> None:
    captioner = CLIPVisionCfg(
        layers=1, width=32, head_width=16, patch_size=8, image_size=32, attentional_pool=True, attn_pooler_heads=2
    )
    for backbone in (
        small_backbone(
            nn.Sequential(nn.Conv2d(3, 8, 8, stride=8), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(128, 16))
        ),
        small_backbone(_build_vision_tower(32, captioner)),
        timm_backbone("test_vit", "avg", "linear"),  # a mean over all but the first token
    ):
        with pytest.raises(UserError, match="The image tower of small shows nothing of the single places"):
            backbone.look()


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
