"""Weights from a hub on localhost through the real loading code, and every listed architecture with random weights."""

import json
from collections.abc import Iterator
from pathlib import Path

import open_clip
import pytest
import torch
from checkpoints import SMALL, TEXT, own_tokenizer, weights
from helpers import SHAPES, labelled_source, settings_for, small_backbone
from hub_stand_in import Hub, Repository, pointed_at, serve_hub
from safetensors.torch import save

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.hub import downloads as hub
from cliptta_demo.backend.hub.listing import list_repository
from cliptta_demo.backend.models import loading as backbones
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.models.loading import load_backbone
from cliptta_demo.backend.models.offered import licence_of
from cliptta_demo.backend.models.text_tower import hub_tokenizer
from cliptta_demo.backend.models.weights import is_fetched
from cliptta_demo.backend.run.experiment import Experiment

OPENAI = "timm/vit_base_patch16_clip_224.openai"  # where open_clip's tag ViT-B-16/openai points
LAION = "laion/CLIP-ViT-L-14-laion2B-s32B-b82K"  # and ViT-L-14/laion2b_s32b_b82k


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub, and open_clip's ViT-B-16 shrunk to test size, its pretrained tags untouched."""
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, "ViT-B-16", SMALL)
    monkeypatch.setattr(backbones, "_cache", type(backbones._cache)())
    with serve_hub() as server, pointed_at(monkeypatch, server, tmp_path / "cache"):
        yield server


def publish(server: Hub, name: str, files: dict[str, bytes], **more) -> None:
    server.repositories["model", name] = Repository(files, **more)


def forward(backbone: Backbone) -> torch.Tensor:
    return backbone.embed(torch.full((1, 3, 32, 32), 90, dtype=torch.uint8))


