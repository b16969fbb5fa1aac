"""The project stays as small as tools/size.py says."""

from tools import size


def test_the_project_is_within_its_limits() -> None:
    for name, lines in size.sizes().items():
        assert lines.total() <= size.LINES.get(name, lines.total()), f"{name}: make size"
    assert size.page_bytes() <= size.PAGE_BYTES
    assert size.long_files() == {}


def test_what_counts_as_code() -> None:
    text = '"""Doc."""\n\n# comment\nx = """a\nb"""  # two lines\n\n'
    text += 'def f():\n    "Doc."\n    return (\n        x\n    )\n'
    assert size.code_lines(text) == 6
