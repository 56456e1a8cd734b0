"""`push_oras.py PATH REFERENCE`: the push of oras-py; prints seconds."""

import sys
import time
from pathlib import Path

import oras.provider

path, reference = Path(sys.argv[1]), sys.argv[2]
files = sorted(map(str, path.iterdir())) if path.is_dir() else [str(path)]
registry = oras.provider.Registry(insecure=True)
began = time.monotonic()
registry.push(reference, files=files, disable_path_validation=True, quiet=True)
print(time.monotonic() - began, 0)  # noqa: T201
