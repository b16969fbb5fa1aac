"""One frozen CLIP, loaded once and shared by everybody who adapts it.

The weights of the model never change. Whoever adapts owns a vector θ of normalisation parameters (see
:mod:`.towers`), which takes the place of the tower's own for the length of one forward pass.
"""

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import KW_ONLY, dataclass, field, replace
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.models.class_names import display_name
from cliptta_demo.backend.models.pieces import Rest, activation_bytes, free_bytes, is_out_of_memory
from cliptta_demo.backend.models.towers import Look, find_look, find_normalisation, holding, renewing
from cliptta_demo.backend.settings import AdaptationSettings

# A class name is put into each template; CLIP's plain prompt comes first.
DEFAULT_TEMPLATES = ("a photo of a {}.", "a picture of a {}.", "an image of a {}.", "a drawing of a {}.", "{}")
PROTOTYPE_CACHE = 32  # class lists remembered per backbone
PROMPTS_AT_ONCE = 256  # through the text tower unless told otherwise
MEMORY_SHARE = 0.5  # of what is free now: other sessions and the losses want some too


@dataclass(frozen=True, kw_only=True)
class BackboneInfo:
    """What a person may want to know of a backbone, and the settings that suit it."""

    name: str
    base: str = ""  # of one with adapted weights: what they were made of
    image_size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    templates: tuple[str, ...] = DEFAULT_TEMPLATES
    adaptation: AdaptationSettings = field(default_factory=AdaptationSettings)


