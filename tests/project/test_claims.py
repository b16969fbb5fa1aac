"""The claims: how margins are computed, whether what was recorded still is what is installed, and the command."""

import math
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from claims import RECORD, ROOT, STREAMS, rounding

from cliptta_demo.cli import main
from cliptta_demo.page.lessons.lesson import MEASURES, Claim, lead, measure
from cliptta_demo.page.lessons.lessons import LESSONS, by_key
from cliptta_demo.research import claims as module
from cliptta_demo.research.claims import MARGIN, RECORD_FILE, Record, all_studies
from cliptta_demo.research.runs import run_job
from cliptta_demo.research.studies import COMBINATIONS, DOCUMENTS, LESSON_SEEDS, Combination, lesson_study

FIRST, SECOND = COMBINATIONS[:2]
GAIN = Claim(sentence="gains {}", quantity=lead("cliptta"), above=0.1)
CLAIMS = [(f"lesson-{lesson.key}", claim) for lesson in LESSONS for claim in lesson.claims] + [
    (study, claim) for document in DOCUMENTS.values() for study, claims in document.items() for claim in claims
]


def test_every_claim_has_its_margin_in_every_combination() -> None:
    for study, claim in CLAIMS:
        margins = {one.words: reading.margin(claim) for one, reading in RECORD.readings(study, claim).items()}
        assert list(margins) == [combination.words for combination in COMBINATIONS]
        assert min(margins.values()) >= MARGIN, f"{study}: {claim.sentence}: {margins}"


def test_the_record_is_of_the_settings_weights_and_pictures_of_today() -> None:
    """Otherwise measure anew: python -m cliptta_demo claims --record docs."""
    assert dict(zip(STREAMS.study, STREAMS.settings, strict=True)) == {s.name: s.digest for s in all_studies()}


@pytest.mark.slow
def test_the_record_is_of_the_methods_of_today() -> None:
    """Otherwise measure anew, without docs/claims.csv. As far as rounding was measured; sar has its golden numbers."""
    for lesson, method in (("strangers", "cliptta-oce"), ("fair", "tent-reg")):  # the others: test_panels
        study = lesson_study(by_key(lesson))
        alone = tuple(variant for variant in study.settings.variants if variant.method == method)
        job = (study.settings.corruptions[0], LESSON_SEEDS[0])
        with FIRST.backbone() as backbone:
            found = run_job(replace(study.settings, variants=alone), backbone, job).columns[method]["accuracy"]
        recorded = RECORD.runs[study.name][FIRST.name].loc[job, (method, "accuracy")]
        assert abs(found - recorded) <= 5 * rounding(study.name, measure("accuracy", method)) + 0.005, method


def streams(combination: Combination, *gains: tuple[str, int, float]) -> pd.DataFrame:
    """CLIPTTA's gains over a zero-shot of 0.5."""
    about = {"study": "s", "combination": combination.name, **dict.fromkeys(MEASURES)}
    lines = [
        about | {"corruption": name, "seed": seed, "method": method, "accuracy": accuracy}
        for name, seed, gain in gains
        for method, accuracy in (("zero-shot", 0.5), ("cliptta", 0.5 + gain))
    ]
    return pd.DataFrame(lines)


WHOLE = streams(
    FIRST, ("none", 0, 0.0), ("fog", 0, 0.2), ("snow", 0, 0.4), ("none", 1, 0.0), ("fog", 1, 0.3), ("snow", 1, 0.5)
)


def test_a_margin_is_the_distance_beside_the_reach_of_the_interval_over_seeds_and_seeds_that_fail_are_named() -> None:
    record = Record(WHOLE)
    reading = record.read("s", GAIN)
    assert reading.values.to_dict() == pytest.approx({0: 0.3, 1: 0.4})  # clean streams are left out
    reach = 12.7062 * 0.05  # two seeds leave one degree of freedom
    assert (reading.mean, reading.error, reading.reach) == pytest.approx((0.35, 0.05, reach), rel=1e-5)
    for limits, distance in (({"above": 0.1}, 0.25), ({"above": -1, "below": 0.4}, 0.05), ({"above": 0.4}, -0.05)):
        assert reading.margin(Claim("", lead("cliptta"), **limits)) == pytest.approx(distance / reach, rel=1e-5)
    only_snow = Claim("", lead("cliptta"), where=lambda columns: columns["cliptta"]["accuracy"] > 0.85)
    assert record.read("s", only_snow).values.to_dict() == pytest.approx({0: 0.4, 1: 0.5})
    record = Record(streams(FIRST, ("fog", 4, 0.05), ("fog", 5, 0.2), ("fog", 6, 0.3)))
    ceiling = Claim(sentence="", quantity=measure("accuracy", "cliptta"), below=0.75)
    assert record.failing_seeds("s", (GAIN, ceiling), FIRST) == [4, 6]


def test_a_sample_shifts_the_mean_and_adds_its_error() -> None:
    sample = streams(SECOND, ("fog", 0, 0.23), ("snow", 0, 0.41))
    reading = Record(pd.concat([WHOLE, sample])).read("s", GAIN, SECOND)
    assert reading.sampled
    error = math.hypot(0.05, 0.01)  # of which Welch and Satterthwaite have 1.08 degrees of freedom
    assert (reading.mean, reading.error) == pytest.approx((0.35 + 0.02, error))
    assert reading.reach == pytest.approx(12.7062 * error, rel=1e-5)
    one = Record(pd.concat([WHOLE, sample[sample.corruption == "fog"]]))
    assert one.read("s", GAIN, SECOND).margin(GAIN) == 0  # one stream tells nothing of the spread


def test_a_combination_is_undone_whatever_happens() -> None:
    threads = torch.get_num_threads()
    with suppress(InterruptedError), Combination(threads + 1, "float32").backbone() as backbone:
        assert (backbone.autocast, torch.get_num_threads()) == (None, threads + 1)
        raise InterruptedError
    assert torch.get_num_threads() == threads


def test_the_command_measures_prints_and_resumes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = lesson_study(by_key("collapse"))
    short = replace(study.settings.stream, batches=1, batch_size=8)
    small = replace(study, settings=replace(study.settings, stream=short))
    monkeypatch.setattr(module, "all_studies", lambda: [small])
    words = ["claims", "--out", str(tmp_path / "runs"), "--lessons", "collapse", "--tables", "none", "--seeds", "0,1"]
    main(words)
    first = capsys.readouterr()
    assert "lesson-collapse, 1 thread, bfloat16: 2/2  gaussian_noise, seed 1: zero-shot" in first.err
    assert "of 2 with 2 threads, float32" in first.out
    assert "| It climbs above zero-shot | accuracy, CLIPTTA − zero-shot | above 0 |" in first.out
    kept = (tmp_path / "runs" / "lesson-collapse" / "1-bfloat16" / "runs.jsonl").read_text()
    assert len(kept.splitlines()) == 2
    main(words)
    again = capsys.readouterr()
    assert (again.out, again.err) == (first.out, "")


def test_what_is_recorded_of_the_same_streams_is_not_measured_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / RECORD_FILE).write_bytes((ROOT / "docs" / RECORD_FILE).read_bytes())
    main(["claims", "--out", str(tmp_path / "runs"), "--record", str(tmp_path)])
    assert capsys.readouterr().err == ""
    for name in (RECORD_FILE, "claims.md"):
        assert (tmp_path / name).read_bytes() == (ROOT / "docs" / name).read_bytes()
