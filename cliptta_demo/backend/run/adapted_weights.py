"""What a run has made of the image tower, as weights that open_clip loads."""

import io
import zipfile
from pathlib import Path

from safetensors.torch import save

from cliptta_demo.backend.methods.adaptation import Task
from cliptta_demo.backend.methods.adapting import AdaptingMethod
from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.backend.models.backbone import Backbone
from cliptta_demo.backend.models.offered import TINY, TINY_DIRECTORY
from cliptta_demo.backend.run.experiment import RunState
from cliptta_demo.backend.settings import RunSettings
from cliptta_demo.languages import say

LOADING = """
    import open_clip
    from safetensors.torch import load_file
{first}
    model = open_clip.create_model({model}
    model.load_state_dict(load_file("METHOD.safetensors"), strict=False)
"""
# open_clip builds the built-in model through it: it travels with its weights.
TOWER = Path(__file__).parents[1] / "models" / "tiny_tower.py"
CONFIG = TINY_DIRECTORY / "open_clip_config.json"
MODEL = TINY_DIRECTORY / "open_clip_model.safetensors"


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
            method = kind(task.of_method(name, settings))
            values = method.predictor(adaptation).float().cpu()
            theta, text = values[: backbone.layout.size], values[backbone.layout.size :]
            tensors = {f"visual.{n}": t.contiguous() for n, t in backbone.layout.unflatten(theta).items()}
            if len(text):  # it has moved the text tower too
                tensors |= backbone.encode_text.normalisation[0].unflatten(text)
            about = {"method": name, "backbone": backbone.info.base or backbone.info.name}
            files[name] = save(tensors, about | ({"statistics": "batch"} if method.backbone.mixes_images else {}))
    return files


def saved_files(backbone: Backbone, settings: RunSettings, state: RunState) -> dict[str, bytes]:
    """Name → content of what is saved: a file for each method, what to do with them, the built-in model's architecture.

    All of it is small: the rest of the model is where it was.
    """
    name = backbone.info.base or backbone.info.name
    about = say(
        "Each file holds the normalisation weights of {backbone} after {batches} batches of a method. To load one:",
        backbone=name,
        batches=state.next_batch,
    )
    rest, first, model = [say("The rest of the model is as it was.")], "", "...)  # the backbone that was adapted"
    files = {f"{method}.safetensors": data for method, data in adapted_weights(backbone, settings, state).items()}
    if name == TINY:
        first = f"    import {TOWER.stem}  # beside this file: it builds the model's image tower\n"
        model = '"local-dir:.")'
        files |= {file.name: file.read_bytes() for file in (CONFIG, TOWER)}
        rest.append(say("It is in {file} of this program; put it beside this file.", file=f"weights/tiny/{MODEL.name}"))
    rest.append(say("Here it runs as: {words}", words="run --backbone adapted:METHOD.safetensors"))
    if backbone.layout.batch_norms:
        trains = say("Where its metadata say “statistics: batch”, batch normalisation predicts in training mode:")
        rest.append(f"{trains} batch-statistics, --set batch-statistics.source_images=0.")
    loading = LOADING.format(first=first, model=model)
    return {"README.txt": "\n".join([about, loading, *rest, ""]).encode(), **files}


def as_archive(files: dict[str, bytes]) -> bytes:
    """A zip of them."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return packed.getvalue()
