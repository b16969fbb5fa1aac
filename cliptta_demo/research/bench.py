"""How near the methods are to the floor: the bare forward and backward passes that they can't do without.

``bench`` times, interleaved and with medians over repeats, the bare loop, every method on the same batch, and plain
matrix products: a method's share of their rate is by its own products, counted. ``grow`` times how cost rises with
batch size, classes, steps and sessions; ``corruption_costs`` the 19 corruptions.
"""

import copy
import platform
import statistics
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from cliptta_demo.backend.corruptions import CORRUPTIONS, corrupt
from cliptta_demo.backend.methods.adaptation import AdaptationState, Task
from cliptta_demo.backend.methods.base import Method
from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.run.arithmetic import PROBE_GIGAFLOPS, PROBES, gigaflops, products
from cliptta_demo.backend.settings import AdaptationSettings

BENCHED = ("zero-shot", "tent", "cliptta", "cliptta-oce")  # unless told otherwise
CLASSES = 12
GROWING = "cliptta"  # the method whose cost is followed as things grow
GROWTH: dict[str, tuple[int, ...]] = {
    "batch size": (1, 4, 16, 64, 128, 256, 512),
    "classes": (2, 10, 100, 1000),
    "steps": (1, 3, 5, 10, 20),
    "sessions": (1, 4, 16, 64),
}

# What a batch of the paper's may take where the demo is at its best: ten steps on 128 images and as many remembered.
TARGET_SECONDS, TARGET_DEVICE = 1.0, "H100"
TARGET = {"backbone": "ViT-B-16", "batch_size": 128, "memory": 128, "steps": 10}


def random_images(count: int, size: int, device: torch.device, seed: int = 0) -> Tensor:
    """``(count, 3, size, size)`` uint8 blobs: smooth enough that a model tells them apart, random enough to be fair."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 5, 5, generator=generator)
    return (F.interpolate(coarse, size=(size, size), mode="bicubic").clamp(0, 1) * 255).to(torch.uint8).to(device)


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
        self.parameters = [self.tower.get_parameter(name) for name in backbone.layout.names]
        for parameter in self.parameters:
            parameter.requires_grad_(True)

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

    @torch.no_grad()
    def features(self, images: Tensor) -> Tensor:
        """Unit embeddings ``(N, d)`` of the copied tower."""
        with self.backbone._precision():
            return F.normalize(self.tower(self.backbone.normalise(images)).float(), dim=1)


def seconds(work: Callable[[], Any], device: torch.device) -> float:
    """Wall-clock seconds of ``work()``, the device's queue included."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    began = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - began


def medians(works: dict[str, Callable[[], Any]], device: torch.device, repeats: int) -> dict[str, float]:
    """Median seconds of each; repeats go round in turn, so that a slow minute hits all alike. One round warms up."""
    rounds = [{name: seconds(work, device) for name, work in works.items()} for _ in range(1 + repeats)]
    return {name: statistics.median(times[name] for times in rounds[1:]) for name in works}


def method_of(name: str, backbone: Backbone, prototypes: Tensor, settings: AdaptationSettings) -> Method:
    """A method with its own default settings, for classes without names."""
    kind, names = METHODS[name], tuple(f"class {number}" for number in range(len(prototypes)))
    parts = {"own": kind.own and kind.own(), "class_names": names, "templates": backbone.info.templates}
    return kind(Task(backbone=backbone, prototypes=prototypes, settings=settings, **parts))


