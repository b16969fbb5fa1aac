"""Limits: one place, from the environment, refused by name; and log lines that tell nothing about a person."""

import json
import logging

import pytest

from cliptta_demo.backend.declare import settings_of
from cliptta_demo.limits import LIMITS, Limits, variable
from cliptta_demo.log import JsonLines, start_log


def test_every_limit_is_set_by_its_variable_and_refused_out_of_range() -> None:
    assert Limits.from_environment({}) == Limits()
    assert Limits.from_environment({"CLIPTTA_SESSIONS": " ", "PATH": "/bin", "CLIPTTA_LOG_LEVEL": "x"}) == Limits()
    for name, declared in settings_of(Limits).items():
        low, high = declared.low, declared.high
        for value in (low, high):
            assert getattr(Limits.from_environment({variable(name): str(value)}), name) == value
        for text in (str(low - 1), str(high + 1), "many", "1.5", "-"):
            with pytest.raises(ValueError, match=rf"^{variable(name)} is .*{text}.*from {low} to {high}\.$"):
                Limits.from_environment({variable(name): text})
    with pytest.raises(ValueError, match=r"CLIPTTA_SESIONS sets no limit; there are: .*CLIPTTA_SESSIONS"):
        Limits.from_environment({"CLIPTTA_SESIONS": "3"})
    images = Limits(upload_files=3, upload_megabytes=2, image_megapixels=1).images  # what the decoder is told
    assert (images.max_files, images.max_bytes, images.max_pixels) == (3, 2 * 2**20, 1_000_000)


def test_everybody_who_may_run_or_wait_has_a_session_for_good() -> None:
    assert LIMITS.sessions >= LIMITS.runs_at_once + LIMITS.queue_size
    with pytest.raises(AttributeError):
        LIMITS.sessions = 3


def test_a_log_line_keeps_the_place_of_an_error_and_not_its_words() -> None:
    try:
        raise OSError("/tmp/holiday with Anna.jpg")
    except OSError:
        import sys

        record = logging.getLogger("cliptta_demo").makeRecord(
            "cliptta_demo", logging.ERROR, __file__, 1, "a run failed", (), sys.exc_info(), extra={"values": {"run": 3}}
        )
    text = JsonLines().format(record)
    line = json.loads(text)
    assert "\n" not in text
    assert "Anna" not in text
    told = {"event": "a run failed", "level": "error", "error": "OSError", "run": 3}
    assert line.items() >= told.items()
    assert line["at"][-1].startswith("test_limits.py:")


def test_a_wrong_log_level_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="CLIPTTA_LOG_LEVEL is 'loud'; it must be one of: debug, info, warning, error"):
        start_log({"CLIPTTA_LOG_LEVEL": "loud"})
