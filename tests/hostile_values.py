"""Values that no form would send, for every argument of the API, and requests that no browser would make."""

import random
from typing import Any

from hostile_files import MARK, STEMS

# The ordinary run, cheap; what is not under attack keeps these values.
ORDINARY: dict[str, Any] = {
    "dataset": "pictures", "class_names": "cat, dog, car", "corruption": "fog", "severity": 3, "ramp": False,
    "ood_share": 0.0, "ood_source": "flags", "methods": ["zero-shot"], "order": "shuffled", "batch_size": 4,
    "batches": 1, "seed": 1, "backbone": "tiny", "templates": "", "adaptation": {"steps": 1},
    "schedule": "one", "shift_batches": 5, "recurring_shifts": 3, "concentration": 0.1, "ood_bursts": False,
    "batch_classes": 3, "pace": 0.0,
}  # fmt: skip
# How a refusal may name the field.
WORDS = {
    "dataset": ("dataset", "data set", "on the hub", "split", "model hub"),
    "class_names": ("class", "keep one of each"),
    "adaptation": ("adaptation", "steps"),
    "templates": ("template",),
    "backbone": ("backbone", "model"),
}
NESTED: Any = 1
for _ in range(200):
    NESTED = [NESTED]
FILE = {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}, "orig_name": MARK}
WRONG: tuple[Any, ...] = (
    None, True, -1, 0, 2**63, 10**400, 1e308, -0.5, 0.1 + 0.2, float("nan"), float("inf"), float("-inf"), "", " ", "1",
    "nan", "\x00", f"{MARK}\x00", "\ud800", "\u202e", "👩‍🚀", "ß" * 300, "<script>window.hacked=1</script>",
    "<img src=x onerror=window.hacked=1>", "{0.__class__}", "%s%s%n", "../../../../etc/passwd", "file:///etc/passwd",
    "http://127.0.0.1:1/", "folder:/etc", "local-dir:/", "x" * 20_000, [], [[]], [1, "a"], NESTED, {},
    {"a": float("nan")}, FILE, [FILE], {**FILE, "path": "http://127.0.0.1:1/x"}, {"path": 1, "meta": 2},
)  # fmt: skip
MANY = ", ".join(f"thing {index}" for index in range(10_000))
OWN: dict[str, tuple[Any, ...]] = {
    "dataset": ("upload", "hub", "hf:", "hf:../..", "hf:a/b:../c", "hf:a/b:<b>", "hf:a/b?x=1", "cifar10c:/"),
    "class_names": (MANY, "cat, cat", "cat = , dog", "=cat, dog", "cat = =, dog", "cat = +1, dog = @x",
                    "a" * 81 + ", b", f"cat = <b>{MARK}</b>, dog", "cat = 猫, dog = كلب", "cat = 👩‍🚀, dog = \u202ex",
                    ",;" * 5000, "cat\x00, dog"),
    "corruption": ("FOG", "fog\x00", "cycle", "none", "__init__"),
    "severity": (0, 6, 5.5, 4.0, "3"),
    "ramp": (1, "true", 0),
    "ood_share": (0.91, -1e-9, 0.9, 5e-324),
    "ood_source": ("others", "near-strangers", "folder:/", "hf:a/b"),
    "methods": (["tent"] * 10_000, ["zero-shot", "ZERO"], ["tent\x00"], [["tent"]], [{"a": 1}], "tent", [None]),
    "order": ("sorted", "Sorted", "random"),
    "batch_size": (0, 9, 512, 513, 8.0, 7.5),
    "batches": (0, 3, 200, 10**9, 1.0, 1.5),
    "seed": (2**31 - 1, 2**31, -1, 7.0, 7.5),
    "backbone": ("tiny ", "TINY", "random:ViT-B-16", "local-dir:/etc", "hf-hub:../..", "hf-hub:a/b", "ViT-B-32/none",
                 "a/b", "ViT-B-32/openai", "./tiny", "hf-hub:", "ViT-B-32/../x"),
    "templates": ("{}", "no place", "{} {}", "{0}", "{.__class__}", "{!r}", "{}\n" * 10_000, "x" * 201 + "{}",
                  "\n".join(f"{i} {{}}" for i in range(101)), "<b>{}</b>", "\u202e{}", "猫 {}"),
    "adaptation": ({"steps": 0}, {MARK: 1}, {"\ud800": 1}, {"__class__": 1}, {"x" * 10**5: 1},
                   {str(i): i for i in range(10_000)}, [["steps", 1]], {"steps": {"steps": 1}}),
    "schedule": ("continual", "mixed", "One", "for ever"),
    "shift_batches": (0, 500, 501, 2.5),
    "recurring_shifts": (0, 15, 16, 1.5),
    "concentration": (-0.1, 0, 1000, 1001),
    "batch_classes": (0, 201, 1.5),
    "pace": (-1, 10_001, "soon"),
    "ood_bursts": (1, "true", True),
}  # fmt: skip
TUNED: dict[str, tuple[Any, ...]] = {
    "learning_rate": (1.1, 1.0, 1e-300), "steps": (51, 1.5, 2.0), "regulariser_weight": (101, 100),
    "tent_regulariser_weight": (101, 100), "memory_shots": (65, 64, 0.5), "oce_weight": (1001, 1000),
    "oce_gamma": (0, 1e-6, 1e-7, 11), "score": ("max-log-probability", "vibes"), "symmetric": (1, "yes"),
    "window": (0, 513, 1.5, 2.0, 300), "prediction": ("before", 1), "caution": (-0.1, 1.1, "much"),
}  # fmt: skip


