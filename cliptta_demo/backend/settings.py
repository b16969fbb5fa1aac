"""Settings of a run, as frozen dataclasses. Each default is the paper's unless the comment says otherwise.

Values are checked here, on the server's side, whatever a form or an address may claim: an unknown or out-of-range
value raises :class:`UserError` (a ``ValueError``) that names the field, the value and what is allowed.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

from cliptta_demo.backend.corruptions import CORRUPTIONS
from cliptta_demo.backend.errors import UserError, quoted

CORRUPTION_CYCLE = "cycle"  # another of the 15 corruptions for every batch
ORDERS = ("shuffled", "sorted")


def check_number(name: str, value: Any, low: float, high: float, *, whole: bool = False) -> None:
    """Raises :class:`UserError` unless ``low ≤ value ≤ high`` (and a whole number where asked)."""
    kind = "a whole number" if whole else "a number"
    right_type = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
    if not right_type or not low <= value <= high:  # NaN is in no range
        raise UserError(f"{name} is {quoted(value)}; it must be {kind} from {low:g} to {high:g}.")


def check_choice(name: str, value: Any, allowed: tuple[str, ...]) -> None:
    """Raises :class:`UserError` unless ``value`` is one of ``allowed``."""
    if value not in allowed:
        raise UserError(f"{name} is {quoted(value)}; it must be one of: {', '.join(allowed)}.")


def method_names() -> tuple[str, ...]:
    """All methods, in the order in which they are offered."""
    from cliptta_demo.backend.methods.registry import METHODS  # when asked: methods are built on these settings

    return tuple(METHODS)


def score_names() -> tuple[str, ...]:
    """All ID scores, in the order in which they are offered."""
    from cliptta_demo.backend.methods.scores import ID_SCORES

    return tuple(ID_SCORES)


@dataclass(frozen=True, kw_only=True)
class AdaptationSettings:
    """What the adapting methods do with one batch."""

    learning_rate: float = 1e-4  # Adam's; small backbones want more and bring their own tuned value
    steps: int = 10  # optimiser steps per batch
    regulariser_weight: float = 1.0  # λ_reg of CLIPTTA's marginal-entropy regulariser
    tent_regulariser_weight: float = 0.0  # TENT as published has no regulariser; 1 gives it CLIPTTA's
    memory_shots: int = 8  # images kept per class; the paper uses 4 to 16
    memory_sample: int = 64  # memory images that join each step, balanced over classes; the default batch
    oce_weight: float = 1.0  # λ_oce
    oce_gamma: float = 0.005  # γ, softness of the ID/OOD split
    score: str = "max-log-probability"  # the paper's ID score
    symmetric: bool = False  # the authors ran the row form of the contrastive loss only

    def __post_init__(self) -> None:
        check_number("learning_rate", self.learning_rate, 0, 1)
        check_number("steps", self.steps, 1, 50, whole=True)
        check_number("regulariser_weight", self.regulariser_weight, 0, 100)
        check_number("tent_regulariser_weight", self.tent_regulariser_weight, 0, 100)
        check_number("memory_shots", self.memory_shots, 0, 64, whole=True)
        check_number("memory_sample", self.memory_sample, 1, 1024, whole=True)
        check_number("oce_weight", self.oce_weight, 0, 1000)
        check_number("oce_gamma", self.oce_gamma, 1e-6, 10)
        check_choice("score", self.score, score_names())
        if not isinstance(self.symmetric, bool):
            raise UserError(f"symmetric is {quoted(self.symmetric)}; it must be true or false.")


@dataclass(frozen=True, kw_only=True)
class StreamSettings:
    """Which images arrive, in which order, and how they are corrupted."""

    corruption: str = "none"  # a corruption's name, "none", or "cycle"
    severity: int = 5  # 1 to 5; the paper reports 5
    ramp: bool = False  # severity rises from 1 to ``severity`` over the stream
    ood_share: float = 0.0  # of each batch, how much is out-of-distribution; the paper's open set: 0.5
    order: str = "shuffled"  # "sorted" delivers class after class, a hard case
    batch_size: int = 64  # paper: 128; 64 keeps a laptop live
    batches: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        check_choice("corruption", self.corruption, ("none", CORRUPTION_CYCLE, *CORRUPTIONS))
        check_number("severity", self.severity, 1, 5, whole=True)
        check_number("ood_share", self.ood_share, 0, 0.9)
        check_choice("order", self.order, ORDERS)
        check_number("batch_size", self.batch_size, 1, 512, whole=True)
        check_number("batches", self.batches, 1, 1000, whole=True)
        check_number("seed", self.seed, 0, 2**31 - 1, whole=True)
        if not isinstance(self.ramp, bool):
            raise UserError(f"ramp is {quoted(self.ramp)}; it must be true or false.")


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """One whole experiment: with the same settings, the same images give the same numbers."""

    methods: tuple[str, ...] = ("zero-shot", "tent", "cliptta")
    stream: StreamSettings = field(default_factory=StreamSettings)
    adaptation: AdaptationSettings = field(default_factory=AdaptationSettings)

    def __post_init__(self) -> None:
        if not self.methods:
            raise UserError("methods is empty; choose at least one of: " + ", ".join(method_names()) + ".")
        for method in self.methods:
            check_choice("methods", method, method_names())
        if len(set(self.methods)) < len(self.methods):
            raise UserError(f"methods names one method twice: {', '.join(self.methods)}.")

    def to_dict(self) -> dict[str, Any]:
        """Plain nested dict, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> RunSettings:
        """The inverse of :meth:`to_dict`; unknown names raise :class:`UserError`."""
        data = dict(data)
        if "methods" in data:
            data["methods"] = tuple(data["methods"])
        if "stream" in data:
            data["stream"] = _build(StreamSettings, data["stream"])
        if "adaptation" in data:
            data["adaptation"] = _build(AdaptationSettings, data["adaptation"])
        return _build(cls, data)


def _build(cls: type, data: dict[str, Any]) -> Any:
    known = {item.name for item in fields(cls)}
    unknown = set(data) - known
    if unknown:
        raise UserError(f"Unknown setting {', '.join(sorted(unknown))}; known: {', '.join(sorted(known))}.")
    return cls(**data)
