"""Without the extra, the program says how to get it."""

import sys

import pytest

from i4q_ai import cli


def test_without_click_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in sys.modules if name.startswith(("i4q_ai.cli.", "click"))]:
        monkeypatch.delitem(sys.modules, name)

    class NoClick:
        def find_spec(self, name: str, *_: object) -> None:
            if name.partition(".")[0] == "click":
                raise ModuleNotFoundError(f"No module named {name!r}", name="click")

    monkeypatch.setattr(sys, "meta_path", [NoClick(), *sys.meta_path])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    assert capsys.readouterr().err == 'error: the command line needs more packages\nhint: pip install "i4q-ai[cli]"\n'
