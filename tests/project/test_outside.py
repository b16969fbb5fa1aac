"""What somebody adds from outside the package is there everywhere: run, command line, table, bench, link, page."""

import json
import pickle
import re
from collections.abc import Iterator
from dataclasses import make_dataclass, replace
from pathlib import Path
from unittest.mock import Mock

import gradio as gr
import numpy as np
import pytest
from helpers import labelled_source, random_images, settings_for, small_backbone
from outside import CacheSettings, FeatureCache, added
from pressing import HOST

from cliptta_demo.backend.data.catalog import open_source, open_strangers, register_source
from cliptta_demo.backend.declare import settings_of
from cliptta_demo.backend.errors import UserError
from cliptta_demo.backend.methods.base import Method
from cliptta_demo.backend.methods.losses import register_score
from cliptta_demo.backend.methods.registry import METHODS, register
from cliptta_demo.backend.methods.tent import Tent
from cliptta_demo.backend.own_settings import build_own
from cliptta_demo.backend.plugins import load_plugins
from cliptta_demo.backend.run.arithmetic import WHOLE, Towers, Turn, cost_of, run_size
from cliptta_demo.backend.run.experiment import Experiment, RunState
from cliptta_demo.backend.settings import AdaptationSettings, RunSettings, StreamSettings
from cliptta_demo.backend.variants import parse_variant
from cliptta_demo.cli import main
from cliptta_demo.page.form.fields import FORM, fields, form_of
from cliptta_demo.page.form.links import open_link, to_query
from cliptta_demo.page.form.reading import read_form, usual_values
from cliptta_demo.page.layout.sidebar import build_knobs, build_sidebar
from cliptta_demo.page.runs import api
from cliptta_demo.page.session.state import Mark, Session, plan
from cliptta_demo.research.bench import bench
from cliptta_demo.settings_table import settings_page

NAMES = ("zero-shot", "cliptta", "feature-cache", "sharp")


@pytest.fixture
def outside() -> Iterator[None]:
    with added():
        yield


def experiment(turn: Turn = WHOLE, **changes: object) -> Experiment:
    stream = {"batch_size": 10, "batches": 2, "corruption": "night", "severity": 3}
    settings = settings_for(*NAMES, **stream, learning_rate=1e-3, steps=3, memory_shots=2, score="margin")
    return Experiment(replace(settings, **changes), small_backbone(), labelled_source(), turn=turn)


def test_methods_of_another_shape_run_beside_the_others(outside: None) -> None:
    run = experiment()
    moments = list(run.advance(run.start()))
    assert [live.step for _, live in moments if hasattr(live, "step")] == [0, 1, 2]
    state, snapshot = moments[-1]
    cache, sharp = snapshot.methods["feature-cache"], snapshot.methods["sharp"]
    assert cache.batch.cosines is None
    assert cache.drift == (0.0,) * len(snapshot.layers)
    assert max(sharp.drift) > 0
    assert state.adaptations["sharp"].updates.item() == 2  # steps of its own
    assert state.adaptations["sharp"].kept["average"].item() > 0
    assert cache.batch.confidence.max() <= 1
    differs = cache.batch.confidence != snapshot.methods["zero-shot"].batch.confidence
    assert differs.all()  # what the cache adds
    for method in snapshot.methods.values():
        assert (method.batch.scores >= 0).all()  # margins are never negative
        assert np.isfinite(method.threshold)
    *_, (after, last) = run.run(state)
    *_, (again, same) = experiment().run(pickle.loads(pickle.dumps(state.to("cpu"))))
    assert after.adaptations["feature-cache"].kept["seen"] == again.adaptations["feature-cache"].kept["seen"] == 20
    for name in NAMES:
        assert np.array_equal(last.methods[name].batch.scores, same.methods[name].batch.scores)


def test_they_rest_between_pieces_and_predict_the_same(outside: None) -> None:
    (_, (_, whole)), (_, (_, cut)) = (list(experiment(turn).run()) for turn in (WHOLE, Turn(images=3)))
    for name in NAMES:
        assert whole.methods[name].batch.scores == pytest.approx(cut.methods[name].batch.scores, abs=1e-4)
    run = experiment(Turn(images=3))
    cache = run.methods["feature-cache"]
    cache.rest = Mock()
    list(cache.adapt(random_images(10), cache.start(), 0))
    assert cache.rest.call_count == 3


def test_their_cost_and_size_are_known_before(outside: None) -> None:
    run, towers = experiment(), Towers.of(small_backbone())
    costs = {n: cost_of(replace(run.settings, methods=(n,)), towers, 5, 5).batch / towers.image for n in NAMES}
    assert [costs["feature-cache"], costs["sharp"]] == pytest.approx([10, 10 + 3 * 2 * 2 * 10])
    size, less = (run_size(replace(run.settings, methods=names), run.backbone, 5) for names in (NAMES, NAMES[:2]))
    assert size.rest - less.rest > 3 * 5 * 4 * 32  # the cache's features, among others