def test_openais_tag_comes_from_the_hub_with_progress(stand_in: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(stand_in, OPENAI, {"open_clip_model.safetensors": weights(SMALL), "open_clip_pytorch_model.bin": b"old"})
    seen: list[hub.Progress] = []
    with hub.watch(seen.append):
        backbone = load_backbone("ViT-B-16/openai", "cpu", precision="float32", visitor=True)
    assert len(seen) > 1
    assert seen[-1].done == seen[-1].total == len(weights(SMALL))
    assert backbone.info.mean == pytest.approx((0.4815, 0.4578, 0.4082), abs=1e-4)  # OpenAI's, from the tag
    activations = [module for module in backbone.tower.modules() if isinstance(module, open_clip.model.QuickGELU)]
    assert activations  # the tag's weights were trained with it
    plain = open_clip.create_model("ViT-B-16", force_quick_gelu=True)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        plain.load_state_dict(open_clip.model.CLIP(**SMALL).state_dict())
    pixels = backbone.normalise(torch.full((1, 3, 32, 32), 90, dtype=torch.uint8))
    expected = torch.nn.functional.normalize(plain.eval().visual(pixels), dim=-1)
    torch.testing.assert_close(forward(backbone), expected, atol=1e-5, rtol=0)
    asked = len(stand_in.requests)
    backbones._cache.clear()
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    again = load_backbone("ViT-B-16/openai", "cpu", precision="float32")
    assert torch.equal(forward(again), forward(backbone))  # offline, from the cache
    assert len(stand_in.requests) == asked


@pytest.mark.parametrize(
    "change",
    [
        {"embed_dim": 10**9},
        {"vision_cfg": {**SMALL["vision_cfg"], "layers": 10**6}},
        {"vision_cfg": {**SMALL["vision_cfg"], "layers": "many"}},
        {"vision_cfg": {**SMALL["vision_cfg"], "width": 4096, "layers": 64}},
        {"vision_cfg": {**SMALL["vision_cfg"], "image_size": 512, "patch_size": 1}},
        {"vision_cfg": {"timm_model_name": "local-dir:/etc"}},
        {"text_cfg": {"hf_model_name": "/etc"}},
        {"text_cfg": {**TEXT, "context_length": 10**6}},
        {"text_cfg": "odd"},
    ],
)
def test_a_visitors_configuration_is_bounded(stand_in: Hub, change: dict) -> None:
    config = {"model_cfg": {**SMALL, **change}}
    files = {"open_clip_config.json": json.dumps(config).encode(), "open_clip_model.safetensors": weights(SMALL)}
    publish(stand_in, "somebody/odd", files)
    with pytest.raises(UserError, match="somebody/odd is of a kind or a size that this page does not load"):
        load_backbone("hf-hub:somebody/odd", "cpu", visitor=True)
    assert not stand_in.asked("/cdn/")  # before the weights are fetched


def test_visitors_get_no_pickles(stand_in: Hub) -> None:
    config = json.dumps({"model_cfg": SMALL}).encode()
    publish(stand_in, "somebody/old", {"open_clip_config.json": config, "open_clip_pytorch_model.bin": b"pickle"})
    with pytest.raises(UserError, match=r"has no open_clip_model\.safetensors"):
        load_backbone("hf-hub:somebody/old", "cpu", visitor=True)
    publish(stand_in, "somebody/else", {"model.safetensors": b""})
    with pytest.raises(UserError, match="no model in open_clip's format"):
        load_backbone("hf-hub:somebody/else", "cpu")


@pytest.mark.parametrize("name", ["ViT-L-14/laion2b_s32b_b82k", f"hf-hub:{LAION}"])
def test_open_clips_own_file_is_taken_where_transformers_lies_beside_it(
    stand_in: Hub, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files of laion's repository, and what its card says of the licence."""
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, "ViT-L-14", SMALL)
    config = {"model_cfg": SMALL, "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.25] * 3}}
    files = {
        "config.json": b"{}",
        "model.safetensors": save({"vision_model.embeddings.class_embedding": torch.zeros(20_000)}),
        "open_clip_config.json": json.dumps(config).encode(),
        "open_clip_pytorch_model.bin": b"pickle" * 4000,
        "open_clip_pytorch_model.safetensors": weights(SMALL),
        "pytorch_model.bin": b"pickle" * 4001,
    }
    publish(stand_in, LAION, files, card={"license": "mit", "library_name": "open_clip"})
    assert (licence_of(name), is_fetched(name)) == ("", False)
    backbone = load_backbone(name, "cpu", visitor=True)
    assert forward(backbone).shape == (1, 16)
    assert backbone.prototypes(["cat", "dog"]).shape == (2, 16)
    assert (backbone.info.std == (0.25,) * 3) == name.startswith("hf-hub:")  # a tag brings its own
    asked = {path.rpartition("/")[2] for _, path, _ in stand_in.asked(f"{LAION}/resolve/")}
    assert asked <= {"open_clip_config.json", "open_clip_pytorch_model.safetensors"}
    assert (licence_of(name), is_fetched(name)) == ("MIT", True)  # known by now, without asking again
    del files["open_clip_pytorch_model.safetensors"]
    publish(stand_in, LAION, files)
    backbones._cache.clear()
    with pytest.raises(UserError, match=r"has no open_clip_model\.safetensors"):  # not transformers', not a pickle
        load_backbone(f"hf-hub:{LAION}", "cpu", visitor=True)


def test_a_licence_is_what_the_card_names(stand_in: Hub) -> None:
    for card, licence in (
        ({}, ""),
        ({"license": "apache-2.0"}, "Apache 2.0"),
        ({"license": ["mit"]}, "MIT"),
        ({"license": "apple-amlr"}, "Apple, research only"),
        ({"license": "other", "license_name": "own-terms"}, "own-terms"),
        ({"license": "cc-by-nc-4.0"}, "cc-by-nc-4.0"),
        *(({"license": odd}, "") for odd in ("other", ["mit", "apache-2.0"], "<b>free</b>", "x" * 50, {"a": 1})),
    ):
        publish(stand_in, "somebody/clip", {}, card=card)
        assert list_repository("model", "somebody/clip").licence == licence


def test_what_can_go_wrong_is_a_sentence(stand_in: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    for published, says in (
        (None, "The hub has no timm/vit_base"),
        (Repository({}, refuses=(403, "GatedRepo")), "accepted the conditions"),
        (Repository({"open_clip_model.safetensors": b"\1" * 20_000}), "ViT-B-16/openai could not be loaded"),
        (
            Repository({"open_clip_model.safetensors": weights({**SMALL, "embed_dim": 8})}),
            "ViT-B-16/openai could not be loaded",
        ),
    ):
        if published:
            stand_in.repositories["model", OPENAI] = published
        with pytest.raises(UserError, match=says):
            load_backbone("ViT-B-16/openai", "cpu")
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(UserError, match="model hub could not be reached"):
        load_backbone("RN50/openai", "cpu")


def test_a_file_damaged_on_disk_is_fetched_anew(stand_in: Hub, tmp_path: Path) -> None:
    publish(stand_in, OPENAI, {"open_clip_model.safetensors": weights(SMALL)})
    load_backbone("ViT-B-16/openai", "cpu")
    backbones._cache.clear()
    (blob,) = (path for path in (tmp_path / "cache").rglob("blobs/*") if path.stat().st_size > 1_000_000)
    blob.chmod(0o644)
    blob.write_bytes(b"\0" * blob.stat().st_size)
    with pytest.raises(UserError, match="damaged on this disk"):
        load_backbone("ViT-B-16/openai", "cpu")
    assert load_backbone("ViT-B-16/openai", "cpu").info.image_size == 32


def test_a_constant_bias_changes_nothing() -> None:
    """SigLIP's b: the same run with and without it, but for rounding."""
    settings, ends = settings_for(*SHAPES, batch_size=8, batches=1, steps=2), []
    for bias in (0.0, -10.0):
        backbone = small_backbone()
        backbone.logit_bias = bias
        ends.append(next(Experiment(settings, backbone, labelled_source()).run())[1].methods)
    for name in SHAPES:
        plain, biased = (methods[name].batch for methods in ends)
        assert (plain.predicted == biased.predicted).all()
        assert biased.confidence == pytest.approx(plain.confidence, abs=1e-4)


@pytest.fixture(scope="module")
def tokenizer_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small tokenizer in SigLIP's form: words, ``</s>`` at the end, padded with ``</s>``."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    words = ["<pad>", "</s>", "<unk>", "a", "photo", "of", "cat", "owl"]
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing("$A </s>", special_tokens=[("</s>", 1)])
    folder = tmp_path_factory.mktemp("tokenizer")
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"pad_token": {"content": "</s>"}}))
    return folder


