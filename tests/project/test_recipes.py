"""Recipes of docs/architecture.md, followed to the letter in a copy of the project; test_outside follows others."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from paths import ROOT

METHOD = '''"""Sure of each image, even over the batch."""

from cliptta_demo.backend.methods.adapting import AdaptingMethod
from cliptta_demo.backend.methods.losses import marginal_entropy, mean_entropy
from cliptta_demo.backend.methods.registry import register
from cliptta_demo.languages import Text


@register
class Diverse(AdaptingMethod):
    """Information maximisation."""

    name, label = "diverse", "Information maximisation"
    sentence = Text("Sure of each image, even over the batch.")
    paper = "Liang et al., Do We Really Need to Access the Source Data?, ICML 2020"
    family, colour, symbol = "entropy", "purple", "star"

    def terms(self, features, cosines):
        logits = self.backbone.logits(cosines)
        return {"entropy": mean_entropy(logits), "diversity": -marginal_entropy(logits)}
'''
PANEL = '''"""How many images there were."""

from typing import TypedDict

from cliptta_demo.languages import Text
from cliptta_demo.page.panels.declare import Panel
from cliptta_demo.page.session.state import Session


class Counted(TypedDict):
    """What the panel draws."""

    images: int


def counted_data(session: Session) -> Counted:
    """How many have come."""
    return {"images": session.snapshot.images_done}


PANEL = Panel(name="counted", title=Text("Images so far"), sentence=Text("How many have come."), draw=counted_data)
'''
SCRIPT = """kinds.counted = function (body, { images }) {
  body.textContent = images === undefined ? say("Press Run: they are counted.") : say("{images} images", { images });
};
"""
LESSON = """
FOGGY = Lesson(
    key="foggy",
    title=Text("In the fog"),
    group="yours",
    minutes=3,
    changes={"corruption": "fog"},
    explains=(Told("Wait for fog, then press Run.", "gallery"),),
    runs=False,
)
"""
BACKBONE = """    "ViT-B-32/laion2b_s34b_b79k": BackboneEntry(
        label="OpenCLIP ViT-B/32",
        about=Text("Everybody's."),
        trained=Text("two billion images of the web"),
        parameters=151_277_313,
        gigaflops=8.8,
        prompt_gigaflops=6.0,
    ),
"""
SETTING = """    patience: int = whole(
        3, 0, 9, "a guess", label=Text("Patience"), help=Text("Batches to wait."),
        spoken="batches to wait", mark=Text("patience {}"),
    )
"""
NEW = {"backend/methods/diverse.py": METHOD, "page/panels/counted.py": PANEL}
# File, and what is put before what stands there.
CHANGED = (
    ("backend/methods/__init__.py", "    diverse,\n", "    adand,\n)"),
    ("backend/settings.py", SETTING, "    steps: int"),
    ("backend/data/presets.py", '    "mini": HubDataset("somebody/mini", "test", "Mini", 3),\n', '    "cifar10": Hub'),
    ("backend/models/offered.py", BACKBONE, '    "ViT-L-14/openai": '),
    ("page/panels/stage.py", "counted, ", "curves, figures,"),
    ("page/panels/stage.py", "counted.PANEL, ", "images.RESULTS),"),
    ("../assets/figures.js", SCRIPT, "figures.scores = "),
    ("page/lessons/streams.py", LESSON, "\nTURNS = "),
    ("page/lessons/lessons.py", "    streams.FOGGY,\n", "    losses.FAIR,"),
)
# The tests of what was added; that what is generated is up to date needs none here.
TESTS = [
    *("project/test_structure.py", "page/panels/test_panels.py", "page/lessons"),
    *("backend/test_settings.py", "backend/methods/test_looks.py", "backend/methods/test_every_method.py"),
    "backend/models/test_offered.py",
]
THESE = "not (test_every_method or test_offered or within_its_limits or of_today) or diverse or laion2b"


def test_what_a_recipe_names_is_all_that_it_takes(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "__pycache__", "results"))
    package = copy / "cliptta_demo"
    for name, text in NEW.items():
        (package / name).write_text(text, encoding="utf-8")
    for name, new, place in CHANGED:
        text = (package / name).read_text(encoding="utf-8")
        assert text.count(place) == 1, (name, place)
        (package / name).write_text(text.replace(place, new + place), encoding="utf-8")
    generate = re.search(r"^generate:\n\t(.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)[1]
    python = {"$(PYTHON)": sys.executable}
    subprocess.run([python.get(word, word) for word in generate.split()], cwd=copy, check=True)
    pytest = [sys.executable, "-m", "pytest", "-q", "-m", "not (browser or slow)", "-k", THESE]
    ended = subprocess.run([*pytest, *TESTS], cwd=copy / "tests", capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout[-3000:]
