"""The pages as the tests see them: sections, tables, code blocks, links."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *ROOT.glob("drivers/*/README.md"),
        *ROOT.glob("recordings/*.md"),
    ]
)
FENCE = re.compile(r"^```(.*?)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def reference(page: str) -> str:
    return (ROOT / "docs/reference" / f"{page}.md").read_text(encoding="utf-8")


def prose(text: str) -> str:
    """The text without its code blocks."""
    return FENCE.sub("", text)


def sections(text: str, level: int) -> dict[str, str]:
    """Title (without backticks) to text of every section of a level, those below it included."""
    end = "|".join("#" * n + " " for n in range(1, level + 1))
    pattern = rf"^{'#' * level} (.*?)\n(.*?)(?=^(?:{end})|\Z)"
    found = re.findall(pattern, prose(text), re.DOTALL | re.MULTILINE)
    return {title.replace("`", ""): body for title, body in found}


def rows(text: str) -> list[list[str]]:
    """Cells of every table row that begins with something in backticks."""
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def ticked(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def first_cells(text: str) -> list[str]:
    """What stands in backticks in the first cell of each table row."""
    return [word for row in rows(text) for word in ticked(row[0])]


def blocks(page: Path, language: str) -> Iterator[str]:
    """Code blocks of a language; what follows the language in the fence does not matter."""
    for info, code in FENCE.findall(page.read_text(encoding="utf-8")):
        if info.split(" ")[0] == language:
            yield code


def block(page: str, info: str) -> str:
    """The one code block with exactly this after its fence."""
    found = FENCE.findall((ROOT / page).read_text(encoding="utf-8"))
    code: str
    (code,) = (code for given, code in found if given == info)
    return code


def anchors(page: Path) -> set[str]:
    """The anchors that a page's headings get."""
    titles = re.findall(r"^#+ (.*)$", prose(page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def links(page: Path) -> list[str]:
    """Targets of links that stay inside the project."""
    found = re.findall(r"\]\(([^)\s]+)\)", prose(page.read_text(encoding="utf-8")))
    return [target for target in found if "://" not in target]
