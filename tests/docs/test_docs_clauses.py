"""Whoever reads a clause in an alert, a protocol file or the code finds it explained."""

import re
import tomllib

import pytest
from docs_pages import PAGES, ROOT, first_cells, links, name, reference

NUMBER = r"[0-6]\.[1-9]|[RG][1-9]"
#: "reference 0.3, 0.7 and 4.2", "reference section 5.3", "reference R2 and R3"
CITED = re.compile(
    rf"\breference(?: sections?)? ((?:{NUMBER})(?:(?:,| and|, and) (?:{NUMBER}))*)", re.IGNORECASE
)
FOLDERS = ("monitor_daemon", "drivers", "config", "recordings", "benchmarks", "tests")
PROTOCOLS = sorted((ROOT / "config/protocols").glob("*.toml"))


def entries():
    return first_cells(reference("clauses"))


def test_every_clause_has_one_entry():
    assert len(entries()) == len(set(entries()))


@pytest.mark.parametrize("path", PROTOCOLS, ids=name)
def test_every_clause_of_a_protocol_file_is_explained(path):
    rules = tomllib.loads(path.read_text(encoding="utf-8"))["rules"]
    cited = {clause for rule in rules.values() for clause in rule["clause"].split(", ")}
    assert cited
    assert cited <= set(entries())


def test_every_clause_that_code_and_tests_cite_is_explained():
    files = [file for folder in FOLDERS for file in (ROOT / folder).rglob("*")]
    cited = {
        number
        for file in files
        if file.suffix in {".py", ".toml", ".yaml"}
        for found in CITED.findall(file.read_text(encoding="utf-8"))
        for number in re.findall(NUMBER, found)
    }
    assert {"0.7", "R5", "4.2"} < cited
    assert cited <= set(entries())


@pytest.mark.parametrize("page", ["README.md", "docs/reference/protocols.md"])
def test_the_page_is_found_from(page):
    [found] = [path for path in PAGES if name(path) == page]
    assert any(target.split("#")[0].endswith("clauses.md") for target in links(found))
