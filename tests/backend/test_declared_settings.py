"""A setting is one declaration: what one from outside says is in form, link, API, command line, table, marks."""

from __future__ import annotations

import ast
import json
from dataclasses import make_dataclass, replace
from pathlib import Path
from urllib.parse import parse_qsl

import gradio as gr
import numpy as np
import pytest
from helpers import small_backbone
from paths import ROOT
from pressing import HOST

from cliptta_demo.backend.declare import Declared, choice, number, settings_of, switch, whole
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.methods.registry import METHODS
from cliptta_demo.backend.methods.zero_shot import ZeroShot
from cliptta_demo.backend.own_settings import build_own
from cliptta_demo.backend.run.experiment import RunState
from cliptta_demo.backend.settings import AdaptationSettings, RunSettings, StreamSettings
from cliptta_demo.backend.variants import parse_variant
from cliptta_demo.cli import main
from cliptta_demo.page.form import links
from cliptta_demo.page.form.fields import FORM, fields, form_of
from cliptta_demo.page.form.reading import read_form, usual_values
from cliptta_demo.page.layout import filling
from cliptta_demo.page.layout.sidebar import build_sidebar
from cliptta_demo.page.runs import api, gpu, runner
from cliptta_demo.page.session.state import Mark, Session, plan
from cliptta_demo.settings_table import settings_page

SEEN: list[EchoSettings] = []


class EchoSettings(Declared):
    """One setting of each kind."""

    shots: int = whole(3, 1, 16, "the release's", label="Shots", help="Kept per class.", mark="{} echoes")
    weight: float = number(0.5, 0, 2, label="Weight", option="lambda-echo", mark="echo {:g}")
    mode: str = choice("mean", {"mean": "Mean", "sum": "Sum"}, label="Mode", restart="the echo's mode")
    strict: bool = switch(False, label="Strict")


class Echo(ZeroShot):
    """Zero-shot that tells what it was told."""

    name, label, own = "echo", "Echo", EchoSettings

    def start(self) -> None:
        SEEN.append(self.task.own)


OTHERS = {"echo.shots": 5, "echo.weight": 1.5, "echo.mode": "sum", "echo.strict": True}
OWN = EchoSettings(shots=5, weight=1.5, mode="sum", strict=True)


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METHODS, "echo", Echo)
    SEEN.clear()


def form(**own: object) -> dict[str, object]:
    return {"methods": ["echo"]} | {f"echo.{name}": value for name, value in own.items()}


def test_it_is_a_widget_and_comes_back_from_the_form() -> None:
    with gr.Blocks():
        widgets, _ = build_sidebar(usual_values() | form(shots=7), "cpu", HOST.machine)
    assert list(widgets) == list(fields())
    assert list(widgets)[: len(FORM)] == list(FORM)
    assert [name for name in widgets if name.startswith("echo.")] == list(OTHERS)
    assert [type(widgets[name]) for name in OTHERS] == [gr.Number, gr.Number, gr.Radio, gr.Checkbox]
    assert (widgets["echo.shots"].label, widgets["echo.shots"].info, widgets["echo.shots"].value) == (
        "Shots",
        "Kept per class.",
        7,
    )
    usual = usual_values() | {"methods": ["echo"]}
    values = form_of([OTHERS.get(name, usual[name]) for name in fields()])
    assert read_form(values).settings.own == {"echo": OWN}
    assert read_form({"methods": ["tent"], "echo.shots": None}).settings.own == {}


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("shots", 17, "echo.shots is 17; it must be a whole number from 1 to 16."),
        ("shots", 2.5, "echo.shots is 2.5; it must be a whole number from 1 to 16."),
        ("shots", None, "Echo.shots is empty: type a number."),
        ("weight", float("nan"), "echo.weight is nan; it must be a number from 0 to 2."),
        ("mode", "max", "echo.mode is 'max'; it must be one of: mean, sum."),
        ("strict", 1, "echo.strict is 1; it must be true or false."),
    ],
)
def test_a_bad_value_is_refused_by_name(name: str, value: object, says: str) -> None:
    with pytest.raises(UserError) as caught:
        read_form(form(**{name: value}))
    assert str(caught.value) == says


def test_it_is_in_the_link_where_it_differs() -> None:
    assert "echo." not in links.to_query(read_form(form()))
    query = links.to_query(read_form({"methods": ["echo"], **OTHERS}))
    assert query.endswith("echo.shots=5&echo.weight=1.5&echo.mode=sum&echo.strict=1")
    recipe = links.open_link(dict(parse_qsl(query)))
    assert recipe.settings.own == {"echo": OWN}
    assert links.open_link(dict(parse_qsl(links.to_query(recipe)))) == recipe
    assert filling.open_address({"methods": "echo", "echo.shots": "5"})["echo.shots"] == 5
    with pytest.raises(UserError, match=r"echo\.shots is 'many'; it must be a whole number from 1 to 16\."):
        links.open_link({"methods": "echo", "echo.shots": "many"})


