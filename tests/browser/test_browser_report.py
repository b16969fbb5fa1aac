"""Pages that are one file, in a real browser: the report of the table command, and a run that is kept."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from cliptta_demo.cli import main
from cliptta_demo.page.form.reading import read_form
from cliptta_demo.page.panels.exports import run_as_page
from cliptta_demo.page.runs.machine import Machine
from cliptta_demo.page.runs.runner import open_experiment, work
from cliptta_demo.page.session.state import Session

pytestmark = pytest.mark.browser
ATTACK = "<!--<script></script>"  # a script element that holds the first two goes on after its own end


def test_the_report_draws_all_figures_from_one_file(browser: Browser, tmp_path: Path) -> None:
    words = ["table", "--out", str(tmp_path), "--corruptions", "none,fog", "--batches", "2", "--batch-size", "8"]
    main([*words, "--methods", "zero-shot,tent@lr=0.01"])
    page = browser.new_page(viewport={"width": 390, "height": 844})
    errors: list[str] = []
    requests: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto((tmp_path / "report.html").as_uri())
    page.wait_for_function("document.querySelectorAll('.js-plotly-plot').length === 3")
    shown = page.evaluate("document.querySelector('#accuracy').data.map((trace) => trace.x.length)")
    assert shown == [2, 2]
    for figure in ("#entropy", "#histogram"):  # a plot for each corruption
        names = page.evaluate(f"document.querySelector('{figure}').layout.annotations.map((head) => head.text)")
        assert sorted(names) == ["clean", "fog"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert errors == []
    assert [url for url in requests if not url.startswith(("file:", "data:", "blob:"))] == []
    page.close()


def test_a_run_is_kept_in_one_file_without_a_server(browser: Browser, tmp_path: Path) -> None:
    changes = {"batches": 2, "batch_size": 16, "steps": 1, "ood_share": 0.5, "class_names": f"cat = {ATTACK}, dog"}
    recipe = read_form(changes)
    experiment, _ = open_experiment(recipe, None, Machine())
    *_, last = work(experiment, Session(recipe, experiment.start()), Machine())
    kept = tmp_path / "run.html"
    kept.write_text(run_as_page(last.session), encoding="utf-8")
    page = browser.new_page(viewport={"width": 390, "height": 844})
    errors: list[str] = []
    requests: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(kept.as_uri())
    for panel, drawings in {"accuracy": 1, "scores": 3}.items():
        page.wait_for_selector(f"#{panel} .sketch")
        assert page.locator(f"#{panel} .sketch").count() == drawings
    last_points = "lines => lines.map(line => line.points[line.points.length - 1].y)"
    ends = page.locator("#accuracy polyline").evaluate_all(last_points)
    shown = [method.accuracy for method in last.session.snapshot.methods.values()]
    assert sorted(ends) == [end for _, end in sorted(zip(shown, ends, strict=True), reverse=True)]  # higher is better
    page.click("#drift .title")
    page.wait_for_selector("#drift .body .sketch")
    assert page.locator("#answers .column").count() == 3
    page.click("#words .tile >> nth=0")
    assert page.locator(".enlarged[open] section").count() == 3
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert errors == []
    assert [url for url in requests if not url.startswith(("file:", "data:", "blob:"))] == []
    page.close()
