"""Small checkpoints of five kinds of models, written to disk."""

import json
from pathlib import Path

import open_clip
import pytest
import torch
from safetensors.torch import save, save_file

TEXT = {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1}
LINEAR = {"timm_proj": "linear"}
ARCHITECTURES = {
    "test-vit": {"vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 8}},
    "test-resnet": {"vision_cfg": {"image_size": 64, "layers": [1, 1, 1, 1], "width": 16}},
    "test-sigmoid": {
        "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 8},
        "init_logit_scale": 2.3,
        "init_logit_bias": -10.0,
        "custom_text": True,
    },
    # As SigLIP's image tower is, and as MobileCLIP2-S0's.
    "test-timm": {"vision_cfg": {"image_size": 160, "timm_model_name": "test_vit3", "timm_pool": "", **LINEAR}},
    "test-timm-bn": {"vision_cfg": {"image_size": 32, "timm_model_name": "test_byobnet", "timm_pool": "", **LINEAR}},
}
SMALL = {"embed_dim": 16, "text_cfg": TEXT, **ARCHITECTURES["test-vit"]}


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Randomly initialised models of five kinds, registered with open_clip and saved as files."""
    folder = tmp_path_factory.mktemp("models")
    paths = {}
    for name, config in ARCHITECTURES.items():
        (folder / f"{name}.json").write_text(json.dumps({"embed_dim": 16, "text_cfg": TEXT, **config}))
        open_clip.add_model_config(folder / f"{name}.json")
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = open_clip.create_model(name)
        paths[name] = folder / f"{name}.safetensors"
        save_file({key: value.contiguous() for key, value in model.state_dict().items()}, paths[name])
    return paths


def own_tokenizer(architecture: str) -> dict:
    """How the text configuration of one of open_clip's architectures names its tokenizer."""
    known = open_clip.get_model_config(architecture)["text_cfg"]
    return {key: known[key] for key in ("hf_tokenizer_name", "tokenizer_kwargs") if key in known}


def weights(config: dict) -> bytes:
    """Of an untrained model of this configuration, as a safetensors file holds them."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = open_clip.model.CLIP(**config)
    return save({key: value.contiguous() for key, value in model.state_dict().items()})
