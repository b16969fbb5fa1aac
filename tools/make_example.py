"""Makes the finished run that the page opens with.

    python -m tools.make_example

runs the package's experiment, as ``make generate`` does among others, and writes anew ``assets/example.json``, for each
part of the stage what it shows, ``assets/example-sheet.jpg`` and ``example-clean.jpg``, the pictures of its gallery,
for which the page need not wait, and ``assets/example-batches.json``, the gallery of each earlier batch, which the page
fetches when somebody points at one. In another language than English the .json files have its code in their names,
``example-de.json``: until they are made, the page opens in it without a finished run.
"""

import base64
import io
import json
from typing import Any

import gradio as gr
from PIL import Image

from cliptta_demo.page.form.reading import read_form
from cliptta_demo.page.panels.declare import to_json
from cliptta_demo.page.panels.heads import example_progress_html
from cliptta_demo.page.panels.images import gallery_data
from cliptta_demo.page.panels.panel import EXAMPLE_PICTURES, example_file
from cliptta_demo.page.panels.stage import stage
from cliptta_demo.page.runs.handlers import sweep
from cliptta_demo.page.runs.host import Host
from cliptta_demo.page.runs.machine import Machine
from cliptta_demo.page.runs.runner import open_experiment, work
from cliptta_demo.page.session.state import Session

LIGHT_QUALITY = 50  # of the JPEG


def make_example() -> list[Session]:
    """The package's experiment, after each of its batches."""
    recipe, machine = read_form({}), Machine()
    experiment, _ = open_experiment(recipe, None, machine)
    looks = work(experiment, Session(recipe, experiment.start()), machine)
    return [look.session for look in looks if look.live is None]


def example_stage(session: Session) -> dict[str, str]:
    """Every part of the stage as after that run, marked as an example."""
    return stage(session, "done") | {"progress": example_progress_html()}


def example_sweep() -> str:
    """What *Turn one knob* shows of short runs at several learning rates, with the package's experiment otherwise."""
    *_, last = sweep(Host.of(gr.Blocks()), "learning_rate", None, {}, "example")
    return last["sweep"]


def light_gallery(session: Session) -> dict[str, Any]:
    """The gallery of a session's last batch, its picture packed tighter and the clean one left out."""
    data = gallery_data(session)
    packed = io.BytesIO()
    Image.open(io.BytesIO(base64.b64decode(data["sheet"]))).save(packed, "JPEG", quality=LIGHT_QUALITY)
    return data | {"sheet": base64.b64encode(packed.getvalue()).decode("ascii"), "clean": None}


def main() -> None:
    """Writes the file and says what it shows."""
    *earlier, session = make_example()
    parts, gallery = example_stage(session), gallery_data(session)
    for name, path in EXAMPLE_PICTURES.items():
        path.write_bytes(base64.b64decode(gallery[name]))
    parts["sweep"] = example_sweep()
    parts["gallery"] = to_json(gallery | dict.fromkeys(EXAMPLE_PICTURES))
    example, batches = example_file("example"), example_file("example-batches")
    known = json.loads(example.read_text(encoding="utf-8")) if example.exists() else {}
    if known != parts | {"gain": known.get("gain")}:  # which holds times, another with every run
        example.write_text(json.dumps(parts, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")
    for name, method in session.snapshot.methods.items():
        print(f"{name} {method.accuracy:.1%}")
    batches.write_text(to_json([light_gallery(each) for each in earlier]) + "\n", encoding="utf-8")
    print(f"{batches.name}: {batches.stat().st_size / 1e3:.0f} kB")
    print(f"{example.name}: {example.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
