"""Text files of a corpus, line by line."""

from pathlib import Path

from graph_encoding.common.errors import UserError

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_lines(path: Path, what: str) -> list[str]:
    """Lines of a UTF-8 file without line breaks, with or without a byte-order mark.

    Args:
        path: the file.
        what: kind of the file, for messages.

    Raises:
        UserError: if it cannot be read, or a line is not UTF-8.
    """
    try:
        content = path.read_bytes()
    except OSError as e:
        raise UserError(f"cannot read {what} {path}: {e.strerror}") from e
    return lines_of(content, f"{what} {path}")


def lines_of(content: bytes, name: str) -> list[str]:
    """Lines of UTF-8 bytes; `name` is for messages.

    Raises:
        UserError: if a line is not UTF-8.
    """
    found = []
    for number, line in enumerate(content.removeprefix(_BYTE_ORDER_MARK).split(b"\n"), start=1):
        try:
            found.append(line.removesuffix(b"\r").decode("utf-8"))
        except UnicodeDecodeError as e:
            raise UserError(
                f"{name} must be UTF-8, but line {number} has the byte 0x{line[e.start]:02x} at "
                f"place {e.start + 1}; save it as UTF-8"
            ) from e
    return found
