"""A process that holds a cube: prints "held" or why it may not, and obeys the lines it reads: check, end."""

import sys

from pipeline.errors import RunError
from pipeline.storage import lease
from pipeline.storage.files import files_at


def main(cube: str, run: str, beat: float, expiry: float) -> None:
    lease.BEAT, lease.EXPIRY = beat, expiry
    with lease.hold(files_at(cube), run, "bavaria") as held:
        print("held", flush=True)
        for line in sys.stdin:
            if line.strip() == "end":
                break
            try:
                held.check()
                print("still held", flush=True)
            except RunError as error:
                print(error, flush=True)


if __name__ == "__main__":
    try:
        main(sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4]))
    except RunError as error:
        print(error, flush=True)
