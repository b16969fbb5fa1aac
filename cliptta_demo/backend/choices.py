"""What some settings are chosen from: names, and how each is called."""

from cliptta_demo.backend.corruptions import MIXED
from cliptta_demo.languages import Text

PREDICTIONS = {"after": Text("After the steps"), "authors": Text("As each one's authors")}
RESETS = {
    "every": Text("Every … batches, or never"),
    "shift": Text("At each new shift"),
    "astray": Text("When it goes astray"),
}
SCHEDULES = {
    "one": Text("One shift"),
    "continual": Text("One after another"),
    "gradual": Text("Up and down"),
    "gradual-cotta": Text("Up and down, from the top"),
    "recurring": Text("Again and again"),
    MIXED: Text("Mixed in each batch"),
}
ORDERS = {
    "shuffled": Text("Shuffled"),
    "sorted": Text("Sorted by class"),
    "rotta": Text("In runs, RoTTA's"),
    "note": Text("In runs, NOTE's"),
    "late": Text("New classes late"),
    "few": Text("Few classes in each batch"),
    "given": Text("As given"),
}
