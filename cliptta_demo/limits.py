"""What one visitor, and all of them together, may ask of this server. Every limit of the page is here.

Each can be set before the start by an environment variable: ``CLIPTTA_`` and the field's name in capitals, for example
``CLIPTTA_RUNS_AT_ONCE=4``. The engine has no limits of this kind: the page hands it what it needs. The ranges of a
method's own numbers (steps, learning rate, …) belong to the engine, in :mod:`.backend.settings`.
"""

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from ipaddress import ip_address

from cliptta_demo.backend.data.collection import ArchiveLimits
from cliptta_demo.backend.data.decode import ImageLimits
from cliptta_demo.backend.data.video import VideoLimits
from cliptta_demo.backend.declare import Declared, settings_of, whole
from cliptta_demo.backend.errors import UserError

PREFIX = "CLIPTTA_"
MB = 1_000_000  # bytes of a megabyte, of disk and memory
GPU_TIMES = 100  # a GPU's pace, in processors' of two cores: 20 TFLOP a second is what a small one reaches
BACKBONE_VARIABLE, DATASET_VARIABLE = "CLIPTTA_BACKBONE", "CLIPTTA_DATASET"  # see .page.form.reading
RAY_VARIABLE = "CLIPTTA_RAY"  # see .page.runs.remote_runs
# The first three: see .log, .languages, .backend.plugins.
OTHER_VARIABLES = (
    "CLIPTTA_LOG_LEVEL",
    "CLIPTTA_LANGUAGE",
    "CLIPTTA_PLUGINS",
    BACKBONE_VARIABLE,
    DATASET_VARIABLE,
    RAY_VARIABLE,
)


def variable(name: str) -> str:
    """The environment variable that sets a limit."""
    return PREFIX + name.upper()