def _drawn(method: Method, images: Tensor, state: AdaptationState | None) -> int:
    """How many remembered images join the batch in a step."""
    passes: list[int] = []
    with method.backbone.tower.register_forward_hook(lambda tower, inputs, output: passes.append(len(inputs[0]))):
        work_of(method, images, state)()
    return max(passes) - len(images)


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
    backbone: Backbone,
    batch_size: int = 64,
    memory: int = 64,
    steps: int = 10,
    repeats: int = 5,
    methods: Sequence[str] = BENCHED,
) -> dict:
    """Median seconds per batch of the bare loops and of each method, and each method's ratio to its bare loop.

    Returns:
        ``{"machine": {…}, "bare": {memory images: s}, "products": GFLOP/s, "methods": {name: {"seconds", "ratio",
        "memory_images", "gigaflops", "share"}}}``; zero-shot has no bare loop. ``products`` is the rate of plain matrix
        products in the tower's precision, ``share`` of it is what the method's own, ``gigaflops``, reach.
    """
    device = backbone.device
    images = random_images(batch_size, backbone.info.image_size, device)
    prototypes = random_prototypes(backbone, images, CLASSES)
    remembered = random_images(memory, backbone.info.image_size, device, seed=1)
    shots = -(-2 * memory // CLASSES)
    settings = replace(backbone.info.adaptation, steps=steps, memory_sample=memory, memory_shots=shots)
    bare = BareLoop(backbone)
    product = products(device, backbone.autocast or torch.float32)
    works: dict[str, Callable[[], Any]] = {
        "products": lambda: [product() for _ in range(PROBES)],
        "bare 0": lambda: bare(images, remembered[:0], steps),
    }
    memories = {}
    for name in methods:
        kind = METHODS[name]
        method = method_of(name, backbone, prototypes, settings)
        remembers, _ = kind.keeps(method.task.outline, backbone)
        rounds = -(-2 * memory // batch_size) if remembers else 0
        primers = [random_images(batch_size, backbone.info.image_size, device, seed) for seed in range(rounds)]
        state = primed(method, primers) if primers else method.start()
        count = _drawn(method, images, state) if primers else 0
        memories[name] = count
        works[f"bare {count}"] = lambda count=count: bare(images, remembered[:count], steps)
        works[name] = work_of(method, images, state)
    taken = medians(works, device, repeats)
    rate = PROBES * PROBE_GIGAFLOPS / taken["products"]
    measured: dict[str, dict[str, Any]] = {}
    for name in methods:
        ratio = taken[name] / taken[f"bare {memories[name]}"] if METHODS[name].adapts else None
        measured[name] = {"seconds": taken[name], "ratio": ratio, "memory_images": memories[name]}
        own = gigaflops(works[name])
        measured[name] |= {"gigaflops": own, "share": own / taken[name] / rate}
    return {
        "backbone": backbone.info.name,
        "machine": machine(backbone),
        "settings": {"batch_size": batch_size, "memory": memory, "steps": steps, "repeats": repeats},
        "products": rate,
        "bare": {count: taken[f"bare {count}"] for count in sorted(set(memories.values()))},
        "methods": measured,
    }


def target_line(result: dict[str, Any]) -> str:
    """The target beside the result of :func:`bench`, and how this measurement differs from what it is set for."""
    here = {**result["settings"], "backbone": result["backbone"]}
    taken = result["methods"][GROWING]["seconds"]
    words = f"target: {GROWING}, {TARGET['backbone']}, {TARGET['batch_size']} + {TARGET['memory']} images, "
    words += f"{TARGET['steps']} steps on an {TARGET_DEVICE}: at most {TARGET_SECONDS:g} s; here {taken:.3f} s"
    other = [f"{name} {here[name]}" for name, value in TARGET.items() if str(value) not in str(here[name])]
    other += [f"on {result['machine']['device']}"] if TARGET_DEVICE not in result["machine"]["device"] else []
    if other:
        return f"{words}, but with {', '.join(other)}"
    return f"{words}: {'met' if taken <= TARGET_SECONDS else 'not met'}"


def machine(backbone: Backbone) -> dict[str, Any]:
    """What the times were measured on."""
    device = backbone.device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()
    precision = str(backbone.autocast).removeprefix("torch.") if backbone.autocast else "float32"
    return {"device": name, "threads": torch.get_num_threads(), "precision": precision, "torch": torch.__version__}


def corruption_costs(backbone: Backbone, batch_size: int = 64, repeats: int = 5) -> dict[str, float]:
    """Median seconds of each corruption at severity 5 on one batch of the model's input size."""
    images = random_images(batch_size, backbone.info.image_size, backbone.device)
    works = {name: lambda name=name: corrupt(images, name, 5, 0) for name in CORRUPTIONS}
    return medians(works, backbone.device, repeats)


def grow(
    backbone: Backbone, repeats: int = 3, sizes: Mapping[str, Sequence[int]] = GROWTH
) -> dict[str, dict[int, float]]:
    """Median seconds of one CLIPTTA batch as one thing of ``sizes`` grows and the rest stays at its default.

    Batch size, classes and steps: seconds per batch. Sessions: seconds until that many sessions, each in a thread of
    its own on the one backbone, have had one batch of 16 images and 3 steps.
    """

    def one(batch_size: int = 64, classes: int = CLASSES, steps: int = 10) -> Callable[[], None]:
        images = random_images(batch_size, backbone.info.image_size, backbone.device)
        prototypes = random_prototypes(backbone, images, classes)
        method = method_of(GROWING, backbone, prototypes, replace(backbone.info.adaptation, steps=steps))
        primer = random_images(64, backbone.info.image_size, backbone.device, 1)
        return work_of(method, images, primed(method, [primer]))

    def many(sessions: int) -> Callable[[], None]:
        work = one(batch_size=16, steps=3)

        def together() -> None:
            with ThreadPoolExecutor(sessions) as pool:
                list(pool.map(lambda _: work(), range(sessions)))

        return together

    make: dict[str, Callable[[int], Callable[[], None]]] = {
        "batch size": lambda n: one(batch_size=n),
        "classes": lambda n: one(classes=n),
        "steps": lambda n: one(steps=n),
        "sessions": many,
    }
    return {
        title: {n: medians({"work": make[title](n)}, backbone.device, repeats)["work"] for n in values}
        for title, values in sizes.items()
    }
