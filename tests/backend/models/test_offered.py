"""The backbones that a page offers: their names, and what is said of each. That their kinds adapt: test_backbones."""

import open_clip
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.loading import load_backbone
from cliptta_demo.backend.models.offered import BACKBONES, TINY, check_visitor_backbone, licence_of
from cliptta_demo.backend.run.arithmetic import Towers

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
