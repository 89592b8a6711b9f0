"""One cold start our way: from files to the last prediction."""

import sys
from pathlib import Path

from inference.data.dataset import read
from inference.engines.base import predict
from inference.engines.select import Choice, open_engine


def main(engine: str, model_path: Path, data_path: Path) -> None:
    """Read a partition, predict all of it."""
    run = predict(open_engine(model_path, Choice(engine=engine, device="cpu")), read(data_path), 512)
    print(len(run.redshift))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