def test_a_method_says_all_of_itself_and_a_name_is_given_once(outside: None) -> None:
    assert register(METHODS["sharp"]) is METHODS["sharp"]
    with pytest.raises(ValueError, match="'tent'; Tent is registered"):
        register(type("Other", (Tent,), {}))
    with pytest.raises(ValueError, match="Silent does not say its paper, family"):
        register(type("Silent", (Method,), {"name": "x", "label": "X", "sentence": "Says nothing."}))
    with pytest.raises(ValueError, match="its year must stand at its end"):
        register(type("Undated", (Tent,), {"name": "undated", "paper": "Nobody, nowhere"}))
    with pytest.raises(ValueError, match="'margin'"):
        register_score("margin")


def test_the_bench_knows_them(outside: None) -> None:
    names = ("feature-cache", "sharp")
    measured = bench(small_backbone(), batch_size=4, memory=4, steps=1, repeats=1, methods=names)["methods"]
    assert measured["sharp"]["ratio"] > 1
    assert measured["feature-cache"]["ratio"] is None


def test_a_kind_of_data_set_is_opened_by_how_its_names_begin(
    outside: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "run.json"
    words = "run --batches 1 --batch-size 8 --methods zero-shot --dataset grey:32 --ood grey:16 --json"
    main([*words.split(), str(path)])
    assert json.loads(path.read_text())["methods"]["zero-shot"]["auroc"] is not None
    for dataset, hub in (("grey:32", ""), ("hub", "grey:32")):  # as a link says it, and as it is typed
        recipe = open_link({"dataset": dataset, "hub_dataset": hub})
        assert (recipe.dataset, recipe.class_names) == ("grey:32", ())
    (result,) = api.endpoint(HOST)(dataset="grey:32", methods=["zero-shot"], batch_size=8, batches=1)
    assert sum(result["methods"]["zero-shot"]["histogram"]) == 8
    assert open_source("grey:32", visitor=True).length() == open_strangers("others", "grey:8", ("dark",)).length() == 40
    with pytest.raises(UserError, match=r"dataset is 'gray:32'; it must be one of: .*, grey:SIDE\."):
        open_link({"dataset": "gray:32"})
    with pytest.raises(SystemExit):
        main(["run", "--help"])
    assert "grey:SIDE" in " ".join(capsys.readouterr().out.split())
    for taken in ("grey:", "hf:", "grey"):
        with pytest.raises(ValueError, match=f"prefix is '{taken}'; it must end in a colon"):
            register_source(taken, open_source)


def test_a_plugin_that_cannot_be_loaded_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken.py").write_text("import nothing_of_this_name")
    for name, says in (
        ("broken.py", "broken.py' can't be loaded: ModuleNotFoundError: No module named 'nothing_of_this_name'"),
        ("absent.py", "absent.py' can't be loaded: FileNotFoundError: "),
    ):
        monkeypatch.setenv("CLIPTTA_PLUGINS", str(tmp_path / name))
        with pytest.raises(UserError, match=re.escape(says)):
            load_plugins()


OWN = CacheSettings(shots=5, weight=1.5, mode="mean", frozen=True)
CACHE = {f"feature-cache.{name}": value for name, value in vars(OWN).items()}


def form(**own: object) -> dict[str, object]:
    return {"methods": ["feature-cache"]} | {f"feature-cache.{name}": value for name, value in own.items()}


@pytest.fixture
def told(outside: None, monkeypatch: pytest.MonkeyPatch) -> list[CacheSettings]:
    """The settings of each run that a cache starts."""
    seen: list[CacheSettings] = []
    start = FeatureCache.start
    monkeypatch.setattr(FeatureCache, "start", lambda self: seen.append(self.task.own) or start(self))
    return seen


def test_a_setting_is_a_widget_and_comes_back_from_the_form(outside: None) -> None:
    with gr.Blocks():
        widgets, _ = build_sidebar(usual_values() | form(shots=7), "cpu", HOST.machine, build_knobs(usual_values()))
    assert list(widgets) == list(fields())
    assert list(widgets)[: len(FORM)] == list(FORM)
    assert [type(widgets[name]) for name in CACHE] == [gr.Number, gr.Number, gr.Radio, gr.Checkbox]
    shots = widgets["feature-cache.shots"]
    assert (shots.label, shots.info, shots.value) == ("Shots", "Kept per class.", 7)
    usual = usual_values() | {"methods": ["feature-cache"]}
    values = form_of([CACHE.get(name, usual[name]) for name in fields()])
    assert read_form(values).settings.own == {"feature-cache": OWN}
    assert read_form({"methods": ["tent"], "feature-cache.shots": None}).settings.own == {}
    assert "| `feature-cache.shots` | 3 (the paper's) | 1 to 16 | `--set feature-cache.shots=…` |" in settings_page()


def test_a_bad_value_is_refused_by_name(outside: None) -> None:
    for name, value, says in (
        ("shots", 17, "is 17; it must be a whole number from 1 to 16."),
        ("shots", None, "is empty: type a number."),
        ("weight", float("nan"), "is nan; it must be a number from 0 to 10."),
        ("mode", "max", "is 'max'; it must be one of: sum, mean."),
        ("frozen", 1, "is 1; it must be true or false."),
    ):
        with pytest.raises(UserError) as caught:
            read_form(form(**{name: value}))
        assert str(caught.value).lower() == f"feature-cache.{name} {says}"


def test_a_change_is_a_mark_or_starts_the_run_anew(outside: None) -> None:
    session = Session(read_form(form()), RunState(2, {}, {}, {}, np.zeros(12, np.int64)))
    marked = plan(session, read_form(form(shots=5, weight=1.5)))
    assert marked.session.marks == (Mark(2, "5 features, cache 1.5"),)
    assert plan(session, read_form(form(mode="mean"))).message.startswith(
        "The cache's mode changed, so the run started"
    )


def test_the_api_the_command_line_and_a_column_of_a_table_take_it(
    told: list[CacheSettings], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    list(api.endpoint(HOST)(methods=["feature-cache"], batch_size=4, batches=1, adaptation=CACHE))
    with pytest.raises(gr.Error, match=r"adaptation has no setting 'feature-cache\.x'; it has: learning_rate, "):
        list(api.endpoint(HOST)(adaptation={"feature-cache.x": 1}))
    path = tmp_path / "r.json"
    words = [f"--set={name}={str(value).lower()}" for name, value in CACHE.items()]
    sizes = "--methods zero-shot,feature-cache,sharp --corruption night --score margin --batches 1 --batch-size 2"
    main(["run", *words, *sizes.split(), "--json", str(path)])
    result = json.loads(path.read_text())
    assert list(result["methods"]) == ["zero-shot", "feature-cache", "sharp"]
    assert result["settings"]["stream"]["corruption"] == "night"
    assert CacheSettings(**result["settings"]["own"]["feature-cache"]) == OWN
    assert told == [OWN, OWN]
    for word, says in {
        "feature-cache.shots=many": "shots is 'many'; it must be a whole number.",
        "feature-cache.shots=99": "shots is 99; it must be a whole number from 1 to 16.",
        "tent.shots=1": "set is 'tent.shots=1'; write METHOD.SETTING=VALUE with a setting out of: ",
    }.items():
        with pytest.raises(SystemExit):
            main(["run", "--set", word])
        assert says in capsys.readouterr().err
    variant = parse_variant("feature-cache@shots=5@lambda-cache=1.5@mode=mean@frozen=true@steps=3")
    assert variant.own == {"feature-cache": OWN}
    assert variant.settings(AdaptationSettings()) == AdaptationSettings(steps=3)
    assert variant.title == "Feature cache, shots 5, lambda cache 1.5, mode mean, frozen true, steps 3"
    for column, says in (
        ("tent@shots=5", r"a word out of: lr, .*, prediction\.$"),
        ("feature-cache@shots=99", "is 99"),
    ):
        with pytest.raises(UserError, match=says):
            parse_variant(column)


def test_own_settings_belong_to_methods_of_the_run(outside: None) -> None:
    assert RunSettings(methods=("feature-cache",)).own == {"feature-cache": CacheSettings()}
    assert "own" not in RunSettings(methods=("zero-shot", "tent")).to_dict()
    both = RunSettings(methods=("tent", "feature-cache"), own={"feature-cache": OWN})
    assert replace(both, methods=("tent",)).own == {}
    with pytest.raises(UserError, match="own has settings for feature-cache that are another method's"):
        RunSettings(methods=("feature-cache",), own={"feature-cache": StreamSettings()})
    with pytest.raises(UserError, match=r"Unknown setting feature-cache\.x; known: .*feature-cache\.mode"):
        build_own({"feature-cache.x": 1})
    with pytest.raises(TypeError, match="Plain does not declare shots"):
        settings_of(make_dataclass("Plain", [("shots", int, 3)]))


def test_a_link_leads_to_them(outside: None) -> None:
    query = {"methods": "tent,feature-cache,sharp", "corruption": "night", "score": "margin"}
    recipe = open_link(query)
    assert recipe.settings.methods == ("zero-shot", "tent", "feature-cache", "sharp")
    methods = "zero-shot%2Ctent%2Cfeature-cache%2Csharp"
    plain = f"corruption=night&methods={methods}&batch_size=64&batches=10&score=margin"
    assert to_query(recipe) == plain
    changed = open_link(query | {name: str(value) for name, value in (CACHE | {"feature-cache.frozen": 1}).items()})
    assert changed.settings.own == {"feature-cache": OWN}
    own = "feature-cache.shots=5&feature-cache.weight=1.5&feature-cache.mode=mean&feature-cache.frozen=1"
    assert to_query(changed) == f"{plain}&{own}"
    with pytest.raises(UserError, match=r"feature-cache\.shots is 'many'; it must be a whole number from 1 to 16\."):
        open_link({"methods": "feature-cache", "feature-cache.shots": "many"})
