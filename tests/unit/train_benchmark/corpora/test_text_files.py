"""Text files: UTF-8 with any line breaks, and the line that is not."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph_encoding import UserError
from train_benchmark.corpora.text_files import lines_of, read_lines

LINE = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]))


@given(
    lines=st.lists(LINE, min_size=1),
    line_break=st.sampled_from(["\n", "\r\n"]),
    mark=st.sampled_from([b"", b"\xef\xbb\xbf"]),
)
def test_lines_come_out_as_they_went_in(lines: list[str], line_break: str, mark: bytes) -> None:
    content = mark + line_break.join(lines).encode()
    expected = [lines[0].removeprefix("\ufeff") if not mark else lines[0], *lines[1:]]
    assert lines_of(content, "x") == expected


def test_the_line_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("fein\nschön\n".encode("latin-1"))
    message = r"lexicon .*a\.txt must be UTF-8, but line 2 has the byte 0xf6 at place 4; save"
    with pytest.raises(UserError, match=message):
        read_lines(path, "lexicon")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read lexicon .*none: No such file"):
        read_lines(tmp_path / "none", "lexicon")
