"""S-FRET (You et al. 2025): takes the correlation out of the dimensions of an embedding."""

import torch
from torch import Tensor
from torch.nn import functional as F

from cliptta_demo.backend.methods.adapting import AdaptingMethod
from cliptta_demo.backend.methods.registry import register
from cliptta_demo.languages import say


def redundancy(features: Tensor) -> Tensor:
    """How much each two dimensions of ``(N, d)`` embeddings say the same over a batch: ``(d, d)``, 0 where nothing.

    Dimensions are brought to length 1 over the batch; theirs with themselves is taken off.
    """
    each = F.normalize(features, dim=0)
    return each.T @ each - torch.eye(features.shape[1], device=features.device)


@register
class SFret(AdaptingMethod):
    """The mean of all entries' absolute values is the loss. It asks neither for classes nor for captions."""

    name, label = "s-fret", "S-FRET"
    sentence = say("Never looks at a prediction: only lets the features repeat one another less.")
    paper = "You et al., FRET: Feature Redundancy Elimination for Test Time Adaptation, ICCV 2025"
    family = "redundancy"
    colour, symbol, dash = "purple", "cross", "dot"

    def terms(self, features: Tensor, cosines: Tensor) -> dict[str, Tensor]:
        if len(features) == 1:  # all correlations are 1 or −1, and what gradient there is would be rounding
            return {}
        return {"redundancy": redundancy(features).abs().mean()}
