"""What comes with the package, by name, or lies in a folder."""

from pathlib import Path


def found_folder(name_or_folder: str | Path, shipped: Path, file: str) -> Path | None:
    """The folder that a name or a path means; None if there is none.

    Text without a slash is a name first: a folder of the working directory that happens to be
    called like something shipped does not replace it. Such a folder is `./NAME`, or a `Path`.

    Args:
        name_or_folder: name of something shipped, or a folder.
        shipped: folder of all that is shipped of a kind.
        file: what must be in a folder of that kind.
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
