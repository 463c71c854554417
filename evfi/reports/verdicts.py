"""Which method wins where, and by how much: one verdict for each setting, and how often each learned method wins."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from evfi.evaluation.aggregate import Row
from evfi.reports import formatting
from evfi.reports.comparison import Comparison, Paired
from evfi.reports.measured import Method, Setting
from evfi.reports.options import ReportOptions
from evfi.reports.settings import block_anchor, headline_target, setting_words, shown_settings
from evfi.reports.views import Badge, Track, tracks

_UNDECIDED = Badge("undecided", "unsure")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Who wins in one setting. `words` leave out the place; `anchor` is where its tables stand.

    `track`: the best learned method's lead over the best baseline with its interval, zero marked; one axis for all.
    """

    place: str
    words: Markup
    badge: Badge
    anchor: str
    gain: tuple[float, float, float] | None = None
    track: Track | None = None

    @property
    def sentence(self) -> Markup:
        """The verdict with its place, for a terminal."""
        return Markup("On {} {}").format(self.place, self.words)


def verdicts(comparison: Comparison, options: ReportOptions) -> tuple[Verdict, ...]:
    """One verdict for each setting in which the main metric ranks methods, in the report's order."""
    found = [
        _verdict(comparison, setting, block_anchor(number), options)
        for number, setting in enumerate(shown_settings(comparison, options))
    ]
    known = [verdict for verdict in found if verdict is not None]
    drawn = tracks([verdict.gain for verdict in known], mark=0.0)
    return tuple(replace(verdict, track=track) for verdict, track in zip(known, drawn, strict=True))


def tallies(comparison: Comparison, options: ReportOptions) -> tuple[Markup, ...]:
    """How often each learned method beats every baseline; nothing with fewer than two settings."""
    settings = shown_settings(comparison, options)
    found = [_tally(comparison, settings, method, options) for method in comparison.measured.methods if method.is_final]
    return tuple(sentence for sentence in found if sentence is not None)


def gain_words(comparison: Comparison, paired: Paired) -> str:
    """A difference with sign and interval, positive = better."""
    return _span(comparison, paired, formatting.signed, 1)


def _tally(
    comparison: Comparison, settings: Sequence[Setting], method: Method, options: ReportOptions
) -> Markup | None:
    won = total = 0
    for setting in settings:
        metric, target = options.main_metric, headline_target(comparison, setting, options)
        baselines = tuple(other for other in comparison.methods(setting) if other.is_baseline)
        best = comparison.best(setting, metric, target, baselines)
        paired = comparison.paired(setting, method.name, best.name, metric, target) if best else None
        if paired is not None:
            total += 1
            won += paired.is_better and not paired.is_level
    if total < 2:
        return None
    share = f"all {total}" if won == total else f"{won} of {total}"
    return Markup("<strong>{}</strong> beats every baseline in {} comparisons.").format(method.label, share)


def _verdict(comparison: Comparison, setting: Setting, anchor: str, options: ReportOptions) -> Verdict | None:
    metric, target = options.main_metric, headline_target(comparison, setting, options)
    methods = comparison.methods(setting)
    baseline = comparison.best(setting, metric, target, tuple(method for method in methods if method.is_baseline))
    learned = comparison.best(setting, metric, target, tuple(method for method in methods if method.is_final))
    place = setting_words(setting, target)
    if baseline is None or learned is None:
        only = baseline or learned
        row = comparison.row(setting, only.name, metric, target) if only else None
        if only is None or row is None:
            return None
        words = Markup("<strong>{}</strong> is best with {}.").format(only.label, _value(comparison, row))
        return Verdict(place, words, Badge("nothing to compare with", "none"), anchor)
    paired = comparison.paired(setting, learned.name, baseline.name, metric, target)
    rows = [comparison.row(setting, method.name, metric, target) for method in (learned, baseline)]
    if paired is None or rows[0] is None or rows[1] is None:
        return None
    gain = (paired.gain, paired.gain_low, paired.gain_high)
    if not paired.is_better:
        words = Markup("<strong>{}</strong> wins with {}; {} is behind it by {}.")
        badge = Badge("baseline wins", "bad")
        if paired.is_level:
            words = Markup("<strong>{}</strong> leads with {}, but not certainly: {} is behind it by {}.")
            badge = _UNDECIDED
        value, loss = _value(comparison, rows[1]), _loss(comparison, paired)
        return Verdict(place, words.format(baseline.label, value, learned.label, loss), badge, anchor, gain)
    words = Markup("<strong>{}</strong> wins with {}, {} over {}, the best baseline.")
    badge = Badge("learned wins", "good")
    if paired.is_level:
        words = Markup("<strong>{}</strong> leads with {}, but not certainly: {} over {}, the best baseline.")
        badge = _UNDECIDED
    words = words.format(learned.label, _value(comparison, rows[0]), gain_words(comparison, paired), baseline.label)
    return Verdict(place, words, badge, anchor, gain)


def _value(comparison: Comparison, row: Row) -> str:
    card = comparison.card(row.metric)
    return f"{formatting.with_unit(formatting.number(row.value, card.decimals), card.unit)} {card.label}"


def _loss(comparison: Comparison, paired: Paired) -> str:
    """How much worse, without a sign."""
    return _span(comparison, paired, formatting.number, -1)


def _span(comparison: Comparison, paired: Paired, written: Callable[[float, int], str], sign: int) -> str:
    card = comparison.card(paired.metric)
    low, high = sorted((sign * paired.gain_low, sign * paired.gain_high))
    text = formatting.with_unit(written(sign * paired.gain, card.decimals), card.unit)
    span = formatting.interval(low, high, card.decimals)
    return f"{text} {span}" if span else text
