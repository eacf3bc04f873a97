import pytest

from rejeu.report import escape


def test_markdown_is_one_line_without_controls():
    assert escape.markdown("  a\n\n- b\tc\x00\u202e ") == r"a \- b c"


def test_markdown_keeps_no_break_spaces_and_accents():
    assert escape.markdown("«\u00a0été\u202f»") == "«\u00a0été\u202f»"


@pytest.mark.parametrize("ticks", [0, 1, 3, 7])
def test_the_fence_is_longer_than_any_in_the_text(ticks: int):
    fence = escape.code_block("`" * ticks).split(" ")[0]
    assert set(fence) == {"`"}
    assert len(fence) == max(3, ticks + 1)


def test_attribute_cannot_be_closed():
    escaped = escape.attribute('a" onload="x\\" {{< meta title >}}')
    assert '"' not in escaped
    assert "\\" not in escaped
    assert "{{<" not in escaped
