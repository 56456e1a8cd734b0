"""`push_ours.py files|model PATH REFERENCE`: our push; prints seconds, and bytes of memory beyond the bare import."""

import sys
import time
from pathlib import Path

from i4q_ai import oci
from i4q_ai.model import Model
from i4q_ai.oci import pushing, remote  # noqa: F401 - what a push imports
from i4q_ai.oci.uploads import rawfiles  # noqa: F401 - what a push imports


def peak() -> int:
    """Bytes; getrusage would count whoever has started this, too."""
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) * 1024


kind, path, reference = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
before = peak()
began = time.monotonic()
if kind == "files":
    oci.push_files(sorted(path.iterdir()) if path.is_dir() else [path], reference)
else:
    oci.push(Model.from_dir(path, name="bench", version="1"), reference, chunk_maps=kind == "maps")
took = time.monotonic() - began
print(took, peak() - before)  # noqa: T201
