"""Kubeconfigs of several clusters as one file, a context for each."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import yaml


def merge(kubeconfigs: Iterable[Path], *, to: Path) -> Path:
    """Write one kubeconfig with the contexts of all; the first one's is the current one.

    Args:
        kubeconfigs: files of the test bed, whose names do not clash.
        to: the file to write.
    """
    contents = [yaml.safe_load(path.read_text()) for path in kubeconfigs]
    merged = dict(contents[0])
    for part in ("clusters", "users", "contexts"):
        merged[part] = [entry for content in contents for entry in content[part]]
    to.touch(mode=0o600)
    to.write_text(yaml.safe_dump(merged))
    return to
