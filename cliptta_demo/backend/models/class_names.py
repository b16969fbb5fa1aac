"""Read what a person types: class names in any script, emoji too, and prompt templates, ``{}`` for the class name."""

import re
import unicodedata
from collections.abc import Sequence

from cliptta_demo.backend.errors import UserError
from cliptta_demo.languages import Text

# The comma and the semicolon of other scripts part words just as ours do.
_SEPARATORS = re.compile(r"[\n\v\f\r\x85\u2028\u2029,;\uff0c\uff1b\u3001\u060c\u061b]")
# Control characters, halves of surrogate pairs, and format characters that hide or turn text. White space is
# collapsed elsewhere; the joiners U+200C and U+200D stay, being part of emoji and of Persian and Indic words.
_HIDDEN = re.compile(
    r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    r"\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_JOINERS = " \u200c\u200d"
_UNSEEN = {"Mn", "Mc", "Me", "Cf", "Pc", "Zs"}  # a name needs more than combining marks, joiners, underscores, spaces
MAX_TEMPLATES = 100  # ImageNet's published set has 80
MAX_TEMPLATE_LENGTH = 200  # characters; CLIP reads 77 tokens and drops the rest


def parse_class_names(text: str, max_classes: int = 1000, max_length: int = 80) -> tuple[str, ...]:
    """Split what a person typed into class names, in their order.

    Names stand on separate lines or between commas or semicolons. White space around them goes, white space
    inside becomes one space, control characters go, empty names are dropped; the text is NFC-normalised.
    Underscores stay (see `display_name`), but 'snow_owl' and 'Snow owl' are the same name: they make the same
    caption.

    Returns at least two names of at most `max_length` characters each. Raises UserError, one sentence, when
    there are fewer than two or more than `max_classes`, or when one is too long or appears twice.
    """
    names = [" ".join(name.split()).strip(_JOINERS) for name in _SEPARATORS.split(visible(text))]
    names = [name for name in names if any(unicodedata.category(letter) not in _UNSEEN for letter in name)]
    if not names:
        raise UserError("Type at least two class names, separated by commas or on separate lines.")
    if len(names) == 1:
        raise UserError("One class leaves nothing to choose between: add at least one more.")
    if len(names) > max_classes:
        raise UserError("There are {count:,} class names: keep at most {most:,}.", count=len(names), most=max_classes)
    too_long = next((name for name in names if len(name) > max_length), None)
    if too_long is not None:
        text = Text("'{start}…' has {count:,} characters: shorten this class name to at most {most}.")
        raise UserError(text, start=too_long[:40], count=len(too_long), most=max_length)
    spelt: dict[str, str] = {}
    for name in names:
        if (first := spelt.setdefault(same_name(name), name)) is not name:
            raise UserError("'{name}' appears twice: keep one of each.", name=first)
    return tuple(names)


def split_renames(names: Sequence[str], can_rename: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """``cat = kitten`` shows pictures of *cat* and calls them *kitten*; elsewhere names are just names.

    Returns:
        (classes of the data set, words used for them), of the same length.
    """
    if not can_rename or not names:
        return tuple(names), tuple(names)
    pairs = [[part.strip() for part in name.split("=", 1)] for name in names]
    if any(not all(pair) for pair in pairs):
        raise UserError("A renamed class needs a word on both sides, as in: cat = kitten.")
    sources, words = tuple(pair[0] for pair in pairs), tuple(pair[-1] for pair in pairs)
    for side in (sources, words):
        parse_class_names(",".join(side))  # refuses what a rename made equal
    return sources, words


def join_renames(sources: Sequence[str], words: Sequence[str]) -> str:
    """The text that :func:`parse_class_names` and :func:`split_renames` read so; for these classes and their words."""
    pairs = zip(sources, words, strict=True)
    return ", ".join(source if source == word else f"{source} = {word}" for source, word in pairs)


def visible(text: str) -> str:
    """Text of a stranger's without what hides or turns it, broken Unicode included; NFC-normalised."""
    return unicodedata.normalize("NFC", _HIDDEN.sub("", text))


def display_name(name: str) -> str:
    """The name as it is shown and put into captions: each underscore becomes a space."""
    return name.replace("_", " ")


def same_name(name: str) -> str:
    """The name without what may differ between a folder, a list and a typed one; some systems store é as e and ´."""
    return unicodedata.normalize("NFC", " ".join(display_name(name).casefold().split()))


def check_templates(lines: Sequence[str]) -> tuple[str, ...]:
    """The templates of a text's lines; empty lines and repeated ones are dropped.

    Raises:
        UserError: too many, one too long, or one without exactly one ``{}``; in one sentence.
    """
    visible = ("".join(letter for letter in line if letter.isprintable()).strip() for line in lines)
    templates = tuple(dict.fromkeys(line for line in visible if line))
    if len(templates) > MAX_TEMPLATES:
        text = Text("There are {count:,} prompt templates: keep at most {most}.")
        raise UserError(text, count=len(templates), most=MAX_TEMPLATES)
    for template in templates:
        shown = template if len(template) <= 40 else f"{template[:40]}…"
        if len(template) > MAX_TEMPLATE_LENGTH:
            text = Text("The prompt template “{template}” has {count:,} characters: shorten it to {most}.")
            raise UserError(text, template=shown, count=len(template), most=MAX_TEMPLATE_LENGTH)
        if template.count("{}") != 1:
            raise UserError(
                "The prompt template “{template}” needs {{}} exactly once, where the class name goes, as in: a photo "
                "of a {{}}.",
                template=shown,
            )
    return templates
