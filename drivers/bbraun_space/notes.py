"""What a person should know of a station and its pumps, said once."""

from drivers.bbraun_space.codes import model
from drivers.bbraun_space.decode import Block, models


class Notes:
    """Collects what the blocks of one connection tell about the station and its pumps."""

    def __init__(self) -> None:
        self._time = 0
        self._models: dict[str, str] = {}

    def of(self, block: Block) -> list[str]:
        """What `block` tells that was not known: an answer to ALIVE, version, restart, pumps."""
        notes = []
        if "GNACK" in block.station:
            notes.append("station answered")
        if block.version is not None:
            notes.append(f"BCC {block.version}")
        if block.time is not None:
            if block.time < self._time:
                notes.append(
                    f"station restarted: its time fell from {self._time} to {block.time} s"
                )
            self._time = block.time
        for address, software in models(block).items():
            if self._models.get(address) != software:
                self._models[address] = software
                notes.append(f"pump {address}: {model(software)}")
        return notes
