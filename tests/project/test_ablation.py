"""The ablation: its combinations are the methods that they are said to be, and its page says what its file holds."""

import pytest
from paths import ROOT

from cliptta_demo.backend.data.catalog import open_source
from cliptta_demo.backend.models.loading import TINY_ADAPTATION, load_backbone
from cliptta_demo.backend.settings import StreamSettings
from cliptta_demo.backend.variants import Variant
from cliptta_demo.research.ablation import (
    ADDED,
    BARE,
    PULLED,
    TERMS,
    WHOLE,
    Terms,
    added,
    gains,
    rates_for,
    variant,
)
from cliptta_demo.research.commands import ABLATED
from cliptta_demo.research.runs import run_stream
from cliptta_demo.research.text import read_streams

OUTCOMES = read_streams(ROOT / "docs" / "ablation.csv")
METHODS = {BARE: "tent", PULLED: "tent-reg", WHOLE: "cliptta"}


def test_combinations_are_the_methods_that_they_are_said_to_be_and_all_move_apart() -> None:
    stream = StreamSettings(corruption="gaussian_noise", batch_size=16, batches=3)
    every = {pair for pairs in ADDED.values() for pair in pairs}
    columns = [variant(terms, 1.0, TINY_ADAPTATION) for terms in every]
    methods = [Variant(method, "", method) for method in METHODS.values()]
    found = run_stream(load_backbone("tiny", "cpu"), open_source("pictures"), stream, [*columns, *methods])
    for terms, method in METHODS.items():
        one, other = found[variant(terms, 1.0, TINY_ADAPTATION).name], found[method]
        assert one["series"] | {"seconds": 0} == other["series"] | {"seconds": 0}
        assert one["histogram"] == other["histogram"]
    assert len({tuple(found[column.name]["series"]["collapse_entropy"]) for column in columns}) == len(every)


def test_the_file_holds_what_was_to_be_tried_and_differences_are_of_the_same_streams() -> None:
    assert {*OUTCOMES.setting} == {title for title, _ in ABLATED.values()}
    for terms, outcomes in OUTCOMES.groupby(TERMS):
        assert {*outcomes.rate} <= {*rates_for(Terms(*terms))}
    means = [gains(OUTCOMES).xs(tuple(terms), level=TERMS).mean(axis=1) for terms in (WHOLE, PULLED)]
    assert added(OUTCOMES, WHOLE, PULLED).mean(axis=1).to_dict() == pytest.approx((means[0] - means[1]).to_dict())
    streams = ["setting", "corruption", "seed"]
    assert OUTCOMES.groupby(streams).before.nunique().eq(1).all()
    assert OUTCOMES.groupby(streams).size().nunique() == 1
