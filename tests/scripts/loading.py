"""Scripts as modules: scripts/ is no package."""

import importlib.util
from types import ModuleType

from tests.conftest import REPOSITORY


def script_named(name: str) -> ModuleType:
    """The module of scripts/`name`.py, loaded anew."""
    spec = importlib.util.spec_from_file_location(name, REPOSITORY / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
