"""The ablation: its combinations are the methods that they are said to be, and its page says what its file holds."""

from __future__ import annotations

import statistics

import pytest
from paths import ROOT

from cliptta_demo.backend.data.catalog import open_source
from cliptta_demo.backend.models.loading import TINY_ADAPTATION, load_backbone
from cliptta_demo.backend.settings import StreamSettings
from cliptta_demo.backend.variants import Variant
from cliptta_demo.research.ablation import SETTINGS
from cliptta_demo.research.ablation_page import ADDED, BARE, PULLED, WHOLE, Terms, added, gains, read_csv
from cliptta_demo.research.ablation_runs import rates_for, variant
from cliptta_demo.research.runs import run_stream

OUTCOMES = read_csv(ROOT / "docs" / "ablation.csv")


@pytest.mark.parametrize(("terms", "method"), [(BARE, "tent"), (PULLED, "tent-reg"), (WHOLE, "cliptta")])
def test_a_combination_is_the_method_that_it_is_said_to_be(terms: Terms, method: str) -> None:
    backbone, source = load_backbone("tiny", "cpu"), open_source("pictures")
    stream = StreamSettings(corruption="gaussian_noise", batch_size=16, batches=3)
    columns = variant(terms, 1.0, TINY_ADAPTATION), Variant(method, "", method)
    one, other = run_stream(backbone, source, stream, columns).values()
    assert one["series"] | {"seconds": 0} == other["series"] | {"seconds": 0}
    assert one["histogram"] == other["histogram"]


def test_terms_move_apart() -> None:
    backbone, source = load_backbone("tiny", "cpu"), open_source("pictures")
    stream = StreamSettings(corruption="gaussian_noise", batch_size=16, batches=3)
    every = {pair for pairs in ADDED.values() for pair in pairs}
    columns = [variant(terms, 3.0, TINY_ADAPTATION) for terms in every]
    found = run_stream(backbone, source, stream, columns)
    assert len({tuple(summary["series"]["collapse_entropy"]) for summary in found.values()}) == len(every)


def test_the_file_holds_what_was_to_be_tried() -> None:
    assert {outcome.setting for outcome in OUTCOMES} == {setting.title for setting in SETTINGS.values()}
    for outcome in OUTCOMES:
        assert outcome.rate in rates_for(outcome.terms)


def test_differences_are_of_the_same_streams() -> None:
    setting = OUTCOMES[0].setting
    apart = added(OUTCOMES, setting, WHOLE, PULLED)
    means = [statistics.fmean(gains(OUTCOMES, setting, terms)) for terms in (WHOLE, PULLED)]
    assert statistics.fmean(apart) == pytest.approx(means[0] - means[1])
    streams = {
        terms: {(o.seed, o.corruption, o.before) for o in OUTCOMES if (o.setting, o.terms) == (setting, terms)}
        for terms in (WHOLE, PULLED)
    }
    assert streams[WHOLE] == streams[PULLED]
