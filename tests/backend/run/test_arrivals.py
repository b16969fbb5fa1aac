"""Streams that do not wait: which batches a method misses, and what becomes of them."""

import csv
import io
import pickle
from dataclasses import replace

import numpy as np
import pytest
from helpers import labelled_source, settings_for, small_backbone
from test_experiment import fingerprint

from cliptta_demo.backend.methods.recorded import Measured
from cliptta_demo.backend.models.loading import TINY_ADAPTATION
from cliptta_demo.backend.run import arrivals
from cliptta_demo.backend.run.arithmetic import Towers, cost_of
from cliptta_demo.backend.run.arrivals import RECORDED_CLASSES, batches_for_one, is_missed, milliseconds_of
from cliptta_demo.backend.run.experiment import Experiment
from cliptta_demo.backend.run.summary import format_table, results_of, summarise, to_csv
from cliptta_demo.backend.settings import RunSettings, StreamSettings
from cliptta_demo.page.lessons.lessons import by_key, lesson_recipe

TIMES = {"tent": 6.0, "tpt": 50.0, "cliptta": 7.2}


@pytest.fixture(autouse=True)
def times(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {name: Measured(0.0, 0.0, 64, milliseconds) for name, milliseconds in TIMES.items()}
    monkeypatch.setattr(arrivals, "measured", lambda: found)


def as_recorded(method: str, pace: float, **adaptation: object) -> RunSettings:
    """A run with the settings that times were recorded with."""
    adapting = replace(TINY_ADAPTATION, rates="own", **adaptation)
    return RunSettings(methods=(method,), stream=StreamSettings(pace=pace), adaptation=adapting)


@pytest.mark.parametrize(
    ("method", "pace", "every"),
    [
        ("tent", 0.0, 1), ("tent", 6.0, 1), ("tent", 5.999, 2), ("tent", 3.0, 2), ("tent", 2.9, 3),
        ("tpt", 50.0, 1), ("tpt", 5.0, 10), ("zero-shot", 1e-6, 1), ("eata", 1e-6, 1),
    ],
)  # fmt: skip
def test_a_method_adapts_to_as_many_batches_as_it_has_time_for(method: str, pace: float, every: int) -> None:
    settings = as_recorded(method, pace)
    assert batches_for_one(method, settings, RECORDED_CLASSES) == every
    missed = [is_missed(method, batch, settings, RECORDED_CLASSES) for batch in range(20)]
    assert missed == [batch % every > 0 for batch in range(20)]
    assert arrivals.untimed(settings) == (["EATA"] if method == "eata" else [])


def test_of_windows_it_misses_whole_ones_and_what_only_takes_single_batches_knows_no_windows() -> None:
    assert [is_missed("tent", batch, as_recorded("tent", 3, window=2), 11) for batch in range(8)] == [0, 0, 0, 1] * 2
    assert [is_missed("tpt", batch, as_recorded("tpt", 20, window=2), 11) for batch in range(6)] == [0, 1, 1] * 2


def test_more_steps_views_and_classes_take_longer_in_the_measure_of_their_arithmetic() -> None:
    assert milliseconds_of("cliptta", as_recorded("cliptta", 5), 11) == 7.2
    one = as_recorded("cliptta", 5)
    own = replace(one.adaptation, rates="same")  # three steps too
    assert milliseconds_of("cliptta", replace(one, adaptation=own), 11) == 7.2
    twice = milliseconds_of("cliptta", replace(one, adaptation=replace(own, steps=6)), 11)
    assert 1.7 * 7.2 < twice < 2 * 7.2  # one pass remains one
    assert milliseconds_of("tpt", as_recorded("tpt", 5), 200) > 5 * 50
    assert milliseconds_of("zero-shot", one, 11) is None


RUN = settings_for("zero-shot", "tent", "tpt", batch_size=4, batches=7, learning_rate=1e-2, steps=2)


def run_at(pace: float) -> Experiment:
    return Experiment(replace(RUN, stream=replace(RUN.stream, pace=pace)), small_backbone(), labelled_source(28))


def test_what_is_missed_is_answered_by_what_was_learnt_and_teaches_nothing() -> None:
    run = run_at(pace=milliseconds_of("tent", RUN, 3) / 2.5)  # one of three
    states, snapshots = zip(*run.run(), strict=True)
    end = snapshots[-1]
    assert end.methods["tent"].series.missed == (False, True, True) * 2 + (False,)
    assert not any(end.methods["zero-shot"].series.missed)
    for missed in (1, 2, 4, 5):
        assert states[missed].adaptations["tent"] is states[missed - 1].adaptations["tent"]
    assert [int(state.adaptations["tent"].updates) for state in states] == [2, 2, 2, 4, 4, 4, 6]
    assert not np.array_equal(*(snapshots[1].methods[name].batch.confidence for name in ("tent", "zero-shot")))
    late = [batch for batch, missed in enumerate(end.methods["tpt"].series.missed) if missed]
    assert late
    for batch in late:  # which forgets each image
        assert np.array_equal(*(snapshots[batch].methods[name].batch.cosines for name in ("tpt", "zero-shot")))
    looks = [look for _, look in run.advance(states[0]) if hasattr(look, "step")]
    assert looks == []  # nobody takes a step
    *_, (_, again) = run.run(pickle.loads(pickle.dumps(states[1].to("cpu"))))  # paused amid it
    assert fingerprint(again) == fingerprint(end)


def test_a_stream_that_waits_or_is_slow_enough_changes_nothing() -> None:
    *_, (_, waits) = run_at(0).run()
    *_, (_, slow) = run_at(10_000).run()
    assert fingerprint(waits) == fingerprint(slow)
    assert "missed" not in format_table(summarise(waits))
    assert "missed" not in to_csv([results_of(waits)], waits.class_names, with_scores=False)


def test_what_was_missed_is_told_and_takes_no_time() -> None:
    run = run_at(pace=milliseconds_of("tent", RUN, 3) / 2)
    snapshots = [snapshot for _, snapshot in run.run()]
    result = summarise(snapshots[-1])
    assert result["methods"]["tent"]["missed_batches"] == 3
    assert format_table(result).splitlines()[0].endswith("missed")
    table = csv.DictReader(io.StringIO(to_csv([*map(results_of, snapshots)], snapshots[0].class_names, False)))
    rows = [(row["batch"], row["tent missed"]) for row in table]
    assert rows == [(str(batch), "no" if batch % 2 else "yes") for batch in range(1, 8) for _ in range(4)]
    tent, tower = replace(run.settings, methods=("tent",)), Towers(1.0, 0.0)
    adapts = cost_of(replace(tent, stream=RUN.stream), tower, 3, 1).batch
    assert cost_of(tent, tower, 3, 1).batch == pytest.approx((adapts + 4) / 2)


def test_the_lesson_stands_between_the_times_of_its_methods(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    settings = lesson_recipe(by_key("pace")).settings
    assert {name: batches_for_one(name, settings, 12) for name in ("tent-reg", "cliptta")} == {
        "tent-reg": 1,
        "cliptta": 2,
    }
    assert batches_for_one("tpt", settings, 12) > 5
