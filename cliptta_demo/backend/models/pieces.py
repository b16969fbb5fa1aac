"""The passes of one optimiser step, piece by piece: batches larger than memory, and turns of bounded work.

The losses need the whole batch at once; the tower's activations need not be there at once. Features are first computed
without a graph, piece by piece. When the loss's gradient with respect to the features is known, each piece is computed
again, with its graph, and passes its share on to θ (gradient caching: Gao et al. 2021, "Scaling Deep Contrastive
Learning Batch Size under Memory Limited Setup"). The gradient is that of the whole batch. What fits into one piece goes
through the tower once, as without pieces.

How much fits into a device's memory, how one tells that it ran out, and what becomes of what a step has freed stands
here too. By default glibc gives large blocks back to the system at once, and the next step waits while the system
clears them again, page by page: with the tiny model about a fourteenth of the bare passes with memory. Here they are
kept for the next step. Other C libraries are left as they are.
"""

import ctypes
import gc
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

Embed = Callable[[Tensor, Tensor | None], Tensor]  # inputs and parameters → embeddings, as Backbone.embed


class Rest:
    """Called between two pieces, where work may have to wait for others; a piece is all that one turn need hold.

    Args:
        wait: returns when the work may go on, and raises when it is to end. None: nobody else wants to work.

    Attributes:
        seconds: waited so far.
    """

    def __init__(self, wait: Callable[[], None] | None = None) -> None:
        self.seconds = 0.0
        self._wait = wait

    def __call__(self) -> None:
        if self._wait is not None:
            began = time.perf_counter()
            self._wait()
            self.seconds += time.perf_counter() - began


NO_REST = Rest()


def embed_in_pieces(embed: Embed, images: Tensor, parameters: Tensor | None, at_once: int, rest: Rest) -> Tensor:
    """Embeddings ``(N, d)`` without a graph, of ``(N, 3, S, S)`` images, ``at_once`` of them at a time."""
    parts = []
    for part in images.split(at_once):
        if parts:
            rest()
        with torch.no_grad():
            parts.append(embed(part, parameters))
    return parts[0] if len(parts) == 1 else torch.cat(parts)


class Passes:
    """Forward passes of a step, and the way back from its loss to the parameters.

    Args:
        embed: the shared model's, or what else makes embeddings of inputs and parameters, as a text tower of prompts.
        parameters: θ ``(P,)``; it becomes a leaf that asks for its gradient.
        at_once: images whose activations may be in memory at once, ≥ 1; rest: called in between.
    """

    def __init__(self, embed: Embed, parameters: Tensor, at_once: int, rest: Rest = NO_REST) -> None:
        self._embed = embed
        self.parameters = parameters.detach().requires_grad_(True)
        self.at_once = at_once
        self.rest = rest
        self._kept = 0  # images whose graph is in memory
        self._cut: list[tuple[Tensor, Tensor, int]] = []  # (images, their features as a leaf, images in a piece)

    def embed(self, images: Tensor, at_once: int | None = None) -> Tensor:
        """Embeddings ``(N, d)`` whose gradient finds its way to θ through :meth:`gradient`.

        Args:
            images: or what else is embedded; at_once: of these, where it is another number.
        """
        at_once = at_once or self.at_once
        if self._kept + len(images) <= at_once:
            self._kept += len(images)
            return self._embed(images, self.parameters)
        if self._kept or self._cut:
            self.rest()
        features = embed_in_pieces(self._embed, images, self.parameters, at_once, self.rest)
        features.requires_grad_(True)
        self._cut.append((images, features, at_once))
        return features

    def gradient(self, loss: Tensor, *others: Tensor) -> Tensor:
        """The gradient of a scalar loss: that of θ ``(P,)``, then that of each of the other leaves, in one vector."""
        leaves = (self.parameters, *others, *(features for _, features, _ in self._cut))
        # In older releases of torch the zeros of materialize_grads ask for gradients: the graph would grow for ever.
        total, *rest = (part.detach() for part in torch.autograd.grad(loss, leaves, materialize_grads=True))
        shares = rest[len(others) :]
        for (images, _, at_once), shares_of_images in zip(self._cut, shares, strict=True):
            for part, share in zip(images.split(at_once), shares_of_images.split(at_once), strict=True):
                self.rest()
                total = total + self._again(part, share)
        return torch.cat([total, *(part.reshape(-1) for part in rest[: len(others)])]) if others else total

    def _again(self, images: Tensor, share: Tensor) -> Tensor:
        leaf = self.parameters.detach().requires_grad_(True)
        return torch.autograd.grad(self._embed(images, leaf), leaf, share)[0]


_CGROUP = Path("/sys/fs/cgroup")
# glibc's numbers for mallopt, see malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8

KEPT_BYTES = 256 * 2**20  # free memory kept: twice what a step of tiny needs on 64 images and as many remembered ones
LARGEST_KEPT_BLOCK = 32 * 2**20  # the most that glibc allows; larger blocks go back to the system as before
ARENAS = 2  # each keeps memory of its own, so that few are better than glibc's eight per core


def activation_bytes(embed: Embed, image: Tensor, parameters: Tensor) -> int:
    """Bytes that one image ``(1, 3, S, S)`` more in a batch makes autograd keep, measured on one and on two."""

    def kept(images: Tensor) -> int:
        sizes: dict[int, int] = {}

        def pack(tensor: Tensor) -> Tensor:
            storage = tensor.untyped_storage()
            sizes[storage.data_ptr()] = storage.nbytes()
            return tensor

        with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            features = embed(images, parameters.detach().requires_grad_(True))
        del features
        return sum(sizes.values())

    return max(1, kept(image.expand(2, -1, -1, -1).contiguous()) - kept(image))


def free_bytes(device: torch.device) -> int | None:
    """Memory of the device that could be taken now; None where the system does not say."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    if device.type != "cpu":
        return None
    amounts = []
    with suppress(OSError):  # Linux
        lines = Path("/proc/meminfo").read_text().splitlines()
        amounts += [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    with suppress(OSError, ValueError):  # a container's own limit, or the word max
        limit = int((_CGROUP / "memory.max").read_text())
        amounts.append(limit - int((_CGROUP / "memory.current").read_text()))
    return max(0, min(amounts)) if amounts else None


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of torch says that memory ran out, on a GPU or on the CPU."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and ("not enough memory" in text or "can't allocate memory" in text)


@cache
def keep_freed_memory() -> None:
    """Lets the C library keep freed memory for later steps, from now on, where it is glibc."""
    for number, value in ((_ARENA_MAX, ARENAS), (_MMAP_THRESHOLD, LARGEST_KEPT_BLOCK), (_TRIM_THRESHOLD, KEPT_BYTES)):
        _ask_glibc("mallopt", number, value)


def give_memory_back() -> None:
    """Returns all that is free to the system now; glibc would keep it for later steps."""
    gc.collect()
    _ask_glibc("malloc_trim", 0)


def _ask_glibc(function: str, *numbers: int) -> None:
    with suppress(OSError, AttributeError):  # another system, another C library
        getattr(ctypes.CDLL("libc.so.6"), function)(*numbers)
