"""Contexts out of kubeconfig files; nothing is connected."""

import traceback
from pathlib import Path
from typing import Any

import pytest

from i4q_ai import yamls
from i4q_ai.errors import InvalidError, NotFoundError, SchemaError
from i4q_ai.kube import Api
from i4q_ai.kube.kubeconfig import contexts, find

SECRET = "s3cr3t-t0k3n"


def _config(**changes: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "edge-1",
        "clusters": [{"name": "one", "cluster": {"server": "http://127.0.0.1:1", "certificate-authority": "ca.crt"}}],
        "users": [{"name": "me", "user": {"token": SECRET}}],
        "contexts": [
            {"name": "edge-1", "context": {"cluster": "one", "user": "me", "namespace": "line"}},
            {"name": "edge-2", "context": {"cluster": "one"}},
        ],
        **changes,
    }


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config"
    path.write_text(yamls.dump(_config()))
    return path


def test_the_current_context_and_its_namespace(file: Path) -> None:
    found = find(file)
    assert (found.name, found.namespace) == ("edge-1", "line")
    assert find(file, "edge-2").namespace == "default"
    assert contexts(file) == ("edge-1", "edge-2")


def test_paths_are_meant_from_the_folder_of_the_file(file: Path) -> None:
    assert find(file).document["clusters"][0]["cluster"]["certificate-authority"] == str(file.parent / "ca.crt")


def test_a_plugin_beside_the_file_is_found_and_one_on_the_path_is_left(tmp_path: Path) -> None:
    for command, meant in (("./login", str(tmp_path / "login")), ("aws", "aws"), ("/bin/login", "/bin/login")):
        path = tmp_path / f"config-{len(meant)}"
        users = [
            {"name": "me", "user": {"exec": {"command": command, "apiVersion": "client.authentication.k8s.io/v1"}}}
        ]
        path.write_text(yamls.dump(_config(users=users)))
        assert Path(find(path).plugin) == Path(meant)


def test_a_file_that_changes_is_read_again(file: Path) -> None:
    assert find(file).namespace == "line"
    file.write_text(
        yamls.dump(_config(contexts=[{"name": "edge-1", "context": {"cluster": "one", "namespace": "other"}}]))
    )
    assert find(file).namespace == "other"


def test_the_first_of_several_files_that_has_a_name_counts(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = tmp_path / "more"
    more.write_text(
        yamls.dump(
            _config(
                **{"current-context": "edge-9"},
                clusters=[{"name": "one", "cluster": {"server": "http://127.0.0.1:2"}}],
                contexts=[{"name": "edge-9", "context": {"cluster": "one"}}],
            )
        )
    )
    monkeypatch.setenv("KUBECONFIG", f"{file}:{tmp_path / 'none'}:{more}")
    assert find().name == "edge-1"
    assert find(context="edge-9").document["clusters"][0]["cluster"]["server"] == "http://127.0.0.1:1"


def test_an_unknown_context_suggests_the_nearest(file: Path) -> None:
    with pytest.raises(NotFoundError, match=r"there is no context 'egde-2'.*did you mean 'edge-2'"):
        Api.open(kubeconfig=file, context="egde-2")


def test_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotFoundError, match="there is no kubeconfig"):
        Api.open(kubeconfig=tmp_path / "none")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    with pytest.raises(NotFoundError, match="set KUBECONFIG"):
        Api.open()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: [", "line 2"),
        ("[]", "is no kubeconfig"),
        (yamls.dump(_config(clusters={"one": {}})), "clusters is not a list"),
        (yamls.dump(_config(users=[{"user": {"token": SECRET}}])), "users is not a list of entries with name"),
        (yamls.dump(_config(**{"current-context": ""})), "no context is given"),
        (yamls.dump(_config(clusters=[{"name": "one", "cluster": {}}])), "has no server"),
    ],
)
def test_a_broken_file_says_where(text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "broken"
    path.write_text(text)
    with pytest.raises((InvalidError, SchemaError), match=says):
        Api.open(kubeconfig=path)


@pytest.mark.parametrize("section", ["clusters", "users"])
def test_a_context_may_not_point_nowhere(section: str, tmp_path: Path) -> None:
    path = tmp_path / "dangling"
    path.write_text(yamls.dump(_config(**{section: []})))
    with pytest.raises(NotFoundError, match=f"there is no {section[:-1]}"):
        Api.open(kubeconfig=path)


@pytest.mark.parametrize(
    "user",
    [
        {"client-certificate-data": "no base64 " + SECRET},
        {"tokenFile": "/nowhere/token"},
        {"auth-provider": {"name": "oidc", "config": {"client-secret": SECRET}}},
        {"exec": {"command": "/nowhere/login", "env": [{"name": "TOKEN", "value": SECRET}]}},
    ],
)
def test_broken_credentials_are_told_without_them(user: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "config"
    clusters = [{"name": "one", "cluster": {"server": "https://127.0.0.1:1"}}]
    path.write_text(yamls.dump(_config(users=[{"name": "me", "user": user}], clusters=clusters)))
    with pytest.raises(InvalidError) as caught:
        Api.open(kubeconfig=path)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_no_repr_shows_a_secret(file: Path) -> None:
    with Api.open(kubeconfig=file) as api:
        assert SECRET not in repr(api) + repr(api.__dict__) + repr(vars(api._transport)) + repr(find(file))
        assert api.default_namespace == "line"
        assert api.server == "http://127.0.0.1:1"
