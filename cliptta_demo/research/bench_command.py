"""The work of the ``bench`` command."""

import argparse
from collections.abc import Sequence

from cliptta_demo.backend.models.loading import load_backbone
from cliptta_demo.research.bench import BENCHED as BENCHED
from cliptta_demo.research.bench import GROWING, bench, corruption_costs, grow, target_line
from cliptta_demo.research.bench_published import WAYS, beside_published, listed_architectures
from cliptta_demo.run_command import chosen_backbone, write_json


def time_all(arguments: argparse.Namespace, names: Sequence[str]) -> None:
    """The ``bench`` command: its words, and the methods."""
    backbone = load_backbone(chosen_backbone(arguments), arguments.device, precision=arguments.precision)
    result = bench(backbone, arguments.batch_size, arguments.memory, arguments.steps, arguments.repeats, names)
    print(" ".join(f"{key} {value}" for key, value in (result["machine"] | result["settings"]).items()), end="\n\n")
    print("seconds per batch     median  ratio to the bare loop  share of the rate of matrix products")
    print(f"matrix products      {result['products']:7.0f}  GFLOP a second")
    for count, taken in result["bare"].items():
        print(f"bare, memory of {count:4} {taken:7.3f}")
    for name, method in result["methods"].items():
        ratio = f"{method['ratio']:6.2f}" if method["ratio"] else ""
        print(f"{name:20} {method['seconds']:7.3f}  {ratio:22}  {method['share']:6.0%}")
    if GROWING in result["methods"]:
        print(target_line(result))
    if arguments.corruptions:
        result["corruptions"] = corruption_costs(backbone, arguments.batch_size, arguments.repeats)
        adapting = result["methods"]["cliptta"]["seconds"]
        print("\ncorruption              ms   share of a CLIPTTA batch")
        for name, taken in result["corruptions"].items():
            print(f"{name:20} {1000 * taken:6.1f}  {taken / adapting:7.1%}")
    if arguments.grow:
        result["grow"] = grow(backbone, arguments.repeats)
        for title, times in result["grow"].items():
            print(f"\nCLIPTTA, {title:10}" + "".join(f"{n:>9}" for n in times))
            print(f"{'seconds':19}" + "".join(f"{taken:9.3f}" for taken in times.values()))
    if arguments.published is not None:
        towers = arguments.published or listed_architectures()
        result["published"] = {}
        sizes = (arguments.batch_size, arguments.memory, arguments.steps, arguments.repeats)
        print(f"\nseconds{'':31}" + "".join(f"{way:>20}" for way in WAYS))
        for name in towers:
            times = result["published"][name] = beside_published(name, *sizes)
            for title, taken in (("there and back", times["pass"]), ("CLIPTTA batch", times["cliptta"])):
                print(f"{name:24}{title:14}" + "".join(f"{taken[way]:20.2f}" for way in WAYS), flush=True)
    if arguments.json:
        write_json(arguments.json, result)
