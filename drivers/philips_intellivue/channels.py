"""Names of a monitor's objects that stay the same from one association to the next.

Context and handle tell two objects apart, but a monitor may give others in its next association
(Programming Guide H.0, managed object identification); nobody could then follow a line through a
short loss of the link.
"""

from typing import Final

from drivers.philips_intellivue.export import Entry

#: More objects than any monitor shows; then the memory begins anew.
_LIMIT: Final = 1000


class Channels:
    """What the objects of one association are called."""

    def __init__(self) -> None:
        self._names: dict[tuple[int, int], str] = {}

    def name(self, entry: Entry, label: int) -> str:
        """The label id that the object had when it was first seen, in hexadecimal.

        A line that is given another label keeps its name. A second object with the label of another
        is numbered: 4A14, 4A14.2.
        """
        key = entry.context, entry.handle
        known = self._names.get(key)
        if known is not None:
            return known
        if len(self._names) >= _LIMIT:
            self._names.clear()
        code = f"{label:04X}"
        same = sum(name[:4] == code for name in self._names.values())
        self._names[key] = name = f"{code}.{same + 1}" if same else code
        return name