class Limits(Declared):
    """All limits, whole numbers."""

    # One run
    max_batches: int = whole(200, 1, 1000)  # curves stay readable, and a link can't keep a core busy for hours
    max_batch_size: int = whole(512, 1, 512)  # the paper's largest is 256; lower it where memory is scarce
    max_run_steps: int = whole(4000, 1, 50_000)  # batches × steps: the longest stream at twice the paper's ten steps
    max_methods: int = whole(6, 1, 32)  # as many colours as are told apart at once, and cards beside one another
    max_classes: int = whole(200, 2, 1000)  # each costs five captions through the text tower

    # Arithmetic, as on a processor; a GPU may do GPU_TIMES as much
    turn_gigaflops: int = whole(600, 1, 1_000_000)  # until somebody else's turn: two cores take 3 s in float32
    pass_gigaflops: int = whole(6000, 1, 10_000_000)  # one that batch normalisation forbids to cut: half a minute
    run_teraflops: int = whole(1000, 1, 1_000_000)  # one whole run: an hour and a half on such a machine

    # All runs
    runs_at_once: int = whole(48, 1, 256)  # a class of forty and some; they take turns step by step
    cameras: int = whole(8, 0, 256)  # at work at once, beside them; each takes a turn for every frame
    queue_size: int = whole(64, 1, 10_000)  # visitors in line behind them; more are told that it is full
    # One call on ZeroGPU. It counts each second 1.5 times, and refuses a call that asks for more than is left of the
    # day: a visitor without account has 120, enough for two such calls.
    gpu_seconds: int = whole(40, 10, 600)

    # Sessions
    sessions: int = whole(128, 1, 10_000)  # kept in memory, more than can run and wait; the longest unused goes first
    session_megabytes: int = whole(600, 1, 100_000)  # of one: both CLIPTTAs with 8 shots × 200 classes at 224 pixels
    sessions_megabytes: int = whole(6000, 1, 1_000_000)  # all, and runs at work; leaves a Space 10 GB for models
    session_minutes: int = whole(360, 1, 10_080)  # until an idle session is forgotten: a school day

    # Uploads
    upload_files: int = whole(500, 1, 10_000)  # several batches; more would outlast a visitor's patience
    upload_megabytes: int = whole(20, 1, 1024)  # per file: any telephone's photo passes
    image_megapixels: int = whole(40, 1, 500)  # width × height: most cameras' photos pass; 160 MB once decoded
    drop_files: int = whole(1000, 1, 10_000)  # in one drop or folder; images beyond upload_files are left out, by name
    archive_megabytes: int = whole(200, 1, 4096)  # per zip
    archive_members: int = whole(2000, 1, 100_000)  # looked at in a zip, whatever they are
    archive_unpacked_megabytes: int = whole(500, 1, 16_384)  # all zips of a visitor's, one member at a time
    video_megabytes: int = whole(200, 1, 4096)  # per video: a telephone's minute in full HD passes
    video_seconds: int = whole(60, 1, 3600)  # of decoding, all videos of a visitor's; one is decoded at a time
    visitor_megabytes: int = whole(1000, 1, 100_000)  # on disk, of one visitor: 250 photos of 4 MB, or five zips
    uploads_megabytes: int = whole(8000, 1, 1_000_000)  # on disk, of all: forty visitors with fifty photos each
    disk_reserve_megabytes: int = whole(1000, 0, 1_000_000)  # stays free whatever comes: for logs and others' files
    upload_minutes: int = whole(30, 1, 1440)  # for a file to arrive and be taken: the most of a visitor at 5 Mbit/s
    leave_seconds: int = whole(60, 1, 3600)  # from the end of a connection, which may come back, to forgetting all

    # Models and data sets
    any_dataset: int = whole(0, 0, 1)  # 1: visitors may name any of the hub's; the default where nobody else comes
    download_megabytes: int = whole(2500, 1, 100_000)  # one choice of a visitor's; ImageNet-R has 2,149
    loaded_backbones: int = whole(2, 1, 16)  # ViT-L/14 alone takes 1.7 GB

    # Workers, where CLIPTTA_RAY names a cluster
    workers: int = whole(256, 1, 4096)  # at most; fewer leave GPUs of the cluster to others
    worker_cores: int = whole(4, 1, 1024)  # processor cores of one, where it has no GPU of its own
    worker_silent_seconds: int = whole(20, 2, 600)  # without a sign of life, after which it counts as hung
    worker_step_seconds: int = whole(180, 5, 3600)  # of one step: pass_gigaflops take a single slow core two minutes
    worker_wait_seconds: int = whole(90, 1, 3600)  # for a worker to come, when there is none: a start takes 15

    # The server
    stop_seconds: int = whole(8, 1, 300)  # for runs to end their step when told to stop; Docker kills after ten

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Limits":
        """The defaults, changed by what the environment says; an empty variable counts as not set.

        Raises:
            UserError: a value that is no whole number of its range, or a variable of ours that there is not.
        """
        known = {variable(name): setting for name, setting in settings_of(cls).items()}
        ours = {name for name in environment if name.startswith(PREFIX)} - set(OTHER_VARIABLES)
        if unknown := sorted(ours - set(known)):
            raise UserError(f"{', '.join(unknown)} sets no limit; there are: {', '.join(known)}.")
        given = {"any_dataset": int(is_loopback(environment.get("GRADIO_SERVER_NAME", "")))}
        for name in sorted(ours):
            if text := environment[name].strip():
                value = int(text) if re.fullmatch(r"-?\d+", text) else text
                known[name].check(value, name)
                given[known[name].name] = value
        return cls(**given)

    @property
    def largest_file(self) -> int:
        """Bytes of one upload, whatever it is; the engine's own limits are finer."""
        return max(self.images.max_bytes, self.archives.max_archive_bytes, self.videos.max_bytes)

    @property
    def images(self) -> ImageLimits:
        """What the engine's decoder is told about a visitor's files."""
        return ImageLimits(
            max_files=self.upload_files,
            max_bytes=self.upload_megabytes * 2**20,
            max_pixels=self.image_megapixels * 1_000_000,
        )

    @property
    def videos(self) -> VideoLimits:
        """What the engine's reader of videos is told."""
        return VideoLimits(max_bytes=self.video_megabytes * 2**20, work_seconds=self.video_seconds)

    @property
    def archives(self) -> ArchiveLimits:
        """What the engine's reader of zip archives is told."""
        return ArchiveLimits(
            max_archive_bytes=self.archive_megabytes * 2**20,
            max_members=self.archive_members,
            max_member_bytes=self.upload_megabytes * 2**20,
            max_total_bytes=self.archive_unpacked_megabytes * 2**20,
        )


def is_loopback(name: str) -> bool:
    """Whether a server of this name or address can be reached from its own machine only."""
    with suppress(ValueError):
        return ip_address(name.strip("[]")).is_loopback
    return name == "localhost"


LIMITS = Limits.from_environment(os.environ)
