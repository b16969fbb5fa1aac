"""Times towers beside open_clip's own, and CLIPTTA beside its authors' release: python -m tools.measure_published

    python -m tools.measure_published random:ViT-B-16 --batch-size 64 --memory 64 --steps 10 --repeats 5

Without a name: all architectures of the page's list. Both precisions are timed.
All have the same untrained weights, images, remembered images and steps; only the way of computing differs. The
release's loop is written down as its code has it: the tower as it comes, one pass for the batch and one for the
remembered images, ``torch.optim.Adam``. What it spends on its memory is left out.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from cliptta_demo.backend.methods.adaptation import ADAM_EPSILON
from cliptta_demo.backend.methods.losses import marginal_entropy, pseudo_captions, soft_contrastive
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.models.loading import PRECISIONS, load_backbone
from cliptta_demo.backend.models.offered import BACKBONES, RANDOM_PREFIX, TINY
from cliptta_demo.research.bench import (
    CLASSES,
    medians,
    method_of,
    primed,
    random_images,
    random_prototypes,
    work_of,
)

SIZES = {"batch-size": 64, "memory": 64, "steps": 10, "repeats": 5}
# Ways of computing the same, in the order in which they are shown.
WAYS = tuple(f"{maker} {precision}" for precision in PRECISIONS for maker in ("published", "here"))


def listed_architectures() -> tuple[str, ...]:
    """The page's backbones without their weights, as names for :func:`.loading.load_backbone`."""
    import open_clip

    names = []
    for architecture, tag in (name.split("/") for name in BACKBONES if name != TINY):
        quick = open_clip.get_pretrained_cfg(architecture, tag).get("quick_gelu")
        names.append(f"{RANDOM_PREFIX}{architecture}{'-quickgelu' if quick else ''}")
    return tuple(names)


class Published:
    """The untrained model behind a backbone, as open_clip makes it; of its image tower the normalisation learns.

    Args:
        backbone: of a ``random:`` name, which gives both the same weights.
    """

    def __init__(self, backbone: Backbone) -> None:
        import open_clip

        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = open_clip.create_model(backbone.info.name.removeprefix(RANDOM_PREFIX), pretrained=None)
        self.backbone = backbone
        self.tower = model.visual.to(backbone.device).eval().requires_grad_(False)
        for name in backbone.layout.batch_norms:
            self.tower.get_submodule(name).train(backbone.batch_statistics)
        self.parameters = [self.tower.get_parameter(name).requires_grad_(True) for name in backbone.layout.names]

    def embed(self, pixels: Tensor, precision: str) -> Tensor:
        """Unit embeddings ``(N, d)`` of normalised float images; bfloat16 by autocast."""
        with torch.autocast(self.backbone.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
            features = self.tower(pixels)
        return F.normalize(features.float(), dim=1)

    def there_and_back(self, pixels: Tensor, precision: str) -> None:
        """A forward and a backward pass."""
        torch.autograd.grad(self.embed(pixels, precision).sum(), self.parameters)

    def cliptta(self, pixels: Tensor, remembered: Tensor, prototypes: Tensor, steps: int, precision: str) -> None:
        """CLIPTTA's steps on one batch, and the prediction after them."""
        rate = self.backbone.info.adaptation.learning_rate
        optimiser = torch.optim.Adam(self.parameters, lr=rate, eps=ADAM_EPSILON)
        for _ in range(steps):
            optimiser.zero_grad()
            terms = []
            for images in (pixels, remembered):
                features = self.embed(images, precision)
                cosines = features @ prototypes.T
                captions = pseudo_captions(cosines, prototypes)
                terms.append(soft_contrastive(features, captions, self.backbone.logit_scale))
                terms.append(-marginal_entropy(self.backbone.logits(cosines)))
            torch.stack(terms).sum().backward()
            optimiser.step()
        with torch.no_grad():
            self.embed(pixels, precision)


def beside_published(name: str, batch_size: int, memory: int, steps: int, repeats: int) -> dict[str, Any]:
    """Median seconds of one pass of the batch there and back, and of one CLIPTTA batch, as published and here.

    Args:
        name: ``random:ARCHITECTURE``.
        memory: remembered images that join each step, about: the sample is balanced over the classes.

    Returns:
        ``{"pass": {"published float32": s, …, "here bfloat16": s}, "cliptta": {the same}, "memory_images": n}``
    """
    here = {precision: load_backbone(name, precision=precision) for precision in PRECISIONS}
    exact = here["float32"]
    published = Published(exact)
    images, primer = (random_images(batch_size, exact, seed) for seed in (0, 1))
    pixels, prototypes = exact.normalise(images), random_prototypes(exact, images, CLASSES)
    settings = replace(exact.info.adaptation, steps=steps, memory_sample=memory, memory_shots=-(-memory // CLASSES))
    passes: dict[str, Callable[[], Any]] = {}
    batches: dict[str, Callable[[], Any]] = {}
    for precision, backbone in here.items():
        method = method_of("cliptta", backbone, prototypes, settings)
        state = primed(method, [primer])
        kept = state.kept["memory"]
        remembered = exact.normalise(kept.images[kept.sample(memory, CLASSES, torch.Generator())])
        passes[f"published {precision}"] = lambda p=precision: published.there_and_back(pixels, p)
        passes[f"here {precision}"] = lambda backbone=backbone: there_and_back(backbone, images)
        batches[f"published {precision}"] = lambda p=precision, r=remembered: published.cliptta(
            pixels, r, prototypes, steps, p
        )
        batches[f"here {precision}"] = work_of(method, images, state)
    return {
        "pass": medians(passes, exact.device, repeats),
        "cliptta": medians(batches, exact.device, repeats),
        "memory_images": len(remembered),
    }


def there_and_back(backbone: Backbone, images: Tensor) -> None:
    """A forward pass of the engine's, and the backward pass to the parameters that adapt."""
    parameters = backbone.source_parameters.clone().requires_grad_(True)
    torch.autograd.grad(backbone.embed(images, parameters).sum(), parameters)


def main() -> None:
    """Prints the median seconds of both, a line for each tower."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("towers", nargs="*", metavar="random:ARCHITECTURE")
    for name, default in SIZES.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    arguments = vars(parser.parse_args())
    print(f"seconds{'':31}" + "".join(f"{way:>20}" for way in WAYS))
    for name in arguments.pop("towers") or listed_architectures():
        times = beside_published(name, **arguments)
        for title, taken in (("there and back", times["pass"]), ("CLIPTTA batch", times["cliptta"])):
            print(f"{name:24}{title:14}" + "".join(f"{taken[way]:20.2f}" for way in WAYS), flush=True)


if __name__ == "__main__":
    main()
