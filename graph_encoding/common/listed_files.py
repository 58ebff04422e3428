"""Files that a folder's metadata lists: their names are untrusted."""

from pathlib import Path, PurePosixPath

from graph_encoding.common.errors import CorruptFileError, shown


def listed_file(folder: Path, name: object, remedy: str) -> Path:
    """The path of a file that a folder's metadata lists.

    Args:
        folder: the folder.
        name: the listed name, with forward slashes.
        remedy: what the user can do, for messages.

    Raises:
        CorruptFileError: if the name leads out of the folder, or the file does not exist.
    """
    parts = PurePosixPath(name).parts if isinstance(name, str) and "\0" not in name else ()
    if not parts or ".." in parts or PurePosixPath(*parts).is_absolute() or "\\" in str(name):
        raise CorruptFileError(
            f"{folder} must list files of its own by their names, but lists {shown(name)}; {remedy}"
        )
    path = folder.joinpath(*parts)
    # `is_file`, because a device or a pipe would be read without end.
    if not path.is_file():
        raise CorruptFileError(
            f"{folder} must hold the file {shown(name)}, which it lists, but lacks it; {remedy}"
        )
    return path
