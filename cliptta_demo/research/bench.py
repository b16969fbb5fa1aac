"""How near the methods are to the floor: the bare forward and backward passes that they can't do without.

``bench`` times, interleaved and with medians over repeats, the bare loop, every method on the same batch, and plain
matrix products: a method's share of their rate is by its own products, counted.
"""

import argparse
import copy
import statistics
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F

from cliptta_demo.backend.methods.adaptation import AdaptationState, Task
from cliptta_demo.backend.methods.base import Method
from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.models.loading import load_backbone
from cliptta_demo.backend.run.arithmetic import PROBE_GIGAFLOPS, PROBES, gigaflops, products
from cliptta_demo.backend.settings import AdaptationSettings
from cliptta_demo.research.runs import machine
from cliptta_demo.run_command import chosen_backbone, write_json

BENCHED = ("zero-shot", "tent", "cliptta", "cliptta-oce")  # unless told otherwise
CLASSES = 12


def random_images(count: int, backbone: Backbone, seed: int = 0) -> Tensor:
    """uint8 blobs of the model's size: smooth enough that it tells them apart, random enough to be fair."""
    coarse = torch.rand(count, 3, 5, 5, generator=torch.Generator().manual_seed(seed))
    images = F.interpolate(coarse, size=2 * [backbone.info.image_size], mode="bicubic").clamp(0, 1) * 255
    return images.to(torch.uint8).to(backbone.device)


def random_prototypes(backbone: Backbone, images: Tensor, classes: int) -> Tensor:
    """``(classes, d)`` unit prototypes near the images' own embeddings, so that all classes are predicted."""
    with torch.no_grad():
        features = backbone.embed(images)
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(classes, features.shape[1], generator=generator).to(features)
    chosen = features[torch.arange(classes, device=features.device) % len(features)]
    return F.normalize(chosen + 0.1 * noise / noise.norm(dim=1, keepdim=True), dim=1)


class BareLoop:
    """The passes alone: a copy of the tower whose normalisation parameters ask for gradients, and nothing else."""

    def __init__(self, backbone: Backbone) -> None:
        self.backbone = backbone
        self.tower = copy.deepcopy(backbone.tower)
        for name in backbone.layout.batch_norms:
            self.tower.get_submodule(name).train(backbone.batch_statistics)
        self.parameters = [self.tower.get_parameter(name).requires_grad_(True) for name in backbone.layout.names]

    def __call__(self, batch: Tensor, memory: Tensor, steps: int) -> None:
        """``steps`` forward and backward passes of batch and memory, and the final forward pass of the batch."""
        batch, memory = self.backbone.normalise(batch), self.backbone.normalise(memory)
        both = torch.cat([batch, memory]).contiguous(memory_format=self.backbone.memory_format)
        for _ in range(steps):
            with self.backbone._precision():
                features = self.tower(both)
            torch.autograd.grad(features.float().sum(), self.parameters)
        with torch.no_grad(), self.backbone._precision():
            self.tower(batch)


def medians(works: dict[str, Callable[[], Any]], device: torch.device, repeats: int) -> dict[str, float]:
    """Median seconds of each; repeats go round in turn, so that a slow minute hits all alike. One round warms up."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(1 + repeats):
        for name, work in works.items():
            began = time.perf_counter()
            work()
            if device.type == "cuda":
                torch.cuda.synchronize(device)  # its queue is part of the work
            taken[name].append(time.perf_counter() - began)
    return {name: statistics.median(times[1:]) for name, times in taken.items()}


def method_of(name: str, backbone: Backbone, prototypes: Tensor, settings: AdaptationSettings) -> Method:
    """A method with its own default settings, for classes without names."""
    kind, names = METHODS[name], tuple(f"class {number}" for number in range(len(prototypes)))
    parts = {"own": kind.own and kind.own(), "class_names": names, "templates": backbone.info.templates}
    return kind(Task(backbone=backbone, prototypes=prototypes, settings=settings, **parts))


def _drawn(method: Method, work: Callable[[], Any]) -> int:
    """How many images a step takes at once: the batch, and what joins it from the memory."""
    passes: list[int] = []
    with method.backbone.tower.register_forward_hook(lambda tower, inputs, output: passes.append(len(inputs[0]))):
        work()
    return max(passes)


def primed(method: Method, batches: Sequence[Tensor]) -> AdaptationState | None:
    """The method's state once its memory is full enough to fill a sample."""
    state = method.start()
    short = type(method)(replace(method.task, settings=replace(method.settings, steps=1)))
    for seed, images in enumerate(batches):
        *_, last = short.adapt(images, state, seed)
        state = last.state
    return state