def test_a_change_is_a_mark_or_starts_the_run_anew() -> None:
    session = Session(read_form(form()), RunState(2, {}, {}, {}, np.zeros(12, np.int64)))
    assert plan(session, read_form(form(shots=5, weight=1.5))).session.marks == (Mark(2, "5 echoes, echo 1.5"),)
    assert plan(session, read_form(form(mode="sum"))).message.startswith("The echo's mode changed, so the run started")


def test_the_api_takes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    backbone = small_backbone()
    for module in (runner, gpu):
        monkeypatch.setattr(module, "load_backbone", lambda name, **_: backbone)
    list(api.endpoint(HOST)(methods=["echo"], batch_size=4, batches=1, adaptation=OTHERS))
    assert SEEN == [OWN]
    with pytest.raises(gr.Error, match=r"adaptation has no setting 'echo\.x'; it has: learning_rate, .*, echo\.shots"):
        list(api.endpoint(HOST)(adaptation={"echo.x": 1}))


def test_the_command_line_takes_it_and_json_keeps_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "r.json"
    words = [f"--set={name}={str(value).lower()}" for name, value in OTHERS.items()]
    main(["run", "--methods", "echo", *words, "--batches", "1", "--batch-size", "2", "--json", str(path), "--quiet"])
    settings = json.loads(path.read_text())["settings"]
    assert settings["own"] == {"echo": {"shots": 5, "weight": 1.5, "mode": "sum", "strict": True}}
    assert SEEN == [OWN]
    for word, says in {
        "echo.shots=many": "echo.shots is 'many'; it must be a whole number.",
        "echo.shots=99": "echo.shots is 99; it must be a whole number from 1 to 16.",
        "tent.shots=1": "set is 'tent.shots=1'; write METHOD.SETTING=VALUE with a setting out of: ",
    }.items():
        with pytest.raises(SystemExit):
            main(["run", "--set", word])
        assert says in (told := capsys.readouterr().err)
    assert "echo.shots, echo.weight" in told


def test_a_column_of_a_table_takes_it() -> None:
    variant = parse_variant("echo@shots=5@lambda-echo=1.5@mode=sum@strict=true@steps=3")
    assert variant.own == {"echo": OWN}
    assert variant.settings(AdaptationSettings()) == AdaptationSettings(steps=3)
    assert variant.title == "Echo, shots 5, lambda echo 1.5, mode sum, strict true, steps 3"
    with pytest.raises(UserError, match=r"with a word out of: lr, .*, symmetric\.$"):
        parse_variant("tent@shots=5")
    with pytest.raises(UserError, match=r"echo\.shots is 99"):
        parse_variant("echo@shots=99")


def test_own_settings_belong_to_methods_of_the_run() -> None:
    assert RunSettings(methods=("echo",)).own == {"echo": EchoSettings()}
    assert "own" not in RunSettings(methods=("zero-shot", "tent")).to_dict()
    assert replace(RunSettings(methods=("tent", "echo"), own={"echo": OWN}), methods=("tent",)).own == {}
    with pytest.raises(UserError, match="own has settings for echo that are another method's"):
        RunSettings(methods=("echo",), own={"echo": StreamSettings()})
    with pytest.raises(UserError, match=r"Unknown setting echo\.x; known: .*, echo\.shots"):
        build_own({"echo.x": 1})
    with pytest.raises(TypeError, match="Plain does not declare shots"):
        settings_of(make_dataclass("Plain", [("shots", int, 3)]))


def test_the_page_of_settings_has_methods_own() -> None:
    assert (
        "| `echo.shots` | 3 (the release's) | 1 to 16 | `--set echo.shots=…` | Shots. Kept per class. |"
        in settings_page()
    )


def test_every_declared_setting_has_a_reason_and_a_place() -> None:
    for settings in (StreamSettings, AdaptationSettings):
        for name, setting in settings_of(settings).items():
            assert setting.why, name
            assert bool(setting.label) == (name in FORM), name
            assert bool(setting.mark) + bool(setting.restart) == (name != "batches"), name


def test_no_other_module_lists_settings() -> None:
    """Values may be given by name, and a method says which it uses; no list, dict, class or signature repeats them."""
    names = {*settings_of(AdaptationSettings), *settings_of(StreamSettings)}
    package = ROOT / "cliptta_demo"
    lessons = (package / "page" / "lessons").glob("*.py")  # give values
    spared = {package / "backend" / "settings.py", *(package / "backend" / "methods").glob("*.py"), *lessons}
    listed = []
    for path in sorted(set(package.rglob("*.py")) - spared):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if len(names & set(_listed(node))) > 3:
                listed.append(f"{path.name}:{node.lineno}")
    assert listed == []


def _listed(node: ast.AST) -> list[object]:
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        return [item.value for item in node.elts if isinstance(item, ast.Constant)]
    if isinstance(node, ast.Dict):
        return [item.value for item in node.keys if isinstance(item, ast.Constant)]
    if isinstance(node, ast.FunctionDef):
        return [item.arg for item in (*node.args.args, *node.args.kwonlyargs)]
    if isinstance(node, ast.ClassDef):
        return [item.target.id for item in node.body if isinstance(item, ast.AnnAssign)]
    return []
