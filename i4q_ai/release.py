"""Release: one reviewed YAML file that says what goes where."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Self, TypeVar

from pydantic import AfterValidator, Field, model_validator

from i4q_ai.desired import Flavour
from i4q_ai.errors import SchemaError, nearest
from i4q_ai.model import Model
from i4q_ai.placement import Placement
from i4q_ai.rollout.rollout import Rollout
from i4q_ai.spec import Spec
from i4q_ai.thing import Document, FrozenDict, Name, Thing, Version
from i4q_ai.workload import Workload

if TYPE_CHECKING:
    from i4q_ai.gitops import Credentials

_Object = TypeVar("_Object", Model, Workload)


class Placed(Thing):
    """One deployment of a release.

    Args:
        model, workload: the name of one of the release's objects, `name@version` where it has several of that name.
        to: the name of one of its placements.
        name: of the deployment; the object's name if not given.
        flavour: how a model is delivered.
        image: that serves the model, by digest; with flavour "image".
        versions: group → version of the model, where groups differ.
        rollout: how a change reaches the clusters.
    """

    model: str | None = None
    workload: str | None = None
    to: Name
    name: Name | None = None
    flavour: Flavour = "server"
    image: str | None = None
    versions: Annotated[dict[str, Version], AfterValidator(FrozenDict)] = Field(default_factory=FrozenDict)
    rollout: Rollout = Field(default_factory=Rollout)

    @model_validator(mode="after")
    def _is_of_one(self) -> Self:
        if (self.model is None) == (self.workload is None):
            raise ValueError("a deployment is of one 'model' or one 'workload'")
        return self


class Release(Document):
    """What goes where, in one file.

    Args:
        models, workloads: pushed objects, by name, version and reference.
        placements: which clusters.
        deployments: which object goes to which placement.
    """

    models: tuple[Model, ...] = ()
    workloads: tuple[Workload, ...] = ()
    placements: tuple[Placement, ...] = ()
    deployments: tuple[Placed, ...] = ()

    def push(
        self,
        repo: str,
        *,
        path: str,
        branch: str = "main",
        author: str | None = None,
        message: str = "",
        propose: str | None = None,
        force: bool = False,
        credentials: Credentials | None = None,
        timeout: float = 60,
    ) -> str:
        """Hand it over by Git: one commit with `release.yaml`, for a listener to deploy or a person to review.

        Args:
            repo: `https://…`, `ssh://…`, `user@host:path`, `file://…` or a folder; without a password.
            path: of a folder that it has for itself.
            branch: made if there is none.
            author: of the commit, `Name <address>`; who git says the user is if not given.
            message: of the commit; says what is deployed if not given.
            propose: a branch to push to instead, for others to merge.
            force: also over what others have changed in the file.
            credentials: for the repository; else those of git, or of `I4Q_GIT_CREDENTIALS`.
            timeout: in seconds.

        Returns:
            The id of the commit; of the one that is there already, if it says the same.

        Raises:
            EditedError: others have changed the file; nothing was touched.
            GitError, ForbiddenError, NotFoundError, UnreachableError: the repository cannot be written to.
            MissingDependencyError: the extra "git" is not installed.
        """
        from i4q_ai import config
        from i4q_ai.deadline import Deadline
        from i4q_ai.gitops import Source, repository

        things: tuple[Model | Workload, ...] = (*self.models, *self.workloads)
        told = ", ".join(f"{each.name} {each.version}" for each in things)
        commit = repository.write(
            Source(repo=repo, branch=branch, path=path), {"": {"release.yaml": self.to_yaml()}},
            message=message or f"Release {told}", author=author, propose=propose, force=force,
            cache=config.cache() / "git", credentials=credentials,
            deadline=Deadline.after(timeout, f"pushing a release to {repo}"),
        )  # fmt: skip
        return commit.id

    def specs(self, *, owner: str) -> dict[str, Spec]:
        """Name of the deployment → what it says.

        Args:
            owner: that they are marked with.

        Raises:
            SchemaError: a name that the release does not have, or a deployment's name that stands twice.
        """
        found: dict[str, Spec] = {}
        for position, placed in enumerate(self.deployments):
            where = f"deployments.{position}"
            spec = self._spec(placed, owner, where)
            name = placed.name or spec.object.name
            if name in found:
                raise SchemaError(f"{where}: two deployments are called '{name}'", hint="give one of them a name")
            found[name] = spec
        return found

    def _spec(self, placed: Placed, owner: str, where: str) -> Spec:
        model = None if placed.model is None else _find(placed.model, self.models, f"{where}.model")
        workload = None if placed.workload is None else _find(placed.workload, self.workloads, f"{where}.workload")
        versions = {
            group: _find(f"{model.name if model else ''}@{version}", self.models, f"{where}.versions.{group}")
            for group, version in placed.versions.items()
        }
        placement = next((each for each in self.placements if each.name == placed.to), None)
        if placement is None:
            known = (each.name for each in self.placements)
            raise SchemaError(f"{where}.to: there is no placement '{placed.to}'", hint=nearest(placed.to, known))
        fields: dict[str, Any] = {
            "model": model, "workload": workload, "placement": placement, "flavour": placed.flavour,
            "image": placed.image,
            "versions": versions, "rollout": placed.rollout, "owner": owner,
        }  # fmt: skip
        return _at(where, lambda: Spec(**fields))


def _find(text: str, objects: tuple[_Object, ...], where: str) -> _Object:
    name, _, version = text.partition("@")
    found = [each for each in objects if each.name == name and version in ("", each.version)]
    if not found:
        known = [f"{each.name}@{each.version}" for each in objects] + [each.name for each in objects]
        raise SchemaError(f"{where}: there is no '{text}'", hint=nearest(text, known))
    if len(found) > 1:
        versions = ", ".join(f"{each.name}@{each.version}" for each in found)
        raise SchemaError(f"{where}: '{text}' may be any of: {versions}")
    return found[0]


def _at(where: str, make: Callable[[], Spec]) -> Spec:
    try:
        return make()
    except SchemaError as error:
        raise SchemaError(where, findings=error.findings) from error
