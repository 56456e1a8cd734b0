"""The kinds of Open Cluster Management, as the pinned Go modules bring them."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from tests.testbed.building import MODULE_SOURCES, built, find_go

_API, _OCM = "open-cluster-management.io/api", "open-cluster-management.io/ocm"
_SUBSCRIPTIONS = "open-cluster-management.io/multicloud-operators-subscription"
_FOLDERS = (
    "addon/v1alpha1",  # of its two versions the one that needs no webhook to convert the other
    "cluster/v1",
    "cluster/v1alpha1",
    "cluster/v1beta1",
    "cluster/v1beta2",
    "work/v1",
    "work/v1alpha1",
)
_CLUSTER_PROPERTIES = "manifests/klusterlet/managed/clusterproperties.crd.yaml"
_ON_CLUSTERS = ("appliedmanifestworks", "clusterclaims", "clusterproperties")
_TIMEOUT = 600


def ocm_crds() -> list[Path]:
    """All CustomResourceDefinitions that a hub and its clusters need, one a file.

    They are kept beside the program of the same version, so that only the first call needs Go.
    """
    folder = built("controlplane") / "crds"
    if not folder.is_dir():
        _extract(folder)
    return sorted(folder.iterdir())


def cluster_crds() -> list[Path]:
    """Those of a managed cluster; a hub that is not managed by itself does not need them."""
    return [path for path in ocm_crds() if path.name.startswith(_ON_CLUSTERS)]


def hub_crds() -> list[Path]:
    """Those of a hub."""
    return [path for path in ocm_crds() if not path.name.startswith(_ON_CLUSTERS)]


def klusterlet_crd() -> Path:
    """That of the klusterlet operator, which makes the agents of a cluster."""
    kept = built("controlplane") / "klusterlets.yaml"
    if not kept.is_file():
        (found,) = (_sources((_API,), of="controlplane")[_API] / "operator" / "v1").glob("*_klusterlets.crd.yaml")
        staged = kept.with_suffix(f".{os.getpid()}")
        shutil.copyfile(found, staged)
        staged.replace(kept)
    return kept


def subscription_crds() -> list[Path]:
    """Those of delivery from Git, on hubs and clusters alike; kept as those of a hub are."""
    folder = built("subscriptions") / "crds"
    if not folder.is_dir():
        source = _sources((_SUBSCRIPTIONS,), of="subscriptions")[_SUBSCRIPTIONS]
        found = sorted((source / "deploy" / "hub-common").glob("apps*_crd*.yaml"))
        (application,) = source.glob("deploy/olm-catalog/*/manifests/app.k8s.io_applications_crd_v1beta1.yaml")
        _keep(folder, {path.name: path for path in [*found, application]})
    return sorted(folder.iterdir())


def _extract(folder: Path) -> None:
    sources = _sources((_API, _OCM), of="controlplane")
    found = [path for part in _FOLDERS for path in sorted((sources[_API] / part).glob("*.crd.yaml"))]
    _keep(folder, {f"{_plural(path)}.yaml": path for path in [*found, sources[_OCM] / _CLUSTER_PROPERTIES]})


def _keep(folder: Path, files: Mapping[str, Path]) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        staged = Path(temporary) / folder.name
        staged.mkdir()
        for name, path in files.items():
            shutil.copyfile(path, staged / name)
        try:
            staged.rename(folder)
        except OSError as error:
            if error.errno != errno.ENOTEMPTY:  # another session was quicker
                raise


def _plural(path: Path) -> str:
    """`managedclusters` of `0000_00_clusters.open-cluster-management.io_managedclusters.crd.yaml`."""
    return path.name.removesuffix(".crd.yaml").rpartition("_")[2]


def _sources(modules: Iterable[str], *, of: str) -> dict[str, Path]:
    """Where the sources of these modules are, in the versions that the go.mod of one of ours pins."""
    command = [find_go(), "mod", "download", "-json", *modules]
    source = MODULE_SOURCES / of
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    if done.returncode:
        pytest.fail(f"{' '.join(command)} in {source} failed:\n{done.stderr[-4000:]}{done.stdout[-4000:]}")
    reading, answer, found = json.JSONDecoder(), done.stdout.lstrip(), {}
    while answer:  # one object after the other
        entry, end = reading.raw_decode(answer)
        found[entry["Path"]] = Path(entry["Dir"])
        answer = answer[end:].lstrip()
    return found
