"""Which drug a pump's words mean, what class it has, and how much base a label's number holds.

The drug file (`config/drugs.toml`) is data of the site. Names are matched in the order of the file,
so norepinephrine stands before epinephrine, whose name is part of its own. A label that names two
drugs is unknown: what a wrong drug does to a dose is worse. An entry without `as` (base or a named
salt) is refused: the mix-up halves or doubles every dose.
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Sequence
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
    """One entry of the drug file. `factor`: base equivalent of one unit as the label prints it.

    A label names it that has one of `names` and none of `exclude`, at the beginning of a word, and
    somewhere one of `also`, if there are any. One of `alone` names it if the rest of the label is
    numbers and volumes: a diluent stands on the labels of other drugs too.
    """

    key: str
    drug: str
    group: str
    names: tuple[str, ...]
    salt: str
    factor: Decimal
    exclude: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    alone: tuple[str, ...] = ()


#: Voicing marks of kana: combining characters that make another letter, not an accent.
_VOICING: Final = "\u3099\u309a"
#: Private-use characters, and those that are not seen: a soft hyphen, a joiner, an order mark.
_UNSEEN: Final = frozenset({"Co", "Cf"})
#: Latin, Greek and Cyrillic; kana and hanzi part no words.
_LETTERS: Final = "A-Z\u00c0-\u04ff"
#: What may stand beside a name that stands alone.
_VOLUME: Final = re.compile(r"\d*(?:ML|L|MMOL|MEQ)?")


def normalise(label: str) -> str:
    """A pump's words in the form in which names are compared.

    NFKC, upper case, no accents; whatever is no letter and no digit only parts words.
    """
    kept = "".join(
        c
        for c in unicodedata.normalize("NFKD", label)
        if unicodedata.category(c) not in _UNSEEN
        and (c in _VOICING or not unicodedata.combining(c))
    )
    text = unicodedata.normalize("NFKC", kept).upper()
    return " ".join("".join(c if c.isalnum() else " " for c in text).split())


class _Matcher:
    """Says whether a normalised label means `entry`."""

    def __init__(self, entry: Drug) -> None:
        self.entry = entry
        self._names = _beginnings(entry.names)
        self._exclude = _beginnings(entry.exclude)
        self._alone = _beginnings(entry.alone)

    def names(self, text: str) -> bool:
        """Whether the label names the drug, whatever else it says."""
        also = self.entry.also
        return (
            self._names.search(text) is not None
            and self._exclude.search(text) is None
            and (not also or any(word in text for word in also))
        )

    def alone(self, text: str) -> bool:
        """Whether the label names nothing but a diluent."""
        rest, found = self._alone.subn(" ", text)
        return found > 0 and all(map(_VOLUME.fullmatch, rest.split()))

    def without(self, text: str) -> str:
        """The label without the words that name the drug."""
        return self._names.sub(" ", text)


def _beginnings(names: Iterable[str]) -> re.Pattern[str]:
    """Finds a whole word that begins with one of `names`; one of a script without spaces anywhere.

    Within a word a name is another's: NOEPINEPHRINE is no epinephrine, whatever N it is.
    """
    longest = sorted(names, key=len, reverse=True)
    forms = (
        rf"(?<![{_LETTERS}]){re.escape(name)}[A-Z]*" if name.isascii() else re.escape(name)
        for name in longest
    )
    return re.compile("|".join(forms) or r"(?!)")


class DrugTable:
    """The drug file, ready to answer. Raises ConfigError naming entry, key and reason."""

    def __init__(self, entries: Sequence[Drug]) -> None:
        self.entries = {entry.key: entry for entry in entries}
        self._matchers = [_Matcher(entry) for entry in entries]
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
            self._memo[label] = self._find(normalise(label))
        return self._memo[label]

    def _find(self, text: str) -> Drug | None:
        named = [m for m in self._matchers if m.names(text)]
        if not named:
            return next((m.entry for m in self._matchers if m.alone(text)), None)
        first, rest = named[0].entry, named[0].without(text)
        # A blinded bag is blinded, whatever else its label says.
        mixed = first.group != "study" and any(
            m.entry.drug != first.drug and m.entry.group != "study" and m.names(rest) for m in named
        )
        return None if mixed else first


def _entry(key: str, table: object, where: str) -> Drug:
    at = f"{where}: drug.{key}"
    if not isinstance(table, dict):
        raise ConfigError(f"{at}: must be a table", code="CONFIG_DRUG")
    allowed = {"drug", "group", "names", "exclude", "also", "alone", "as", "factor"}
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
        also=_words(table.get("also", []), f"{at}.also"),
        alone=_words(table.get("alone", []), f"{at}.alone"),
        salt=str(table.get("as")),
        factor=_factor(table, at),
    )


def _words(value: object, at: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(w, str) and normalise(w) for w in value):
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
