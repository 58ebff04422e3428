"""Write an artifact again in the form of this version, without a fit; forecasts stay the same.

python studies/resave_artifact.py timit-micro runs/artifact/timit-micro
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from surrogate import load_artifact


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("artifact", help="shipped artifact, or the folder of one")
    parser.add_argument("out", type=Path, help="folder to write; must not exist")
    options = parser.parse_args()
    load_artifact(options.artifact).save(options.out)


if __name__ == "__main__":
    main()
