"""What the config of the image says, and how the base's is changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from i4q_ai.oci import media
from i4q_ai.oci.image import configuring
from i4q_ai.oci.image.layering import FileBlob, Layer

EPOCH = 1_700_000_000
BASE: dict[str, Any] = {
    "architecture": "arm64",
    "variant": "v8",
    "os": "linux",
    "created": "2020-01-01T00:00:00Z",
    "author": "somebody",
    "config": {
        "Env": ["PATH=/base/bin", "PYTHONPATH=/elsewhere", "LANG=de_DE.UTF-8", "EQUALS=a=b"],
        "Entrypoint": ["/bin/sh"],
        "Cmd": ["-c", "true"],
        "User": "root",
        "WorkingDir": "/root",
        "StopSignal": "SIGINT",
        "Labels": {"vendor": "somebody", "org.opencontainers.image.title": "base"},
        "OnBuild": ["RUN true"],
    },
    "rootfs": {"type": "layers", "diff_ids": ["sha256:base"]},
    "history": [{"created_by": "somebody"}],
}


def _layer(name: str) -> Layer:
    return Layer(media.IMAGE_LAYER, FileBlob(Path(name), f"sha256:{name}", 1), f"sha256:{name}", name)


def _made(base: dict[str, Any]) -> Any:
    labels = configuring.labels("1.2", "sha256:root")
    raw = configuring.config(
        base, [_layer("dependencies"), _layer("package")], labels, architecture="arm64", epoch=EPOCH
    )
    assert raw == media.canonical(json.loads(raw))
    return json.loads(raw)


def test_on_a_mere_root_file_system() -> None:
    assert _made({}) == {
        "architecture": "arm64",
        "os": "linux",
        "created": "2023-11-14T22:13:20Z",
        "config": {
            "User": "65532:65532",
            "Env": [
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "LANG=C.UTF-8",
                "PYTHONPATH=/opt/i4q/site-packages",
                "PYTHONDONTWRITEBYTECODE=1",
                "PYTHONUNBUFFERED=1",
            ],
            "Entrypoint": ["python3", "-m"],
            "WorkingDir": "/",
            "Labels": {
                "org.opencontainers.image.title": "i4q-ai edge",
                "org.opencontainers.image.version": "1.2",
                "org.opencontainers.image.description": "Model server and edge agent of i4q-ai",
                "org.opencontainers.image.licenses": "Apache-2.0",
                "org.opencontainers.image.base.digest": "sha256:root",
            },
        },
        "rootfs": {"type": "layers", "diff_ids": ["sha256:dependencies", "sha256:package"]},
        "history": [
            {"created": "2023-11-14T22:13:20Z", "created_by": "i4q image build", "comment": "dependencies"},
            {"created": "2023-11-14T22:13:20Z", "created_by": "i4q image build", "comment": "package"},
        ],
    }


def test_of_the_base_stays_what_is_not_ours_to_say() -> None:
    made = _made(BASE)
    assert made["variant"] == "v8"
    assert "author" not in made
    assert made["rootfs"]["diff_ids"] == ["sha256:base", "sha256:dependencies", "sha256:package"]
    assert [each["created_by"] for each in made["history"]] == ["somebody", "i4q image build", "i4q image build"]
    run = made["config"]
    assert set(run["Env"]) == {
        "PATH=/base/bin",
        "LANG=de_DE.UTF-8",
        "EQUALS=a=b",
        "PYTHONPATH=/opt/i4q/site-packages",
        "PYTHONDONTWRITEBYTECODE=1",
        "PYTHONUNBUFFERED=1",
    }
    assert (run["User"], run["WorkingDir"], run["StopSignal"]) == ("65532:65532", "/", "SIGINT")
    assert run["Entrypoint"] == ["python3", "-m"]
    assert not {"Cmd", "OnBuild"} & set(run)
    assert (run["Labels"]["vendor"], run["Labels"]["org.opencontainers.image.title"]) == ("somebody", "i4q-ai edge")


def test_labels_tell_where_it_comes_from() -> None:
    labels = configuring.labels("1", "sha256:b", base_name="registry.example/debian", python="3.11.2")
    assert labels["org.opencontainers.image.base.name"] == "registry.example/debian"
    assert labels["ai.i4q.bytecode"] == "CPython 3.11.2"


def test_the_variant_stands_in_the_index() -> None:
    assert configuring.platform(BASE, "arm64") == {"architecture": "arm64", "os": "linux", "variant": "v8"}
    assert configuring.platform({}, "amd64") == {"architecture": "amd64", "os": "linux"}
