"""A run of the page for elsewhere: files for the browser to save. Pure."""

import shlex
from collections.abc import Callable, Iterator
from typing import Any

from cliptta_demo.backend.declare import Declared, settings_of
from cliptta_demo.backend.models.class_names import join_renames
from cliptta_demo.backend.models.loading import tuned_adaptation
from cliptta_demo.backend.models.offered import ADAPTED_PREFIX
from cliptta_demo.backend.models.saved_weights import UPLOADED_PREFIX
from cliptta_demo.backend.run.summary import full_report, to_csv
from cliptta_demo.backend.settings import StreamSettings
from cliptta_demo.languages import Text, say
from cliptta_demo.one_file import one_file
from cliptta_demo.page.form.links import to_query
from cliptta_demo.page.panels.declare import to_json
from cliptta_demo.page.panels.heads import run_line_html
from cliptta_demo.page.panels.images import GALLERY, with_scores
from cliptta_demo.page.panels.panel import DRAWING, STYLES, panel_html, spoken_language
from cliptta_demo.page.panels.stage import DRAWN, EXPLORE, WATCH, WHY
from cliptta_demo.page.session.state import Recipe, Session
from cliptta_demo.page.words.defaults import UPLOAD
from cliptta_demo.page.words.glossary import glossary_html
from cliptta_demo.page.words.texts import KEPT_RUN, TITLE, headline_html, sentence_html

FOLDER = "folder:PATH"  # a visitor's own images lie on the visitor's disk
OWN_IMAGES = Text("The images were your own: put the path of their folder in the place of PATH.")
WEIGHTS = f"{ADAPTED_PREFIX}FILE"
OWN_WEIGHTS = Text("The weights were your own: put the path of their file in the place of FILE.")
CHANGED = Text("Settings changed at batch {batches}; this is the whole run with the last of them.")

WORK = """
for (const [name, value] of DATA.panels) cliptta.mount(name, document.getElementById(name), { value }, () => {});
addEventListener("resize", () => cliptta.drawAnew());
"""
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


def as_command(session: Session) -> str:
    """The words of ``cliptta-demo run`` that make the same run, an option a line; in front, what is to be known."""
    recipe = session.recipe
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
    for name, value in _own(recipe).items():
        parts.append(["--set", f"{name}={str(value).lower() if isinstance(value, bool) else value}"])
    return "".join(f"# {note}\n" for note in _notes(session)) + " \\\n    ".join(map(shlex.join, parts)) + "\n"


def as_python(session: Session) -> str:
    """A script that makes the same run with the engine, likewise."""
    recipe, notes = session.recipe, _notes(session)
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


def run_as_page(session: Session) -> str:
    """All that the stage shows of a run in one HTML file, drawn by the page's own scripts."""
    drawn = [panel for panel in (*WATCH, *WHY, *EXPLORE) if panel in DRAWN or panel not in EXPLORE]
    places = {panel.name: f'<div id="{panel.name}">{panel_html(panel)}</div>' for panel in drawn}
    first, *middle, last = (places[panel.name] for panel in WATCH)
    depths = {"watch": first + f'<div id="middle">{"".join(middle)}</div>' + last}
    depths |= {
        name: "".join(places.get(panel.name, "") for panel in of) for name, of in (("why", WHY), ("explore", EXPLORE))
    }
    depths["explore"] = f'<div id="headline">{headline_html()}</div>' + depths["explore"]
    stages = "".join(f'<div id="{name}">{parts}</div>' for name, parts in depths.items())
    body = (
        f'{spoken_language()}<header class="masthead"><h1>{TITLE}</h1></header><div id="lead"><div id="sentence">'
        f'{sentence_html()}</div><div id="small-line"><p>{KEPT_RUN}</p>{run_line_html(session)}</div></div>'
        f'<div id="stage">{stages}{glossary_html()}</div>'
    )
    values = sorted(((panel.name, panel.value(session)) for panel in drawn), key=lambda own: own[0] != GALLERY.name)
    about = {"data": {"panels": [*values, ("sentence", "{}"), ("headline", "{}")]}, "work": WORK}
    about |= {"scripts": [f"{name}.js" for name in DRAWING], "styles": [f"{name}.css" for name in (*STYLES, "report")]}
    return one_file(say("A run of CLIPTTA"), body, kind="run", **about)


def results_csv(session: Session) -> str:
    """All results, image by image."""
    return "\ufeff" + to_csv(session.results, session.recipe.class_names, with_scores(session))


def report_json(session: Session) -> str:
    """Settings, seed, totals and series, as the command line writes them, and the link's query."""
    recipe = session.recipe
    result = full_report(
        session.snapshot,
        recipe.settings,
        backbone=recipe.backbone,
        dataset=recipe.dataset,
        ood=recipe.ood_source if recipe.settings.stream.ood_share > 0 else None,
        templates=recipe.templates,
    )
    result["link"] = f"?{to_query(recipe)}"
    result["changes"] = [{"batch": mark.batch + 1, "what": mark.label} for mark in session.marks]
    result["shifts"] = [{"corruption": name, "severity": severity} for name, severity in session.shifts]
    return to_json(result)


def _notes(session: Session) -> list[str]:
    notes = [say(OWN_IMAGES)] * (session.recipe.dataset == UPLOAD)
    notes += [say(OWN_WEIGHTS)] * (_backbone(session.recipe) == WEIGHTS)
    if session.marks:
        notes.append(CHANGED.format(batches=", ".join(str(mark.batch + 1) for mark in session.marks)))
    return notes


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


# What a button saves: its label, the file's name and type, and its text of a session that has a snapshot.
DOWNLOADS: dict[str, tuple[Text, str, str, Callable[[Session], str]]] = {
    "csv": (Text("All rows as CSV"), "cliptta-results.csv", "text/csv;charset=utf-8", results_csv),
    "json": (Text("Run as JSON"), "cliptta-run.json", "application/json", report_json),
    "page": (Text("Run as a page"), "cliptta-run.html", "text/html;charset=utf-8", run_as_page),
    "python": (Text("Run as Python"), "cliptta_run.py", "text/x-python", as_python),
    "command": (Text("Run as a command"), "cliptta-run.sh", "text/x-shellscript", as_command),
}


def download(kind: str, session: Session | None) -> str:
    """For ``saveFile`` in assets/results.js, as JSON text; empty before any result."""
    if session is None or session.snapshot is None:
        return ""
    _, name, mime, text = DOWNLOADS[kind]
    return to_json({"name": name, "type": mime, "text": text(session)})
