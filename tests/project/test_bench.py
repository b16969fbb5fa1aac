"""The bench prints and writes what it promises, and its bare loop is the tower's own passes."""

import json
from pathlib import Path

import pytest
import torch
from checkpoints import checkpoints  # noqa: F401  (a fixture)
from helpers import random_images, small_backbone

from cliptta_demo.backend.models.loading import load_backbone
from cliptta_demo.backend.run.arithmetic import THERE_AND_BACK, Towers
from cliptta_demo.cli import main
from cliptta_demo.research.bench import BENCHED, BareLoop, medians, random_prototypes
from cliptta_demo.research.runs import machine
from tools.measure_published import Published, beside_published, listed_architectures


def test_the_command_writes_a_ratio_for_every_adapting_method(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bench.json"
    words = "bench --backbone tiny --batch-size 8 --memory 8 --steps 2 --repeats 1 --json"
    main([*words.split(), str(path)])
    result = json.loads(path.read_text())
    assert list(result["methods"]) == list(BENCHED)
    assert result["methods"]["zero-shot"]["ratio"] is None
    for name in ("tent", "cliptta", "cliptta-oce"):
        method = result["methods"][name]
        floor = result["bare"][str(method["memory_images"])]  # the very same passes
        assert method["ratio"] == pytest.approx(method["seconds"] / floor)
    assert 0 < result["methods"]["cliptta"]["memory_images"] <= 12  # one of each class that was predicted
    assert result["methods"]["tent"]["memory_images"] == 0
    passes = 8 * Towers.of(load_backbone("tiny")).image  # of the whole batch
    assert result["methods"]["zero-shot"]["gigaflops"] == pytest.approx(passes, rel=0.01)
    tent = result["methods"]["tent"]
    assert 3 * passes < tent["gigaflops"] <= (2 * THERE_AND_BACK + 1) * passes  # two steps, and the last look
    assert tent["share"] == pytest.approx(tent["gigaflops"] / tent["seconds"] / result["products"])
    printed = capsys.readouterr().out
    for words in (machine(load_backbone("tiny")), "bare, memory of", "share of the rate of matrix products"):
        assert words in printed


def test_the_bare_loop_makes_the_passes_and_leaves_the_backbone_alone() -> None:
    backbone = small_backbone()
    bare = BareLoop(backbone)
    counts: list[int] = []
    bare.tower.register_forward_hook(lambda module, inputs, output: counts.append(len(inputs[0])))
    bare(random_images(4), random_images(2), steps=3)
    assert counts == [6, 6, 6, 4]
    assert not any(parameter.requires_grad for parameter in backbone.tower.parameters())
    learnt = [name for name, parameter in bare.tower.named_parameters() if parameter.requires_grad]
    assert set(learnt) == set(backbone.layout.names)
    calls: list[str] = []
    works = {name: lambda name=name: calls.append(name) for name in "ab"}
    assert [*medians(works, torch.device("cpu"), 2)] == ["a", "b"]
    assert "".join(calls) == "ababab"  # one warm-up, two repeats
    images = random_images(32)
    predicted = (backbone.embed(images) @ random_prototypes(backbone, images, 8).T).argmax(1)
    assert len(predicted.unique()) >= 6  # of eight classes


@pytest.mark.parametrize("architecture", ["test-vit", "test-resnet"])
def test_what_is_published_is_the_same_model_in_two_passes_a_step(
    architecture: str,
    checkpoints: dict[str, Path],  # noqa: F811
) -> None:
    quick = ["quickgelu" in name for name in listed_architectures()]
    assert quick == [True, True, True, True, False, False]  # the activation that their weights were trained with
    backbone = load_backbone(f"random:{architecture}", "cpu", precision="float32")
    published = Published(backbone)
    pixels = backbone.normalise(random_images(6, size=backbone.info.image_size))
    ours = backbone.embed(pixels, backbone.source_parameters)
    torch.testing.assert_close(published.embed(pixels, "float32"), ours, atol=1e-6, rtol=0)
    counts: list[int] = []
    published.tower.register_forward_hook(lambda module, inputs, output: counts.append(len(inputs[0])))
    published.cliptta(pixels, pixels[:2], random_prototypes(backbone, pixels, 4), 3, "bfloat16")
    assert counts == [6, 2, 6, 2, 6, 2, 6]
    moved = torch.cat([parameter.detach().flatten() for parameter in published.parameters])
    assert not torch.equal(moved, backbone.source_parameters)
    times = beside_published(backbone.info.name, 4, 4, 1, 1)
    assert times["pass"].keys() == times["cliptta"].keys() >= {"published float32", "here bfloat16"}
