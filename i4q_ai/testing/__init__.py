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
