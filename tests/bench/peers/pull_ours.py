"""`python pull_ours.py HOST/REPOSITORY TAG FOLDER`: pulls an artifact; prints how far memory rose, and the seconds."""

import sys
import time
from pathlib import Path

from i4q_ai.deadline import Deadline
from i4q_ai.oci import media, reading
from i4q_ai.oci.downloads import cache
from i4q_ai.oci.downloads.ingesting import Means
from i4q_ai.oci.media import Descriptor
from i4q_ai.oci.reference import Reference
from i4q_ai.oci.remote import Remote
from i4q_ai.progress import Silent


def _peak() -> int:
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) * 1024


_before, _began = _peak(), time.monotonic()
_where, _tag, _folder = sys.argv[1:]
_deadline = Deadline.after(600, "pulling")
_source = Remote(Reference.parse(_where))
_digest = _source.resolve(_tag, _deadline)
assert _digest, "it was pushed"
_layers = [Descriptor.parse(item, where=_where) for item in reading.manifest(_source, _digest, _deadline)["layers"]]
_wanted = {Path(_folder, layer.annotations[media.TITLE]): layer for layer in _layers}
cache.download_all(_wanted, _source, Means(_deadline, Silent()))
sys.stdout.write(f"{_peak() - _before} {time.monotonic() - _began}\n")
