"""The backbones that a page offers: their names, what is said of each, and that each adapts."""

from functools import partial

import open_clip
import pytest
import torch
from checkpoints import TEXT, own_tokenizer
from torch.utils.flop_counter import FlopCounterMode

from cliptta_demo.backend.data.sources import GivenImages
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models import loading as backbones
from cliptta_demo.backend.models.loading import load_backbone
from cliptta_demo.backend.models.offered import BACKBONES, TINY, check_visitor_backbone, licence_of
from cliptta_demo.backend.run.arithmetic import Towers
from cliptta_demo.backend.run.experiment import Experiment
from cliptta_demo.backend.settings import AdaptationSettings, RunSettings, StreamSettings

LISTED = [name for name in BACKBONES if name != TINY]


def test_a_visitor_may_name_any_tag_of_open_clip_and_nothing_else() -> None:
    for name in (*BACKBONES, "ViT-B-32/laion2b_s34b_b79k", "hf-hub:somebody/some-clip_2.0"):
        assert check_visitor_backbone(name) == name
    paths = ("ViT-B-16//etc/passwd", "ViT-B-16/../../etc/passwd", "ViT-B-16/no_such_tag", "local-dir:/etc")
    others = ("random:ViT-L-14", "hf-hub:../..", "hf-hub:a/../b", "hf-hub:a", "hf-hub:a/b/c", "hf-hub:a/b\n", "", None)
    for name in (*paths, *others, ["tiny"]):
        with pytest.raises(UserError, match="it must be one of: tiny, ViT-B-16/openai"):
            check_visitor_backbone(name)


@pytest.mark.parametrize("name", LISTED)
def test_the_list_says_what_the_architecture_says(name: str) -> None:
    entry, (architecture, _, tag) = BACKBONES[name], name.partition("/")
    assert tag in open_clip.list_pretrained_tags_by_model(architecture)
    with torch.device("meta"):
        model = open_clip.create_model(architecture, device="meta").eval().requires_grad_(False)
    assert sum(parameter.numel() for parameter in model.parameters()) == entry.parameters
    side = model.visual.image_size
    assert (side if isinstance(side, int) else side[0]) == entry.image_size
    with FlopCounterMode(display=False) as counter:
        model.visual(torch.empty(1, 3, entry.image_size, entry.image_size, device="meta"))
    assert counter.get_total_flops() / 1e9 == pytest.approx(entry.gigaflops, abs=0.06)
    with FlopCounterMode(display=False) as counter:
        model.encode_text(torch.zeros(1, getattr(model, "context_length", 77), dtype=torch.int64, device="meta"))
    assert counter.get_total_flops() / 1e9 == pytest.approx(entry.prompt_gigaflops, abs=0.06)
    research = architecture.startswith("MobileCLIP")
    assert entry.licence == licence_of(name) == ("Apple, research only" if research else "Apache 2.0")


def test_the_list_knows_the_built_in_ones_image_size_and_arithmetic() -> None:
    """Uploads are decoded to it before the backbone is loaded: at another size each file would be decoded twice."""
    entry, backbone = BACKBONES[TINY], load_backbone(TINY, "cpu")
    assert entry.image_size == backbone.info.image_size
    counted = Towers.of(backbone)
    assert (counted.image, counted.prompt) == pytest.approx((entry.gigaflops, entry.prompt_gigaflops), rel=0.06)


@pytest.fixture
def quick_to_build(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing 300 million random numbers takes longer than adapting: the same thousand over and over do as well."""
    pattern = 0.03 * torch.randn(1009, generator=torch.Generator().manual_seed(0))

    def fill(tensor: torch.Tensor, *_, **__) -> torch.Tensor:
        repeated = pattern.repeat(tensor.numel() // len(pattern) + 1)[: tensor.numel()]
        return tensor.detach().copy_(repeated.view(tensor.shape))

    for name in ("normal_", "kaiming_uniform_", "kaiming_normal_", "xavier_uniform_", "trunc_normal_", "uniform_"):
        monkeypatch.setattr(torch.nn.init, name, fill)


@pytest.mark.usefixtures("quick_to_build")
@pytest.mark.parametrize("name", LISTED)
def test_every_listed_architecture_adapts(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With random weights, a small input and a small text tower; the image tower is the real one."""
    architecture = name.partition("/")[0]
    side = 28 if "14" in architecture else 64
    text = {**TEXT, "vocab_size": 512 if "SigLIP" in name else 49408, "context_length": 77}
    small = partial(open_clip.create_model, force_image_size=side, text_cfg=text)
    monkeypatch.setattr(open_clip, "create_model", small)
    monkeypatch.setattr(backbones, "_cache", type(backbones._cache)())
    config = {**open_clip.get_model_config(architecture), "text_cfg": {**text, **own_tokenizer(architecture)}}
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, architecture, config)
    backbone = load_backbone(f"random:{architecture}", "cpu")
    assert backbone.info.image_size == side
    kinds = {"RN50": 55, "MobileCLIP2-S0": 114}
    assert len(backbone.layout.batch_norms) == kinds.get(architecture, 0)
    assert backbone.logit_bias == (-10 if "SigLIP" in name else 0)
    before = {key: value.clone() for key, value in backbone.tower.named_buffers()}
    pixels = torch.randint(0, 256, (4, 3, side, side), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    settings = RunSettings(
        methods=("cliptta-oce",),
        stream=StreamSettings(batch_size=2, batches=1),
        adaptation=AdaptationSettings(steps=1, learning_rate=1e-3),
    )
    *_, (state, snapshot) = Experiment(settings, backbone, GivenImages(pixels, ("cat", "dog"))).run()
    assert snapshot.methods["cliptta-oce"].skipped_steps == 0
    moved = (state.adaptations["cliptta-oce"].values[:-1] - backbone.source_parameters).abs()  # the last is α
    assert moved.max() <= 1.001e-3  # one step of Adam
    assert (moved > 0).float().mean() > 0.5
    assert all(torch.equal(value, before[key]) for key, value in backbone.tower.named_buffers())
