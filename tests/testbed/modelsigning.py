"""model-signing, as others use it: releases of it, each in an environment of its own that is kept in the cache."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.testbed.caching import cache
from tests.testbed.lacking import lacks

NEWEST = "1.1.1"
_NEEDS = {
    "1.1.1": ("pyOpenSSL",),  # it imports it, and does not ask for it
    # A sigstore before 3.6 needs an older cryptography than it says; the next one has no sigstore_protobuf_specs.
    "1.0.1": ("pyOpenSSL", "sigstore>=3.6,<4"),
    "1.0.0": ("pyOpenSSL", "sigstore>=3.6,<4"),
    "0.3.1": ("pyOpenSSL", "sigstore>=3.6,<4"),
}
RELEASES = tuple(_NEEDS)
_INSTALL_TIMEOUT = 900
_TIMEOUT = 120

_PROGRAM = """
import json, pathlib, sys
from model_signing import hashing, signing, verifying
told = json.loads(sys.argv[1])
signing.Config.use_sigstore_signer = lambda config, **_: config  # what it begins with asks a server of the public
kind = told.pop("do")
folder, signature = pathlib.Path(told.pop("folder")), pathlib.Path(told.pop("signature"))
shard = told.pop("shard", None)
ways = {"sign": signing.Config, "verify": verifying.Config}
config = ways[kind]()
if shard:
    by_shards = hashing.Config().use_shard_serialization(shard_size=shard)
    config.set_hashing_config(by_shards.set_ignored_paths(paths=[signature]))
elif kind == "sign":
    config.set_hashing_config(hashing.Config().set_ignored_paths(paths=[signature]))
for name, options in told.items():
    getattr(config, name)(**options)
getattr(config, kind)(folder, signature)
"""


@dataclass(frozen=True)
class ModelSigning:
    """One release.

    Args:
        version: of it.
        python: the interpreter that has it.
    """

    version: str
    python: Path

    def sign(self, folder: Path, signature: Path, *, shard: int | None = None, **how: Any) -> None:
        """Sign a folder.

        Args:
            folder: of the model.
            signature: the file to write.
            shard: sign shards of so many bytes.
            how: method of its signing.Config → arguments.
        """
        done = self._run(do="sign", folder=str(folder), signature=str(signature), shard=shard, **how)
        assert done.returncode == 0, done.stderr[-2000:]

    def verify(self, folder: Path, signature: Path, **how: Any) -> str:
        """What it has against a folder; empty if nothing."""
        done = self._run(do="verify", folder=str(folder), signature=str(signature), **how)
        return "" if done.returncode == 0 else done.stderr.strip().splitlines()[-1]

    def _run(self, **told: Any) -> subprocess.CompletedProcess[str]:
        command = [str(self.python), "-c", _PROGRAM, json.dumps(told)]
        return subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT, check=False)


def model_signing(version: str = NEWEST) -> ModelSigning:
    """A release; installed if it is not there. Where it cannot be, the test is skipped (in CI: fails)."""
    folder = cache() / f"model-signing-{version}-{sys.version_info.major}.{sys.version_info.minor}"
    python = folder / "bin" / "python"
    with (cache() / f"model-signing-{version}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "whole").is_file():
            shutil.rmtree(folder, ignore_errors=True)
            venv.create(folder, with_pip=True)
            wanted = [f"model-signing=={version}", *_NEEDS[version]]
            command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted]
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=_INSTALL_TIMEOUT, check=False, env={**os.environ}
            )
            if done.returncode:
                lacks(f"model-signing {version} cannot be installed: {done.stderr[-1000:]}")
            (folder / "whole").touch()
    return ModelSigning(version, python)