def work_of(method: Method, images: Tensor, state: AdaptationState | None) -> Callable[[], Any]:
    return lambda: deque(method.adapt(images, state, 0), maxlen=0)


def bench(
    backbone: Backbone, batch_size: int, memory: int, steps: int, repeats: int, methods: Sequence[str]
) -> dict[str, Any]:
    """Median seconds per batch of the bare loops and of each method, and each method's ratio to its bare loop.

    Returns:
        ``{"machine": words, "bare": {memory images: s}, "products": GFLOP/s, "methods": {name: {"seconds", "ratio",
        "memory_images", "gigaflops", "share"}}}``; zero-shot has no bare loop. ``products`` is the rate of plain matrix
        products in the tower's precision, ``share`` of it is what the method's own, ``gigaflops``, reach.
    """
    images, remembered = (random_images(n, backbone, seed) for seed, n in enumerate((batch_size, memory)))
    prototypes = random_prototypes(backbone, images, CLASSES)
    shots = -(-2 * memory // CLASSES)
    settings = replace(backbone.info.adaptation, steps=steps, memory_sample=memory, memory_shots=shots)
    bare, product = BareLoop(backbone), products(backbone.device, backbone.autocast or torch.float32)
    works: dict[str, Callable[[], Any]] = {"products": lambda: [product() for _ in range(PROBES)]}
    counts: dict[str, int] = {}
    for name in methods:
        method = method_of(name, backbone, prototypes, settings)
        remembers, _ = METHODS[name].keeps(method.task.outline, backbone)
        rounds = -(-2 * memory // batch_size) if remembers else 0
        state = primed(method, [random_images(batch_size, backbone, seed) for seed in range(rounds)])
        works[name] = work_of(method, images, state)
        count = counts[name] = _drawn(method, works[name]) - batch_size if rounds else 0
        works[f"bare {count}"] = lambda count=count: bare(images, remembered[:count], steps)
    taken = medians(works, backbone.device, repeats)
    rate = PROBES * PROBE_GIGAFLOPS / taken["products"]
    measured: dict[str, dict[str, Any]] = {}
    for name, count in counts.items():
        seconds, own = taken[name], gigaflops(works[name])
        ratio = seconds / taken[f"bare {count}"] if METHODS[name].adapts else None
        share = own / seconds / rate
        measured[name] = {"seconds": seconds, "ratio": ratio, "memory_images": count, "gigaflops": own, "share": share}
    return {
        "backbone": backbone.info.name,
        "machine": machine(backbone),
        "settings": {"batch_size": batch_size, "memory": memory, "steps": steps, "repeats": repeats},
        "products": rate,
        "bare": {count: taken[f"bare {count}"] for count in sorted({*counts.values()})},
        "methods": measured,
    }


def time_all(arguments: argparse.Namespace, names: Sequence[str]) -> None:
    """The ``bench`` command: its words, and the methods."""
    backbone = load_backbone(chosen_backbone(arguments), arguments.device, precision=arguments.precision)
    result = bench(backbone, arguments.batch_size, arguments.memory, arguments.steps, arguments.repeats, names)
    print(result["machine"], *(f"{key} {value}" for key, value in result["settings"].items()), sep=", ")
    print(f"\nmatrix products: {result['products']:.0f} GFLOP a second\n")
    lines = {f"bare, memory of {count}": {"seconds": taken} for count, taken in result["bare"].items()}
    titles = {
        "seconds": "median seconds per batch",
        "ratio": "ratio to the bare loop",
        "share": "share of the rate of matrix products",
    }
    frame = pd.DataFrame(lines | result["methods"]).T[[*titles]].astype(float).rename(columns=titles)
    print(frame.to_string(float_format="{:.3f}".format, na_rep=""))
    if arguments.json:
        write_json(arguments.json, result)
