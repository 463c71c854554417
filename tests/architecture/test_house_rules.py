"""The rules of docs/design.md that a machine can check."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "numpy", "numba", "pandas", "zarr", "cv2")
SOURCES = sorted((REPOSITORY / "evfi").rglob("*.py"))


@pytest.mark.parametrize("module", ["evfi", "evfi.cli", "evfi.config", "evfi.cli.app", "evfi.models.registry"])
def test_importing_the_front_door_loads_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("module", ["evfi.reports.page", "evfi.reports.text_tables"])
def test_a_report_loads_neither_networks_nor_compiled_loops(module: str) -> None:
    code = f"import sys, {module}; print([name for name in ('torch', 'numba') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_environment_yml_and_pyproject_name_one_python_and_one_list_of_packages() -> None:
    environment = yaml.safe_load((REPOSITORY / "environment.yml").read_text())
    pyproject = _pyproject()
    python, pip, packages = environment["dependencies"]
    assert python == f"python{pyproject['project']['requires-python']}"
    assert pip == "pip"
    assert packages == {"pip": ["-e ."]}


def test_every_dependency_has_an_exact_pin_inside_its_range() -> None:
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    lines = (REPOSITORY / "constraints.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    pins = {canonicalize_name(name): version for name, version in pins.items()}
    project = _pyproject()["project"]
    for text in [*project["dependencies"], *project["optional-dependencies"]["dev"]]:
        requirement = Requirement(text)
        assert pins[canonicalize_name(requirement.name)] in requirement.specifier, text
    assert pins["torch"] == "2.13.0"


def test_no_file_is_longer_than_400_lines() -> None:
    files = [*SOURCES, *(REPOSITORY / "tests").rglob("*.py"), *(REPOSITORY / "scripts").glob("*.py")]
    files += [REPOSITORY / "Snakefile", *(REPOSITORY / "workflow").rglob("*.smk")]
    assert [str(path) for path in files if len(path.read_text().splitlines()) > 400] == []
    assert len((REPOSITORY / "Snakefile").read_text().splitlines()) <= 60


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_source_keeps_the_house_rules(path: Path) -> None:
    text = path.read_text()
    tree = ast.parse(text)
    assert path.stem not in ("utils", "helpers", "misc")
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= 80, f"{node.name} has {length} lines"
        assert not isinstance(node, ast.Assert), f"assert in line {node.lineno}"
    if path.name != "units.py":
        assert not re.search(r"(?<![\w.])(1e6|1e-6 \* t|1_000_000|1000000)(?!\w)", text), "1e6 belongs to units.py"


def test_no_option_of_the_configuration_lacks_its_key_in_the_default_run() -> None:
    from evfi.config import Config

    given = yaml.safe_load((REPOSITORY / "config" / "config.yaml").read_text())
    assert set(given) <= set(Config.model_fields)


def _pyproject() -> dict:
    import tomllib

    return tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
