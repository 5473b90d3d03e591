"""Every Python block of docs/gymnasium.md runs, in the order of the page."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "gymnasium.md"


def test_the_pages_python_runs():
    text = PAGE.read_text(encoding="utf-8")
    blocks = list(re.finditer(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
    assert len(blocks) == text.count("```python") >= 6
    names = {}
    for block in blocks:
        line = text[: block.start()].count("\n") + 1
        exec(compile("\n" * line + block.group(1), str(PAGE), "exec"), names)  # errors name the page's line
