"""The host reads nothing back inside the step loop: on a GPU it would wait there, and the GPU after it."""

import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import pytest
import torch
from helpers import EMBEDDING, WordEncoder, last, method_of, random_images, small_backbone
from torch import Tensor
from torch.overrides import TorchFunctionMode

from cliptta_demo.backend.methods.base import Method
from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.models.towers import NormLayout
from cliptta_demo.backend.settings import AdaptationSettings

BATCHES, IMAGES, CLASSES = 2, 3, 5
# Once a batch, however many steps it takes.
REMEMBERING = "how many images its memory holds decides how many go through the tower"
READS_ONCE = {"cliptta": REMEMBERING, "cliptta-oce": REMEMBERING}
BANK = "its memory takes images one by one, by rules and by chance, on the host"
READS = {
    "unient": "its mixture of two Gaussians is fitted in rounds, on the host",
    "unient-plus": "its mixture of two Gaussians is fitted in rounds, on the host",
    "clipartt": "its captions are sentences, made of the likeliest classes' names",
    "g-fret": "the batch joins the supports at every step, and how many stay depends on their classes",
    "rotta": BANK,
    "sotta": BANK,
    "stamp": BANK,
    "lame": "it goes on until the images agree; it takes no optimiser's step",
}


class Words(WordEncoder):
    """The stand-in for a text tower on a device, also one that has no numbers."""

    def __init__(self, device: str) -> None:
        super().__init__()
        self.device = device

    def __call__(self, prompts: list[str], context: Tensor | None = None, norms: Tensor | None = None) -> Tensor:
        text = super().__call__(prompts).to(self.device)
        text = text if context is None else text + context.sum(dim=0)
        return text if norms is None else text * norms

    @property
    def normalisation(self) -> tuple[NormLayout, Tensor]:
        layout, values = super().normalisation
        return layout, values.to(self.device)


class Numberless(Backbone):
    """On the device "meta", whose tensors have shapes and no numbers: whoever reads one fails."""

    def _precision(self) -> Any:
        return nullcontext()


class Reads(TorchFunctionMode):
    """Counts what is read back, and answers with zeros; of a mask, that all is taken."""

    BACK = (Tensor.tolist, Tensor.item, Tensor.cpu, Tensor.numpy, Tensor.__float__, Tensor.__int__, Tensor.__bool__)

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        first = args[0] if args else None
        if isinstance(first, Tensor) and first.is_meta:
            if func in self.BACK:
                self.count += 1
                return func(torch.zeros(first.shape, dtype=first.dtype))
            if func is Tensor.__getitem__ and isinstance(args[1], Tensor) and args[1].dtype == torch.bool:
                self.count += 1
                return first
        return func(*args, **kwargs or {})


def made(name: str, device: str, steps: int) -> Method:
    usual = small_backbone()
    kind = Numberless if device == "meta" else Backbone
    backbone = kind(usual.info, usual.tower, Words(device), logit_scale=usual.logit_scale, device=device)
    prototypes = torch.nn.functional.normalize(torch.eye(CLASSES, EMBEDDING), dim=1).to(device)
    settings = AdaptationSettings(learning_rate=1e-3, steps=steps, memory_shots=2, memory_sample=6)
    return method_of(name, backbone, prototypes, settings)


def work(name: str, device: str, steps: int, counting: AbstractContextManager[Any]) -> None:
    """On ``BATCHES`` batches, the second with what the first has left in memory."""
    method = made(name, device, steps)
    batches = [random_images(IMAGES, seed=seed).to(device) for seed in range(BATCHES)]
    state = method.start()
    with counting:
        for seed, images in enumerate(batches):
            state = last(method, images, state, seed).state


def reads(name: str, steps: int) -> int:
    work(name, "meta", steps, counting := Reads())
    return counting.count


@pytest.mark.parametrize("name", METHODS)
def test_nothing_is_waited_for_between_a_batchs_first_step_and_its_last(name: str) -> None:
    few = reads(name, 2)
    if name in READS:
        assert few > 0  # else it has no place in that list
    elif name in READS_ONCE:
        assert few == reads(name, 3) == BATCHES
    else:
        assert few == 0


@contextmanager
def told_of_waits() -> Iterator[None]:
    torch.cuda.set_sync_debug_mode("warn")
    yield
    torch.cuda.set_sync_debug_mode("default")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU whose waits could be counted")
def test_nothing_is_waited_for_on_a_gpu() -> None:
    for name in (name for name in METHODS if name not in READS):
        work(name, "cuda", 2, nullcontext())  # what is done once: kernels chosen, handles made
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            work(name, "cuda", 4, told_of_waits())
        count = sum("synchroniz" in str(warning.message) for warning in told)
        assert count == BATCHES * (name in READS_ONCE), name


def test_what_is_read_is_noticed() -> None:
    with Reads() as counting:
        values = torch.ones(3, device="meta")
        float(values.sum())
        values[values > 0].tolist()
    assert counting.count == 3