def test_hub_tokenizers_cut_and_pad_as_their_models_were_trained(tokenizer_files: Path) -> None:
    tokenize = hub_tokenizer(tokenizer_files, 6, "canonicalize")
    assert tokenize(["A photo of: a CAT!", "owl", "a a a a a a a a"]).tolist() == [
        [3, 4, 5, 3, 6, 1],
        [7, 1, 1, 1, 1, 1],
        [3, 3, 3, 3, 3, 1],
    ]
    (tokenizer_files.parent / "broken").mkdir(exist_ok=True)
    (tokenizer_files.parent / "broken" / "tokenizer.json").write_text("{}")
    with pytest.raises(UserError, match="tokenizer of this backbone is damaged"):
        hub_tokenizer(tokenizer_files.parent / "broken", 6)


def test_siglips_words_come_from_the_hub(stand_in: Hub, tokenizer_files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real tag ViT-B-16-SigLIP/webli with a small model behind it: weights and tokenizer from one repository."""
    text = {**TEXT, "context_length": 8, "vocab_size": 8, **own_tokenizer("ViT-B-16-SigLIP")}
    config = {**SMALL, "text_cfg": text, "init_logit_bias": -10, "custom_text": True}
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, "ViT-B-16-SigLIP", config)
    files = {path.name: path.read_bytes() for path in tokenizer_files.iterdir()}
    arguments = {**config, "text_cfg": {key: text[key] for key in text if not key.startswith(("hf_", "tok"))}}
    arguments.pop("custom_text")
    state = open_clip.model.CustomTextCLIP(**arguments).state_dict()
    files["open_clip_model.safetensors"] = save({key: value.contiguous() for key, value in state.items()})
    publish(stand_in, "timm/ViT-B-16-SigLIP", files)
    backbone = load_backbone("ViT-B-16-SigLIP/webli", "cpu", visitor=True)
    assert backbone.logit_bias == -10
    assert backbone.info.mean == (0.5,) * 3
    same, other = backbone.prototypes(["cat", "owl"], ["a photo of a {}."])
    assert not torch.equal(same, other)
