"""Read the prompt templates that a person types: one a line, ``{}`` where the class name goes."""

from __future__ import annotations

from collections.abc import Sequence

from cliptta_demo.backend.errors import UserError

PLACE = "{}"
MAX_TEMPLATES = 100  # ImageNet's published set has 80
MAX_TEMPLATE_LENGTH = 200  # characters; CLIP reads 77 tokens and drops the rest


def parse_templates(text: str) -> tuple[str, ...]:
    """The templates of a text, one a line; empty lines and repeated ones are dropped. An empty text has none.

    Raises:
        UserError: too many, one too long, or one without exactly one ``{}``; in one sentence.
    """
    return check_templates(text.splitlines())


def check_templates(lines: Sequence[str]) -> tuple[str, ...]:
    """Like :func:`parse_templates`, for templates that come one by one."""
    visible = ("".join(letter for letter in line if letter.isprintable()).strip() for line in lines)
    templates = tuple(dict.fromkeys(line for line in visible if line))
    if len(templates) > MAX_TEMPLATES:
        raise UserError(f"There are {len(templates):,} prompt templates: keep at most {MAX_TEMPLATES}.")
    for template in templates:
        shown = template if len(template) <= 40 else f"{template[:40]}…"
        if len(template) > MAX_TEMPLATE_LENGTH:
            raise UserError(
                f"The prompt template “{shown}” has {len(template):,} characters: shorten it to {MAX_TEMPLATE_LENGTH}."
            )
        if template.count(PLACE) != 1:
            raise UserError(
                f"The prompt template “{shown}” needs {{}} exactly once, where the class name goes, as in:"
                " a photo of a {}."
            )
    return templates
