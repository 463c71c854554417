"""What axe-core complains about on a page in a browser."""

from typing import Any

_SHOWN = 4


def complaints_of_axe(page: Any, axe: str, *, unfold: bool = True) -> list[str]:
    """A line for each rule that the page breaks, in both colour schemes.

    Args:
        page: Playwright's, with the page loaded.
        axe: the source of axe-core.
        unfold: look into everything that is folded up, too.
    """
    page.evaluate(axe)
    if unfold:
        page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
    # Contrast cannot be told on a gradient: here it is the shade at the edge of a table that scrolls.
    page.evaluate("document.querySelectorAll('.scroll').forEach(one => { one.style.background = 'none' })")
    found = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        broken = page.evaluate("axe.run(document, {resultTypes: ['violations']}).then(result => result.violations)")
        found += [
            f"{scheme}: {rule['impact']} {rule['id']}: {node['html'][:200]}: {node['failureSummary']}"
            for rule in broken
            for node in rule["nodes"][:_SHOWN]
        ]
    return found