@dataclass(eq=False, repr=False)
class Backbone:
    """A frozen image tower, a text encoder, and the way in for adapted normalisation parameters.

    Args:
        info: name, input size, pixel statistics, defaults.
        tower: image tower; ``(N, 3, S, S)`` normalised float → ``(N, d)``.
        encode_text: list of prompts → ``(len, d)`` embeddings, any length; see :class:`.text_tower.TextTower`.
        logit_scale: τ; logit_bias: SigLIP's additive bias, 0 elsewhere.
        device: where the tower runs; autocast: dtype of its matrix products, None for plain float32.
        batch_statistics: whether batch normalisation, if the tower has any, uses the batch's own statistics while
            adapting, as the authors' release does; False: the source's, so that weight and bias alone adapt.
        source_images: as how many images the source's statistics then count beside a batch's; None: no gradient finds
            its way through a mixture, so they are the batch's alone.
        memory_format: the order of the pixels in memory; a matter of speed alone.
        source_text: φ ``(Q,)``, the text tower's normalisation parameters, where they are not its own.
    """

    info: BackboneInfo
    tower: nn.Module
    encode_text: Callable[..., Tensor]
    _: KW_ONLY
    logit_scale: float = 100.0
    logit_bias: float = 0.0
    device: torch.device | str = "cpu"
    autocast: torch.dtype | None = None
    batch_statistics: bool = True
    source_images: int | None = None
    memory_format: torch.memory_format = torch.contiguous_format
    source_text: Tensor | None = None
    _look: Look | None = None
    _image_bytes: int | None = None  # of one image's activations; measured when first asked for

    def __post_init__(self) -> None:
        self.device = torch.device(self.device)
        self.tower.to(self.device, memory_format=self.memory_format).eval().requires_grad_(False)
        self.layout, self.source_parameters = find_normalisation(self.tower)
        self.lock = threading.RLock()  # one forward pass at a time: θ sits in the shared tower meanwhile
        self._prototypes: OrderedDict[tuple[tuple[str, ...], tuple[str, ...]], Tensor] = OrderedDict()
        mean, std = self.info.mean, self.info.std
        self._mean, self._std = (torch.tensor(x, device=self.device).view(1, 3, 1, 1) for x in (mean, std))

    def adapted(self, parameters: Tensor, text: Tensor | None, name: str) -> "Backbone":
        """The same model with θ ``(P,)`` for its source: it shares all else with this one, which stays as it is.

        Args:
            text: φ ``(Q,)`` of the text tower; None: its own.
        """
        other = copy(self)
        other.info = replace(self.info, name=name, base=self.info.base or self.info.name)
        other.source_parameters = parameters.to(self.device)
        if text is not None:
            other.source_text, other._prototypes = text.to(self.device), OrderedDict()
        return other

    def prototypes(self, class_names: Sequence[str], templates: Sequence[str] | None = None) -> Tensor:
        """Class prototypes t_c ``(C, d)``: mean over templates of the normalised text embeddings, normalised again.

        ``_`` in a class name becomes a space. The last few class lists are remembered.
        """
        with self.lock:  # so that the last ones are these
            deque(self.read(class_names, templates), maxlen=0)
            return next(reversed(self._prototypes.values()))

    def read(
        self, class_names: Sequence[str], templates: Sequence[str] | None = None, at_once: int = PROMPTS_AT_ONCE
    ) -> Iterator[tuple[int, int]]:
        """Makes :meth:`prototypes` for later; between two pieces yields (prompts done, prompts in all)."""
        key = tuple(class_names), tuple(templates or self.info.templates)
        known = self._prototypes.get(key)
        if known is None:
            count, parts = len(key[0]) * len(key[1]), list[Tensor]()
            for part in self._encoded(*key, at_once):
                parts.append(part)
                if (done := sum(map(len, parts))) < count:
                    yield done, count
            known = F.normalize(torch.cat(parts).view(len(key[0]), len(key[1]), -1).mean(dim=1), dim=-1)
        with self.lock:
            self._prototypes[key] = known
            self._prototypes.move_to_end(key)
            while len(self._prototypes) > PROTOTYPE_CACHE:
                self._prototypes.popitem(last=False)

    def template_prototypes(self, names: Sequence[str], templates: Sequence[str], at_once: int, rest: Rest) -> Tensor:
        """Unit text embeddings ``(C, T, d)`` of each class name in each template, so many prompts from rest to rest."""
        parts = []
        for part in self._encoded(names, templates, at_once):
            parts.append(part)
            rest()
        return torch.cat(parts).view(len(names), len(templates), -1)

    def _encoded(self, names: Sequence[str], templates: Sequence[str], at_once: int) -> Iterator[Tensor]:
        prompts = [template.replace("{}", display_name(name)) for name in names for template in templates]
        for start in range(0, len(prompts), at_once):
            yield self.encode(prompts[start : start + at_once])

    def encode(self, prompts: list[str], context: Tensor | None = None, norms: Tensor | None = None) -> Tensor:
        """Unit text embeddings ``(len(prompts), d)`` float32; without a graph unless something in it is to learn.

        Args:
            context: ``(n, width)`` vectors that stand in for the first n words' token embeddings, in every prompt;
                gradients flow to it. See :class:`.text_tower.TextTower`.
            norms: φ ``(Q,)``, adapted normalisation parameters of the text tower; gradients flow to it.
        """
        learns = torch.is_grad_enabled() and not (context is None and norms is None)
        norms = self.source_text if norms is None and context is None else norms
        given = {"context": context} if context is not None else {"norms": norms} if norms is not None else {}
        with self.lock, torch.set_grad_enabled(learns):
            return F.normalize(self.encode_text(prompts, **given).float(), dim=-1)

    @property
    def text_parameters(self) -> Tensor:
        """φ ``(Q,)``, the source's normalisation parameters of the text tower."""
        return self.encode_text.normalisation[1] if self.source_text is None else self.source_text

    def context(self, text: str, count: int) -> Tensor:
        """Token embeddings ``(count, width)`` of a text's first words, from which a learnt context may start.

        Raises:
            UserError: the text tower has no room for so many.
        """
        with self.lock:
            return self.encode_text.words(text, count)

    @cached_property
    def dimension(self) -> int:
        """d, the length of an embedding."""
        return self.encode([""]).shape[1]

    def normalise(self, images: Tensor) -> Tensor:
        """uint8 ``(N, 3, S, S)`` → float with the model's mean and deviation; float input passes unchanged.

        The result has the dtype of the tower's products, to which its first layer would round it anyway.
        """
        images = images.to(self.device, non_blocking=True)
        if images.dtype == torch.uint8:
            # Plane by plane, and put in order in the end: with the three channels last it takes several times as long.
            pixels = images.float(memory_format=torch.contiguous_format).div_(255).sub_(self._mean).div_(self._std)
            images = pixels.to(self.autocast or torch.float32)
        return images.contiguous(memory_format=self.memory_format)

    def embed(
        self, images: Tensor, parameters: Tensor | None = None, *, alone: bool = False, unit: bool = True
    ) -> Tensor:
        """Normalised image embeddings z, in one pass; see :mod:`.pieces` for batches larger than memory.

        Args:
            images: ``(N, 3, S, S)`` uint8, or float already normalised.
            parameters: θ ``(P,)``, the adapted normalisation parameters; gradients flow to it. None: the source model.
            alone: each image has θ to itself, so that batch normalisation keeps the source's statistics.
            unit: to length 1; else as the tower made them.

        Returns:
            ``(N, d)`` float32, each row of length 1.
        """
        pixels = self.normalise(images)
        parameters = self.source_parameters if parameters is None and self.info.base else parameters
        with self.lock, self._precision():
            if parameters is None:
                features = self.tower(pixels)
            else:
                renewed = self.layout.batch_norms if self.batch_statistics and not alone else ()
                with renewing(self.tower, renewed, self.source_images) as statistics:
                    tensors = {**self.layout.unflatten(parameters), **statistics}
                    features = functional_call(self.tower, tensors, (pixels,))
        return F.normalize(features.float(), dim=-1) if unit else features.float()

    def embed_with_places(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Unit embeddings of images and of each place in them, under the source model, in one pass; see :mod:`.towers`.

        Args:
            images: as in :meth:`embed`.

        Returns:
            ``(N, d)``, the same as :meth:`embed` gives, and ``(N, M, d)``, float32.

        Raises:
            UserError: this tower shows no places.
        """
        pixels = self.normalise(images)
        with self.lock, self._precision(), holding(self.tower, self.layout.unflatten(self.source_parameters)):
            whole, places = self.look()(pixels)
        return F.normalize(whole.float(), dim=-1), F.normalize(places.float(), dim=-1)

    def look(self) -> Look:
        """How the tower shows the places in an image; found when first asked for.

        Raises:
            UserError: it shows none.
        """
        if self._look is None:
            size = self.info.image_size
            with self.lock, self._precision():
                self._look = find_look(self.tower, self.normalise(torch.zeros(1, 3, size, size, dtype=torch.uint8)))
        if self._look is None:
            raise UserError(
                "The image tower of {name} shows nothing of the single places in an image. Choose another backbone, or "
                "a method that does without them.",
                name=self.info.name,
            )
        return self._look

    def with_batch_statistics(self, source_images: int | None = None) -> "Backbone":
        """The same model, its tower and lock shared, that takes its statistics from each batch; see the attributes."""
        other = copy(self)
        other.batch_statistics, other.source_images = True, source_images
        return other

    @property
    def mixes_images(self) -> bool:
        """Whether an image's embedding depends on its batch, which then can't be cut into pieces."""
        return self.batch_statistics and bool(self.layout.batch_norms)

    def images_that_fit(self) -> int:
        """How many images' activations fit into the memory that is free now.

        A power of two, so that a little more or less of free memory changes no rounding.
        """
        free = free_bytes(self.device)
        if free is None or self.mixes_images:
            return 2**30
        if self._image_bytes is None:
            size = self.info.image_size
            image = torch.zeros(1, 3, size, size, dtype=torch.uint8)
            try:
                self._image_bytes = activation_bytes(self.embed, image, self.source_parameters)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                return 1  # for now; asked again for the next batch
        return 1 << (max(1, int(MEMORY_SHARE * free / self._image_bytes)).bit_length() - 1)

    def logits(self, cosines: Tensor) -> Tensor:
        """Scaled logits ``τ·cos + bias``, same shape."""
        return self.logit_scale * cosines + self.logit_bias

    def _precision(self) -> torch.autocast:
        enabled = self.autocast is not None
        return torch.autocast(self.device.type, self.autocast or torch.bfloat16, enabled=enabled)
