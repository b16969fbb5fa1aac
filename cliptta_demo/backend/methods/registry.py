"""The methods by name. To add one: write its file, add one line here."""

from cliptta_demo.backend.methods.base import Method
from cliptta_demo.backend.methods.cliptta import Cliptta, ClipttaOce
from cliptta_demo.backend.methods.tent import Tent
from cliptta_demo.backend.methods.zero_shot import ZeroShot

METHODS: dict[str, type[Method]] = {method.name: method for method in (ZeroShot, Tent, Cliptta, ClipttaOce)}
