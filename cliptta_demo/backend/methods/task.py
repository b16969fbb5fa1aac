"""What a method is built from, and what of it is known before any model is loaded."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor

from cliptta_demo.backend.methods.chosen import with_chosen
from cliptta_demo.backend.models.backbone import PROMPTS_AT_ONCE, Backbone
from cliptta_demo.backend.models.pieces import NO_REST, Rest
from cliptta_demo.backend.settings import AdaptationSettings, RunSettings


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
    prompts_at_once: int | None = None
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
            at_once = self.prompts_at_once or PROMPTS_AT_ONCE
            made = self.backbone.template_prototypes(self.class_names, templates, at_once, self.rest)
            self._made[templates] = made.transpose(0, 1)
        return self._made[templates]
