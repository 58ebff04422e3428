"""Folders that are given by a path or by the name of a packaged one."""

from pathlib import Path


def found_folder(name_or_folder: str | Path, shipped: Path, file: str) -> Path | None:
    """The folder of a name or a path; None if it does not exist.

    Text without a slash is a name first: a folder of that name in the working directory does not
    replace a packaged one. It can be given as `./NAME`, or as a `Path`.

    Args:
        name_or_folder: name of a packaged folder, or a folder.
        shipped: parent of the packaged folders.
        file: file that every folder of this kind contains.
    """
    folder = Path(name_or_folder)
    places = [folder, shipped / folder]
    if is_name(name_or_folder):
        places.reverse()
    return next((place for place in places if (place / file).is_file()), None)


def is_name(name_or_folder: str | Path) -> bool:
    """Whether it is text without a slash.

    >>> is_name("timit-micro"), is_name("./timit-micro"), is_name(Path("timit-micro"))
    (True, False, False)
    """
    return isinstance(name_or_folder, str) and Path(name_or_folder).name == name_or_folder
