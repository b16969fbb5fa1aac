"""A run of the page for elsewhere: as a command line, and as Python. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

from cliptta_demo.backend.declare import Declared, settings_of
from cliptta_demo.backend.models.class_names import join_renames
from cliptta_demo.backend.models.loading import tuned_adaptation
from cliptta_demo.backend.models.offered import ADAPTED_PREFIX
from cliptta_demo.backend.models.uploaded_weights import UPLOADED_PREFIX
from cliptta_demo.backend.settings import StreamSettings
from cliptta_demo.languages import say
from cliptta_demo.page.panels.declare import to_json
from cliptta_demo.page.session.state import Recipe, Session
from cliptta_demo.page.words.defaults import UPLOAD

FOLDER = "folder:PATH"  # a visitor's own images lie on the visitor's disk
OWN_IMAGES = say("The images were your own: put the path of their folder in the place of PATH.")
WEIGHTS = f"{ADAPTED_PREFIX}FILE"
OWN_WEIGHTS = say("The weights were your own: put the path of their file in the place of FILE.")
CHANGED = say("Settings changed at batch {batches}; this is the whole run with the last of them.")

SCRIPT = '''"""A run of the CLIPTTA demo in Python; the package comes with: pip install .{notes}"""

from dataclasses import replace

from cliptta_demo.backend.data.catalog import open_source, open_strangers
from cliptta_demo.backend.models.loading import load_backbone
from cliptta_demo.backend.own_settings import build_own
from cliptta_demo.backend.run.experiment import Experiment
from cliptta_demo.backend.settings import RunSettings, StreamSettings

backbone = load_backbone({backbone!r})
settings = RunSettings(
    methods={methods!r},
    stream=StreamSettings({stream}),
    adaptation=replace(backbone.info.adaptation{adaptation}),
    own=build_own({own!r}),
)
source = open_source({dataset!r}, {classes!r})
strangers = {strangers}
experiment = Experiment(settings, backbone, source, strangers, {words!r}, {templates!r})
for state, snapshot in experiment.run():
    print(snapshot.batch + 1, {{name: method.accuracy for name, method in snapshot.methods.items()}})
'''


def as_command(recipe: Recipe) -> str:
    """The words of ``cliptta-demo run`` that make the same run, an option a line."""
    options = [("backbone", _backbone(recipe)), ("dataset", _dataset(recipe))]
    if recipe.class_names:
        options.append(("classes", join_renames(recipe.source_names, recipe.class_names)))
    options.append(("methods", ",".join(recipe.settings.methods)))
    if recipe.settings.stream.ood_share:
        options.append(("ood", recipe.ood_source))
    parts = [["cliptta-demo", "run"], *([f"--{name}", value] for name, value in options)]
    if recipe.templates:
        parts.append(["--templates", *recipe.templates])
    for setting, value in _changed(recipe):
        parts.append([f"--{setting.word}"] + [str(value)] * (setting.kind is not bool))
    parts += [["--set", f"{name}={_flag(value)}"] for name, value in _own(recipe).items()]
    return " \\\n    ".join(map(shlex.join, parts))


def as_python(recipe: Recipe, notes: tuple[str, ...] = ()) -> str:
    """A script that makes the same run with the engine; ``notes`` go into its first lines."""
    strangers = f"open_strangers({recipe.ood_source!r}, {_dataset(recipe)!r}, source.class_names)"
    names = settings_of(StreamSettings)
    changed = {setting.name: value for setting, value in _changed(recipe)}
    stream = ", ".join(f"{name}={value!r}" for name, value in changed.items() if name in names)
    adaptation = "".join(f", {name}={value!r}" for name, value in changed.items() if name not in names)
    return SCRIPT.format(
        notes="".join(f"\n\n{note}" for note in notes) + "\n" * bool(notes),
        backbone=_backbone(recipe),
        methods=recipe.settings.methods,
        stream=stream,
        adaptation=adaptation,
        own=_own(recipe),
        dataset=_dataset(recipe),
        classes=recipe.source_names or None,
        strangers=strangers if recipe.settings.stream.ood_share else None,
        words=recipe.class_names or None,
        templates=recipe.templates or None,
    )


def command_download(session: Session | None) -> str:
    """The command line as a file for the browser to save; empty before any run."""
    if session is None:
        return ""
    text = "".join(f"# {note}\n" for note in _notes(session)) + as_command(session.recipe) + "\n"
    return to_json({"name": "cliptta-run.sh", "type": "text/x-shellscript", "text": text})


def python_download(session: Session | None) -> str:
    """The script as a file for the browser to save; empty before any run."""
    if session is None:
        return ""
    text = as_python(session.recipe, _notes(session))
    return to_json({"name": "cliptta_run.py", "type": "text/x-python", "text": text})


def _notes(session: Session) -> tuple[str, ...]:
    """What a person has to know of the exported run, in sentences."""
    notes = [OWN_IMAGES] * (session.recipe.dataset == UPLOAD)
    notes += [OWN_WEIGHTS] * (_backbone(session.recipe) == WEIGHTS)
    if session.marks:
        notes.append(CHANGED.format(batches=", ".join(str(mark.batch + 1) for mark in session.marks)))
    return tuple(notes)


def _backbone(recipe: Recipe) -> str:
    return WEIGHTS if recipe.backbone.startswith(UPLOADED_PREFIX) else recipe.backbone


def _dataset(recipe: Recipe) -> str:
    return FOLDER if recipe.dataset == UPLOAD else recipe.dataset


def _changed(recipe: Recipe) -> Iterator[tuple[Any, Any]]:
    """(declaration, value) of what is not as the engine has it by itself."""
    usual: tuple[tuple[Declared, Declared], ...] = (
        (recipe.settings.stream, StreamSettings()),
        (recipe.settings.adaptation, tuned_adaptation(recipe.backbone)),
    )
    for given, default in usual:
        for name, setting in settings_of(type(given)).items():
            if getattr(given, name) != getattr(default, name):
                yield setting, getattr(given, name)


def _own(recipe: Recipe) -> dict[str, Any]:
    """METHOD.SETTING → value where it is not the default."""
    return {
        name: getattr(part, setting.name)
        for name, setting, part in recipe.settings.declared()
        if "." in name and getattr(part, setting.name) != setting.default
    }


def _flag(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
