"""`./dev bench [name ...]`: run the benchmarks and print their reports."""

import importlib
import sys

from monitor_daemon.cli import logs

NAMES = (
    "mllp", "hl7reader", "links", "core", "blocks", "patients", "replay", "alerts", "memory",
)  # fmt: skip


def main() -> None:
    logs.configure("error")
    for name in sys.argv[1:] or NAMES:
        print(f"== {name}")
        for line in importlib.import_module(f"benchmarks.{name}").run():
            print(f"   {line}")


if __name__ == "__main__":
    main()
