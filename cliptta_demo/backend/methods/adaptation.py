"""What one person's adaptation owns, and how one optimiser step changes it. Everything here is immutable data.

A state is small (the normalisation parameters, Adam's moments, the memory), pickles, and moves between devices. A
step makes a new state from the old one, so that a failure or a cancel in the middle changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from cliptta_demo.backend.methods.memory import ConfidentMemory

# Adam's constants as in the authors' release.
BETA_1, BETA_2, ADAM_EPSILON = 0.9, 0.999, 1e-6


@dataclass(frozen=True)
class AdaptationState:
    """Everything that adapts.

    Attributes:
        values: ``(P + 1,)`` float32: the normalisation parameters θ, then the learnable threshold α.
        first_moment, second_moment: Adam's, same shape.
        updates: scalar int64, optimiser steps taken.
        skipped: scalar int64, steps skipped because loss or gradient was not finite.
        memory: the confident memory, None before the first batch.
    """

    values: Tensor
    first_moment: Tensor
    second_moment: Tensor
    updates: Tensor
    skipped: Tensor
    memory: ConfidentMemory | None = None

    @classmethod
    def start(cls, source_parameters: Tensor) -> AdaptationState:
        """The untouched source model: θ ``(P,)`` as loaded, α = 0, no moments, no memory."""
        values = torch.cat([source_parameters, source_parameters.new_zeros(1)])
        counter = torch.zeros((), dtype=torch.int64, device=values.device)
        return cls(values, torch.zeros_like(values), torch.zeros_like(values), counter, counter)

    @property
    def parameters(self) -> Tensor:
        """θ ``(P,)``."""
        return self.values[:-1]

    @property
    def threshold(self) -> Tensor:
        """α, a scalar."""
        return self.values[-1]

    def with_threshold(self, threshold: Tensor) -> AdaptationState:
        """The same state with another α, unless that is NaN; its Adam moments carry on, as in the authors' release."""
        threshold = torch.where(threshold.isfinite(), threshold, self.threshold)
        return replace(self, values=torch.cat([self.values[:-1], threshold.to(self.values).reshape(1)]))

    def to(self, device: torch.device | str) -> AdaptationState:
        """The same state on another device."""
        memory = self.memory.to(device) if self.memory is not None else None
        tensors = (self.values, self.first_moment, self.second_moment, self.updates, self.skipped)
        return AdaptationState(*(tensor.to(device) for tensor in tensors), memory)


def adam_step(state: AdaptationState, loss: Tensor, gradient: Tensor, learning_rate: float) -> AdaptationState:
    """One step of Adam (Kingma & Ba 2015) over θ and α; the same numbers as ``torch.optim.Adam``.

    A step whose loss or gradient is not finite is skipped and counted. The choice is made on the device, without
    waiting for it.

    Args:
        state: before the step; loss: scalar; gradient: ``(P + 1,)``.
    """
    fine = torch.isfinite(loss) & torch.isfinite(gradient).all()
    gradient = torch.where(fine, gradient, 0.0)
    first = BETA_1 * state.first_moment + (1 - BETA_1) * gradient
    second = BETA_2 * state.second_moment + (1 - BETA_2) * gradient * gradient
    updates = state.updates + 1
    correction_1 = 1 - BETA_1 ** updates.double()
    correction_2 = 1 - BETA_2 ** updates.double()
    denominator = second.sqrt() / correction_2.sqrt().float() + ADAM_EPSILON
    values = state.values - (learning_rate / correction_1).float() * first / denominator
    fine = fine & torch.isfinite(values).all()
    return AdaptationState(
        torch.where(fine, values, state.values),
        torch.where(fine, first, state.first_moment),
        torch.where(fine, second, state.second_moment),
        torch.where(fine, updates, state.updates),
        state.skipped + (~fine).long(),
        state.memory,
    )
