"""The contract that every backend must keep, as tests to inherit; needs pytest and the extra `serve`.

```python
from i4q_ai.testing import BackendContract, Connection

class TestMine(BackendContract):
    @pytest.fixture(scope="class")
    @classmethod
    def connection(cls, tmp_path_factory):
        yield Connection("mine", {"home": str(tmp_path_factory.mktemp("home"))})

    def cut(self, hub, cluster): ...    # put a cluster out of reach
    def join(self, hub, cluster): ...   # and back
```

What a backend cannot do it says in its `Capabilities`; the cases for it are then skipped, and its refusal is tested.
Methods that not every fleet has work for:

* `catch_up` returns `[]` where clusters ask for their desired state by themselves. Elsewhere a cluster that was cut
  off, or not told because its hub was killed, has everything after it.
* `check` does nothing where placements are decided here, by the rules as they are. Elsewhere it refuses those that the
  control plane cannot follow; whoever plans asks it before anything is written.
* `compare` raises `UnsupportedError` without `capabilities.compare`. With it, it says nothing where nobody has changed
  anything, and `apply` repairs what it says, by an action whose `before` is its `after`.
* `check_subscription`, `subscribe`, `unsubscribe` and `pulled` raise `UnsupportedError` without `capabilities.gitops`;
  `i4q_ai.backends.gitless.Gitless` has them for a fleet to inherit.
* `join` raises `UnsupportedError` without `capabilities.joins`. A backend that has it may refuse `add`; the fixture
  `connection` then opens a hub that has its clusters.

`i4q_ai.testing.fake_registry.FakeRegistry` is a registry that behaves until it is told not to.
"""

import pytest

pytest.register_assert_rewrite(
    "i4q_ai.testing.deploying",
    "i4q_ai.testing.faults",
    "i4q_ai.testing.fleet",
    "i4q_ai.testing.moving",
    "i4q_ai.testing.refusing",
    "i4q_ai.testing.store",
    "i4q_ai.testing.workloads",
)

from i4q_ai.testing.connection import Connection  # noqa: E402 - after the rewriting is set up
from i4q_ai.testing.contract import BackendContract  # noqa: E402
from i4q_ai.testing.samples import Samples  # noqa: E402

__all__ = ["BackendContract", "Connection", "Samples"]
