"""All families by name, registered by hand: a new family is one folder and one line here."""

from evfi.errors import UserError
from evfi.models.convlstm.manifest import CONVLSTM
from evfi.models.family import Family
from evfi.models.timelens.manifest import TIMELENS
from evfi.models.wevi.manifest import WEVI

FAMILIES: dict[str, Family] = {family.name: family for family in (TIMELENS, CONVLSTM, WEVI)}


def family_named(name: str) -> Family:
    """The family of that name.

    Raises:
        UserError: there is none.
    """
    if name not in FAMILIES:
        raise UserError(f"there is no model family {name!r}; choose one of {', '.join(FAMILIES)}")
    return FAMILIES[name]