def settings_cases() -> list[tuple[str, Any]]:
    """(field, hostile value) for every argument of the API and every setting inside ``adaptation``.

    Each argument meets its own and every third of what is wrong anywhere; each of those comes to five arguments.
    """
    made = [(name, value) for turn, name in enumerate(ORDINARY) for value in (*WRONG[turn % 3 :: 3], *OWN[name])]
    return made + [(name, value) for name, own in TUNED.items() for value in (*WRONG[:14], *own)]


def refusal_is_a_sentence(text: str) -> None:
    """It ends, it is short, and it is one line."""
    assert text.endswith((".", "?")), text[:300]
    assert len(text) < 1_200
    assert "\n" not in text


def refusal_names(field: str, text: str) -> bool:
    """Whether it says which field is meant."""
    return any(word in text.lower().replace("_", " ") for word in WORDS.get(field, (field.replace("_", " "),)))


def arguments(field: str, value: Any) -> list[Any]:
    """The whole call, with one hostile value in it."""
    given = dict(ORDINARY)
    if field in given:
        given[field] = value
    else:
        given["adaptation"] = {"steps": 1, field: value}
    return list(given.values())


def several_cases(count: int, seed: int) -> list[list[Any]]:
    """Calls with hostile values in several places, some with too few or too many."""
    draw = random.Random(seed)
    made = []
    for _ in range(count):
        given = dict(ORDINARY)
        for name in draw.sample(list(given), draw.randint(2, 6)):
            given[name] = draw.choice((*WRONG, *OWN[name], draw.choice(STEMS)))
        values = list(given.values())
        made.append(values[: draw.choice([len(values)] * 4 + [3])])
    return made


# Bodies that are no call at all.
BODIES: tuple[str | bytes, ...] = (
    "", "{", "null", "[]", "7", "NaN", "{}", '{"data": null}', '{"data": NaN}', '{"data": {"a": 1}}',
    '{"data": [], "fn_index": -1}', '{"data": [], "fn_index": 99999}',
    '{"data": [], "fn_index": 1e99, "session_hash": "a"}', '{"data": [], "session_hash": null}',
    '{"data": [1], "fn_index": 0, "session_hash": {"a": 1}}', '{"data": [], "fn_index": 0, "session_hash": "\\ud800"}',
    '{"data": [], "fn_index": 0, "session_hash": "../../x", "trigger_id": -5, "event_data": {"a": [1]}}',
    '{"data": ' + "[" * 50_000 + "]" * 50_000 + "}", '{"data": [' + "9" * 5000 + "]}", b"\xff\xfe\x00",
    '{"session_hash": "a", "component_id": 10000000, "fn_name": "__class__", "data": 1}',
    '{"event_id": "x", "fn_index": 0, "session_hash": "a"}', '{"event_id": NaN}',
)  # fmt: skip
POSTS = ("queue/join", "call/run", "call/v2/run", "call/nope", "run/run", "component_server", "cancel", "reset",
         "upload", "vibe-edit", "process_recording", "run-history/connect")  # fmt: skip
GETS = (
    "/gradio_api/file=/etc/passwd", "/gradio_api/file=../../etc/passwd", "/gradio_api/file=..%2f..%2fetc%2fpasswd",
    "/gradio_api/file=%00", "/gradio_api/file=http://127.0.0.1:1/", "/gradio_api/file=file:///etc/passwd",
    "/gradio_api/file=" + "a" * 5000, "/gradio_api/proxy=https://example.hf.space/", "/monitoring",
    "/gradio_api/deep_link?session_hash=a", "/gradio_api/runs", "/static/%2e%2e/%2e%2e/etc/passwd", "/assets/%00",
    "/svelte/../../x", "/gradio_api/queue/data?session_hash=", "/gradio_api/queue/data", "/gradio_api/call/run/none",
    "/gradio_api/stream/a/b/1/playlist.m3u8", "/gradio_api/custom_component/a/client/b/../../x",
    "/gradio_api/upload_progress?upload_id=x", "/gradio_api/info?all_endpoints=true", "/health?x=<script>",
    "/pwa_icon/-1", "/nowhere",
)  # fmt: skip
