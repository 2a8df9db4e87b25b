"""Which drug a pump's words mean, what class it has, and how much base a label's number holds.

The drug file (`config/drugs.toml`) is data of the site. Names are matched in the order of the file,
so norepinephrine stands before epinephrine, whose name is part of its own. An entry without `as`
(base or a named salt) is refused: the mix-up halves or doubles every dose.
"""

import tomllib
import unicodedata
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import msgspec

from monitor_daemon.core.errors import ConfigError

CLASSES: Final = ("vasopressor", "vasopressin", "inotrope", "study", "other")

#: Labels call the bitartrate monohydrate tartrate and acid tartrate too.
_BITARTRATE: Final = Decimal("0.50160")
#: mg of base in one mg of a norepinephrine salt, from molar masses (USP; base 169.18 g/mol).
SALT_FACTORS: Final = {
    "base": Decimal(1),
    "bitartrate": _BITARTRATE,
    "bitartrate_monohydrate": _BITARTRATE,
    "tartrate": _BITARTRATE,
    "acid_tartrate": _BITARTRATE,
    "bitartrate_anhydrous": Decimal("0.52990"),
    "hydrochloride": Decimal("0.82270"),
}


class Drug(msgspec.Struct, frozen=True):
    """One entry of the drug file. `factor`: base equivalent of one unit as the label prints it."""

    key: str
    drug: str
    group: str
    names: tuple[str, ...]
    salt: str
    factor: Decimal
    exclude: tuple[str, ...] = ()


#: Voicing marks of kana: combining characters that make another letter, not an accent.
_VOICING: Final = "\u3099\u309a"


def normalise(label: str) -> str:
    """A pump's words in the form in which names are compared: NFKC, upper case, no accents."""
    kept = "".join(
        c
        for c in unicodedata.normalize("NFKD", label)
        if unicodedata.category(c) != "Co" and (c in _VOICING or not unicodedata.combining(c))
    )
    return " ".join(unicodedata.normalize("NFKC", kept).upper().split())


class DrugTable:
    """The drug file, ready to answer. Raises ConfigError naming entry, key and reason."""

    def __init__(self, entries: Sequence[Drug]) -> None:
        self.entries = {entry.key: entry for entry in entries}
        self._memo: dict[str, Drug | None] = {}

    @classmethod
    def parse(cls, text: str, where: str = "drugs.toml") -> "DrugTable":
        """Read a drug file's text."""
        try:
            document = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{where}: {error}", code="CONFIG_SYNTAX") from None
        tables = document.get("drug")
        if not isinstance(tables, dict) or set(document) != {"drug"}:
            raise ConfigError(f"{where}: expected tables named [drug.<key>]", code="CONFIG_DRUG")
        return cls([_entry(key, table, where) for key, table in tables.items()])

    def find(self, label: str) -> Drug | None:
        """The entry for a pump's words, or None: an unknown drug is never guessed."""
        if label not in self._memo:
            if len(self._memo) > 4096:
                self._memo.clear()
            text = normalise(label)
            self._memo[label] = next((e for e in self.entries.values() if _matches(e, text)), None)
        return self._memo[label]


def _matches(entry: Drug, text: str) -> bool:
    return any(name in text for name in entry.names) and not any(w in text for w in entry.exclude)


def _entry(key: str, table: object, where: str) -> Drug:
    at = f"{where}: drug.{key}"
    if not isinstance(table, dict):
        raise ConfigError(f"{at}: must be a table", code="CONFIG_DRUG")
    allowed = {"drug", "group", "names", "exclude", "as", "factor"}
    if extra := set(table) - allowed:
        raise ConfigError(
            f"{at}.{min(extra)}: unknown key; allowed: {', '.join(sorted(allowed))}",
            code="CONFIG_DRUG",
        )
    if table.get("group") not in CLASSES:
        raise ConfigError(
            f"{at}.group = {table.get('group')!r}: one of {', '.join(CLASSES)}", code="CONFIG_DRUG"
        )
    names = _words(table.get("names"), f"{at}.names")
    if not names:
        raise ConfigError(f"{at}.names: at least one name", code="CONFIG_DRUG")
    return Drug(
        key=key,
        drug=str(table.get("drug", key)),
        group=table["group"],
        names=names,
        exclude=_words(table.get("exclude", []), f"{at}.exclude"),
        salt=str(table.get("as")),
        factor=_factor(table, at),
    )


def _words(value: object, at: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(word, str) and word for word in value):
        raise ConfigError(f"{at}: must be a list of words", code="CONFIG_DRUG")
    return tuple(normalise(word) for word in value)


def _factor(table: dict[str, object], at: str) -> Decimal:
    """The base factor. The label's own statement (`factor`) wins over the molar factor."""
    salt = table.get("as")
    if salt is None:
        raise ConfigError(
            f"{at}.as: missing; say 'base' or the salt that the label's amount counts"
            f" ({', '.join(SALT_FACTORS)}, ...)",
            code="CONFIG_DRUG_SALT",
        )
    if "factor" in table:
        factor = table["factor"]
        if isinstance(factor, bool) or not isinstance(factor, int | float) or not 0 < factor <= 1:
            raise ConfigError(
                f"{at}.factor = {factor!r}: a number above 0, at most 1", code="CONFIG_DRUG"
            )
        return Decimal(repr(factor))
    if salt not in SALT_FACTORS:
        raise ConfigError(
            f"{at}.as = {salt!r}: not a known salt; add `factor`, the base in one unit of it",
            code="CONFIG_DRUG_SALT",
        )
    return SALT_FACTORS[str(salt)]
