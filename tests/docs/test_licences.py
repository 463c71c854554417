import re
import tomllib

from packaging.requirements import Requirement

from tests.docs.commands import REPOSITORY


def test_every_package_that_evfi_asks_for_stands_on_the_page_of_licences_in_bold() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    asked = {re.sub(r"[-_.]+", "-", Requirement(line).name).lower() for line in project["dependencies"]}
    page = (REPOSITORY / "docs/licences.md").read_text()
    rows = re.findall(r"^\| (\*{0,2})([\w.-]+?)\1 \| ([^|]+) \|$", page, flags=re.MULTILINE)
    shown = {re.sub(r"[-_.]+", "-", name).lower() for mark, name, _ in rows if mark}
    assert shown == asked
    assert len(rows) > 90
    assert all(licence.strip() not in ("", "UNKNOWN") for _, _, licence in rows)
