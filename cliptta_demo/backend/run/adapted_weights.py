"""What a run has made of the image tower, as weights that open_clip loads."""

import io
import zipfile

from safetensors.torch import save

from cliptta_demo.backend.methods.adapting import AdaptingMethod
from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.backend.methods.task import Task
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.run.experiment import RunState
from cliptta_demo.backend.settings import RunSettings
from cliptta_demo.languages import say

LOADING = """
    import open_clip
    from safetensors.torch import load_file

    model = open_clip.create_model(...)  # the backbone that was adapted
    model.load_state_dict(load_file("METHOD.safetensors"), strict=False)
"""


def adapted_weights(backbone: Backbone, settings: RunSettings, state: RunState) -> dict[str, bytes]:
    """Method → a safetensors file of the normalisation parameters that it predicts with, for each that moves them.

    The names are those of open_clip's model, float32.
    """
    nothing = backbone.source_parameters.new_zeros(len(state.true_histogram), backbone.dimension)
    task = Task(backbone=backbone, prototypes=nothing, settings=settings.adaptation)
    files = {}
    for name in settings.methods:
        kind, adaptation = METHODS[name], state.adaptations.get(name)
        if issubclass(kind, AdaptingMethod) and kind.adapts and adaptation is not None:
            theta = kind(task.of_method(name, settings)).predictor(adaptation).float().cpu()
            tensors = {f"visual.{n}": t.contiguous() for n, t in backbone.layout.unflatten(theta).items()}
            files[name] = save(tensors, {"method": name, "backbone": backbone.info.name})
    return files


def as_archive(files: dict[str, bytes], backbone: str, batches: int) -> bytes:
    """A zip of them, and of what to do with them."""
    about = say(
        "Each file holds the normalisation weights of {backbone} after {batches} batches of a method. To load one:",
        backbone=backbone,
        batches=batches,
    )
    rest = say("The rest of the model is as it was.")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("README.txt", f"{about}\n{LOADING}\n{rest}\n")
        for name, data in files.items():
            archive.writestr(f"{name}.safetensors", data)
    return packed.getvalue()
