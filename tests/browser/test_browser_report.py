"""The report of the table command in a real browser: it needs nothing but its own file."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from cliptta_demo.cli import main

pytestmark = pytest.mark.browser


def test_the_report_draws_all_figures_from_one_file(browser: Browser, tmp_path: Path) -> None:
    words = ["table", "--out", str(tmp_path), "--corruptions", "none,fog", "--batches", "2", "--batch-size", "8"]
    main([*words, "--methods", "zero-shot,tent@lr=0.01"])
    page = browser.new_page(viewport={"width": 390, "height": 844})
    errors: list[str] = []
    requests: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto((tmp_path / "report.html").as_uri())
    page.wait_for_function("document.querySelectorAll('.js-plotly-plot').length === 5")  # 1 + 2 + 2
    shown = page.evaluate("document.querySelector('#accuracy .plot').data.map((trace) => trace.y.length)")
    assert shown == [2, 2]
    label = "document.querySelector('#histogram .plot').getAttribute('aria-label')"
    first, other = ("clean", "fog") if "clean" in page.evaluate(label) else ("fog", "clean")
    assert f"under {first}" in page.evaluate(label)
    page.select_option("#corruption-choice", label=other)
    page.wait_for_function(f"{label}.includes('under {other}')")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert errors == []
    assert [url for url in requests if not url.startswith(("file:", "data:", "blob:"))] == []
    page.close()
