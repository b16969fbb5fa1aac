"""ETA that forgets: the source model once more after every so many steps."""

from torch import Tensor

from cliptta_demo.backend.declare import whole
from cliptta_demo.backend.methods.adaptation import AdaptationState, Prepared, Step
from cliptta_demo.backend.methods.registry import register
from cliptta_demo.backend.methods.reliable import Eta, FilterSettings
from cliptta_demo.backend.models.pieces import Passes
from cliptta_demo.languages import Text


class RDumbSettings(FilterSettings):
    """ETA's, and when it begins anew."""

    restart: int = whole(
        1000, 1, 1_000_000, "the paper's",
        label=Text("Restart after steps"), help=Text("Then it goes back to the source model and forgets all."),
        step=1, mark=Text("restart after {} steps"),
    )  # fmt: skip


@register
class RDumb(Eta):
    """Every so many steps θ, Adam's moments and ETA's average are as at the start. Release: oripress/CCC.

    Steps are counted whether an image was left to learn from or not. The release takes one a batch, and its entropy
    limit is 0.36 ln C for ImageNet's classes, ``(ln 1000)/2 − 1``; here it is ETA's.
    """

    name, label = "rdumb", "RDumb"
    sentence = Text("ETA that starts again from the source model after every so many steps, come what may.")
    paper = (
        "Press et al., RDumb: A simple approach that questions our progress in continual test-time adaptation, "
        "NeurIPS 2023"
    )
    colour, symbol, dash = "gold", "triangle-down", "dash"
    own = RDumbSettings

    def step(self, batch: Prepared, state: AdaptationState, step: int, seed: int) -> Step:
        done = state.kept.get("done", 0)
        if done >= self.task.own.restart:
            state, done = self.fresh(state), 0
        state, progress = super().step(batch, state, step, seed)
        return state.keep(done=done + 1), progress

    def _others(self, state: AdaptationState, passes: Passes, cosines: Tensor) -> dict[str, Tensor]:
        return {}
