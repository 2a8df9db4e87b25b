"""`./dev bench [name ...]`: run the benchmarks and print their reports."""

import importlib
import sys

from monitor_daemon.cli import logs

NAMES = ("mllp", "core", "blocks", "patients", "replay", "alerts", "memory")


def main() -> None:
    logs.configure("error")
    for name in sys.argv[1:] or NAMES:
        print(f"== {name}")
        for line in importlib.import_module(f"benchmarks.{name}").run():
            print(f"   {line}")


if __name__ == "__main__":
    main()
