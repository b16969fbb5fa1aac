"""What goes into a method's hands and comes out: its state, a batch of images, what is said of it, what it takes.

A state is immutable and small (what the method moves, Adam's moments, what it keeps), pickles, and moves between
devices. A step makes a new state from the old one, so that a failure or a cancel in the middle changes nothing.
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, is_dataclass, replace
from typing import Any

import torch
from torch import Tensor

from cliptta_demo.backend.methods.recorded import with_chosen
from cliptta_demo.backend.models.backbone import PROMPTS_AT_ONCE, Backbone
from cliptta_demo.backend.models.pieces import NO_REST, Rest
from cliptta_demo.backend.settings import AdaptationSettings, RunSettings

# Adam's constants as in the authors' release.
BETA_1, BETA_2, ADAM_EPSILON = 0.9, 0.999, 1e-6
SHARPNESS = 0.05  # ρ of a sharpness-aware step, in all releases that take one


@dataclass(frozen=True)
class AdaptationState:
    """Everything that adapts.

    Attributes:
        values: ``(P,)`` float32, what the optimiser moves; which number is what is the method's own affair.
        first_moment, second_moment: Adam's, same shape.
        updates: scalar int64, optimiser steps taken.
        skipped: scalar int64, steps skipped because loss or gradient was not finite.
        kept: what else the method keeps from batch to batch, by name: tensors, plain numbers, and objects that are
            dataclasses or have a ``to(device)`` of their own, also in tuples and dicts. Replaced, never changed.
    """

    values: Tensor
    first_moment: Tensor
    second_moment: Tensor
    updates: Tensor
    skipped: Tensor
    kept: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def start(cls, values: Tensor, kept: Mapping[str, Any] | None = None) -> "AdaptationState":
        """Nothing moved yet: these values, no moments."""
        counter = torch.zeros((), dtype=torch.int64, device=values.device)
        return cls(values, torch.zeros_like(values), torch.zeros_like(values), counter, counter, kept or {})

    def keep(self, **kept: Any) -> "AdaptationState":
        """The same state with these things kept, in the place of those of the same name."""
        return replace(self, kept={**self.kept, **kept})

    @property
    def nbytes(self) -> int:
        """Of all its tensors."""
        return _bytes_of(self)

    def to(self, device: torch.device | str) -> "AdaptationState":
        """The same state on another device."""
        return _moved(self, device)


def _moved(value: Any, device: torch.device | str) -> Any:
    if isinstance(value, Mapping):
        return {name: _moved(part, device) for name, part in value.items()}
    if type(value) in (tuple, list):
        return type(value)(_moved(part, device) for part in value)
    if is_dataclass(value):
        return replace(value, **{name: _moved(part, device) for name, part in vars(value).items()})
    return value.to(device) if hasattr(value, "to") else value


def _bytes_of(value: Any) -> int:
    if isinstance(value, Tensor):
        return value.nbytes
    if isinstance(value, tuple | list | Mapping):
        return sum(map(_bytes_of, value.values() if isinstance(value, Mapping) else value))
    return _bytes_of(vars(value)) if hasattr(value, "__dict__") else 0


def adam_step(
    state: AdaptationState,
    loss: Tensor,
    gradient: Tensor,
    learning_rate: float | Tensor,
    *,
    weight_decay: float = 0.0,
    epsilon: float = ADAM_EPSILON,
    taken: Tensor | None = None,
) -> AdaptationState:
    """One step of Adam (Kingma & Ba 2015), or AdamW (Loshchilov & Hutter 2019); the same numbers as torch's.

    A step whose loss or gradient is not finite is skipped and counted. The choice is made on the device, without
    waiting for it.

    Args:
        state: before the step; loss: scalar; gradient: ``(P,)``.
        weight_decay: AdamW's, apart from the gradient; epsilon: added to the denominator.
        taken: scalar bool; where it is false, nothing is done and nothing counted. None: true.
    """
    fine = torch.isfinite(loss) & torch.isfinite(gradient).all()
    gradient = torch.where(fine, gradient, 0.0)
    first = BETA_1 * state.first_moment + (1 - BETA_1) * gradient
    second = BETA_2 * state.second_moment + (1 - BETA_2) * gradient * gradient
    updates = state.updates + 1
    correction_1 = 1 - BETA_1 ** updates.double()
    correction_2 = 1 - BETA_2 ** updates.double()
    denominator = second.sqrt() / correction_2.sqrt().float() + epsilon
    values = state.values * (1 - learning_rate * weight_decay) if weight_decay else state.values
    values = values - (learning_rate / correction_1).float() * first / denominator
    fine = fine & torch.isfinite(values).all()
    skipped = ~fine
    if taken is not None:
        fine, skipped = fine & taken, skipped & taken
    return AdaptationState(
        torch.where(fine, values, state.values),
        torch.where(fine, first, state.first_moment),
        torch.where(fine, second, state.second_moment),
        torch.where(fine, updates, state.updates),
        state.skipped + skipped.long(),
        state.kept,
    )


def sharpest(values: Tensor, gradient: Tensor) -> Tensor:
    """Where the loss is steepest uphill of ``(P,)`` values, at a distance of ρ: ``θ + ρ·g/(‖g‖ + 1e-12)``.

    A sharpness-aware step (Foret et al., ICLR 2021) takes its gradient there and its Adam step from θ.
    """
    return values + SHARPNESS * gradient / (gradient.norm() + 1e-12)


@dataclass(frozen=True)
class Progress:
    """One moment of a method's work on a batch. Of the three predictions the last that is there counts.

    Attributes:
        step: steps done before this prediction, 0 … steps.
        cosines: ``(N, C)`` cosines of the batch's images and the prototypes.
        state: the new state in the last Progress, None before (and always for a method that keeps none).
        losses: the weighted terms of the loss at this step, scalars still on the device.
        logits: ``(N, C)`` scaled logits, of a method whose prediction is more than scaled cosines.
        probabilities: ``(N, C)``, of a method that has no logits.
        scores: ``(N,)`` ID scores, of a method that has its own; higher means more in-distribution.
    """

    step: int
    cosines: Tensor | None = None
    state: AdaptationState | None = None
    losses: dict[str, Tensor] = field(default_factory=dict)
    logits: Tensor | None = None
    probabilities: Tensor | None = None
    scores: Tensor | None = None

    def of_newest(self, count: int) -> "Progress":
        """The same of the last ``count`` images alone."""
        parts = {name: getattr(self, name) for name in ("cosines", "logits", "probabilities", "scores")}
        return replace(self, **{name: part if part is None else part[-count:] for name, part in parts.items()})


@dataclass(frozen=True)
class Cost:
    """What one batch takes of the towers.

    Attributes:
        forward, trained: images that go forward through the image tower alone, and that go there and back.
        prompts, trained_prompts: the same of the text tower.
        together: images of one pass there and back; None: as many as an even share of the steps has.
    """

    forward: int
    trained: int = 0
    prompts: int = 0
    trained_prompts: int = 0
    together: int | None = None


Step = tuple[AdaptationState, Progress]  # an optimiser step: the state after it, and what there is to see of it


class Prepared:
    """The images ``(N, 3, S, S)`` of one batch as the tower wants them: normalised once, not at every step."""

    def __init__(self, backbone: Backbone, images: Tensor) -> None:
        self.backbone = backbone
        self.images = images.to(backbone.device)
        self.pixels = backbone.normalise(self.images)
        self.made: dict[Hashable, Tensor] = {}  # what a method makes for this batch and may want at a later step


@dataclass(frozen=True, kw_only=True)
class Outline:
    """A task's settings and size.

    Attributes:
        settings: of all methods; own: the method's own, an instance of its class ``own``; None where it has none.
        classes: C.
    """

    settings: AdaptationSettings
    classes: int
    own: Any = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Task:
    """A shared model and the classes that are to be told apart.

    Attributes:
        backbone: the shared, frozen model.
        prototypes: ``(C, d)`` class prototypes, unit vectors.
        settings: what is done with one batch; own: the method's own settings, None where it has none.
        class_names: C words; templates: T prompts with ``{}`` for the word.
        images_at_once, prompts_at_once: that go through a tower between two rests, at most; None: as many as fit.
        rest: called between two pieces of work.
        clean_images: number → a batch of uncorrupted images ``(N, 3, S, S)`` of the stream's source, beside the stream;
            empty where the source has no more. None: there are none.
    """

    backbone: Backbone
    prototypes: Tensor
    settings: AdaptationSettings
    own: Any = None
    class_names: tuple[str, ...] = ()
    templates: tuple[str, ...] = ()
    images_at_once: int | None = None
    prompts_at_once: int = PROMPTS_AT_ONCE
    rest: Rest = NO_REST
    clean_images: Callable[[int], Tensor] | None = None
    _made: dict[tuple[str, ...], Tensor] = field(default_factory=dict, repr=False)

    def of_method(self, name: str, settings: RunSettings) -> "Task":
        """The same task as a run sets it to one method."""
        settings = with_chosen(settings, name)
        return replace(self, settings=settings.adaptation, own=settings.own.get(name))

    @property
    def outline(self) -> Outline:
        """Its settings and size."""
        return Outline(settings=self.settings, classes=len(self.prototypes), own=self.own)

    def template_prototypes(self, templates: tuple[str, ...] = ()) -> Tensor:
        """Prototypes per template, the task's own or others, ``(T, C, d)``, unit vectors; made when first asked for."""
        templates = templates or self.templates
        if templates not in self._made:
            made = self.backbone.template_prototypes(self.class_names, templates, self.prompts_at_once, self.rest)
            self._made[templates] = made.transpose(0, 1)
        return self._made[templates]
