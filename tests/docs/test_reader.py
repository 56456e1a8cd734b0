"""The reader that runs pages: what it sees in them, and that it fails where a reader would."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import Session, blocks, environment

PAGE = """\
Text, then

```python
x = 1
print(x + 1)
```

* in a list

  ```text title="output"
  2
  ```
"""


@pytest.fixture
def session(tmp_path: Path) -> Session:
    """A reader of no page in particular."""
    return Session(Path("page.md"), tmp_path, environment(tmp_path), {"8080": "12345"})


def fence(language: str, text: str, title: str = "") -> str:
    about = f' title="{title}"' if title else ""
    return f"```{language}{about}\n{text}\n```\n"


def read(session: Session, page: str) -> None:
    for block in blocks(page):
        session.run(block)


def test_blocks_are_found_with_their_lines_and_without_their_indentation() -> None:
    first, second = blocks(PAGE)
    assert (first.language, first.line, first.text) == ("python", 4, "x = 1\nprint(x + 1)\n")
    assert (second.language, second.title, second.text) == ("text", "output", "2\n")


def test_names_and_variables_live_as_long_as_the_page(session: Session) -> None:
    read(session, PAGE)
    read(session, fence("python", "print(x)") + fence("text", "1", "output"))
    read(session, fence("bash", "export WORD=hello; mkdir -p deeper; cd deeper"))
    read(session, fence("bash", 'echo "$WORD $(basename "$PWD")"') + fence("text", "hello deeper", "output"))


def test_files_are_written_and_ports_replaced(session: Session, tmp_path: Path) -> None:
    read(session, fence("yaml", "port: 8080", "some/where.yaml") + fence("bash", "cat some/where.yaml"))
    read(session, fence("text", "port: 12345", "output"))
    assert (tmp_path / "some" / "where.yaml").exists()


@pytest.mark.parametrize(
    ("page", "message"),
    [
        (fence("python", "print(1)") + fence("text", "2", "output"), "printed instead:\n1"),
        (fence("bash", "false | true"), "exit code 1"),
        (fence("bash", "echo $NO_SUCH_VARIABLE"), "exit code"),
        (fence("cobol", "STOP RUN."), "nobody knows what to do with 'cobol'"),
        (fence("python", "assert 1 == 2, 'as a reader would see it'"), "as a reader would see it"),
    ],
)
def test_it_fails_where_a_reader_would(session: Session, page: str, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        read(session, page)


def test_an_ellipsis_stands_for_anything(session: Session) -> None:
    read(session, fence("python", "print('sha256:0123', 'and more')") + fence("text", "sha256:… and more", "output"))
