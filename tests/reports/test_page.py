import base64
import hashlib
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from evfi.errors import InputFileError, MissingInputError, UserError
from evfi.reports.options import Goal, ReportOptions
from evfi.reports.page import write_report
from evfi.reports.summary import Summary, summary_line

PLACE = {"dataset": "septuplets", "protocol": "skip", "target": "im4", "method": "timelens"}
GOALS = (
    Goal(**PLACE, skip=1, versus="blend", minimum=5),
    Goal(**PLACE, skip=5, versus="flow", minimum=6),
    Goal(**PLACE, skip=7, versus="flow", minimum=5),
)
SCRIPT_NAME = "</script><script>alert(1)</script>"


class Page(HTMLParser):
    """Collects tags with attributes, and the text outside of style and script."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.scripts: list[str] = []
        self._inside = ""
        self.feed(self.source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag in ("script", "style"):
            self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        if tag == self._inside:
            self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts.append(data)
        elif not self._inside:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def named(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def written(make_run, make_training, make_benchmarks, tmp_path_factory) -> Page:
    root = tmp_path_factory.mktemp("run")
    write_report(
        root / "out",
        evaluations=make_run(root).write().evaluations,
        trainings=[make_training(root / "timelens" / stage) for stage in ("synthesis", "attention")],
        benchmarks=make_benchmarks(root / "benchmarks"),
    )
    return Page(root / "out" / "report.html")


def test_the_page_refers_to_nothing_outside_itself(written: Page) -> None:
    for tag, attributes in written.tags:
        for name in ("src", "href", "srcset", "action", "poster", "data", "xlink:href"):
            value = attributes.get(name, "data:")
            assert value.startswith(("data:", "#")), f"<{tag} {name}={value[:60]!r}>"
    style = re.findall(r"<style>(.*?)</style>", written.source, re.DOTALL)
    assert "url(" not in style[0]
    assert "@import" not in style[0]


def test_the_only_script_is_the_one_that_the_policy_allows(written: Page) -> None:
    policy = next(tag["content"] for tag in written.named("meta") if tag.get("http-equiv") == "Content-Security-Policy")
    (script,) = written.scripts
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert not [name for _, attributes in written.tags for name in attributes if name.startswith("on")]


def test_ids_are_unique_and_links_within_the_page_lead_somewhere(written: Page) -> None:
    ids = [attributes["id"] for _, attributes in written.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {value["href"][1:] for value in written.named("a")}
    assert targets <= set(ids)
    assert len(targets) > 5


def test_every_picture_says_what_it_shows_and_has_a_size(written: Page) -> None:
    pictures = [tag for tag in written.named("img") if tag.get("src")]
    assert len(pictures) > 40
    assert all("alt" in tag and int(tag["width"]) > 0 and int(tag["height"]) > 0 for tag in pictures)


def test_true_frames_of_recordings_come_first_and_septuplets_second(written: Page) -> None:
    recordings = written.source.index("recordings: frames that the camera never took")
    septuplets = written.source.index("septuplets: frames left out")
    assert recordings < written.source.index("<table") < septuplets
    assert "Target im4" in written.text[written.text.index("septuplets: frames left out") :]


def test_each_setting_has_a_card_for_every_metric(written: Page) -> None:
    assert written.source.count('class="metric-cards"') == 3
    assert written.text.count("quantised") == 3 * 4
    assert "no quality rank" in written.text


def test_training_resources_and_provenance_are_shown(written: Page) -> None:
    assert "timelens · synthesis" in written.text
    assert "bf16 is emulated on this CPU" in written.text
    assert "train_stage" in written.text
    assert "1 min 59 s" in written.text
    assert "evaluation/timelens" in written.text


def test_the_summary_is_a_list_with_a_line_for_each_setting_that_leads_to_its_tables(written: Page) -> None:
    listed = written.source[written.source.index('class="verdicts"') : written.source.index("<nav")]
    assert re.findall(r'<a href="#(setting-\d)">([^<]+)</a>', listed) == [
        ("setting-0", "recordings (true frames)"),
        ("setting-1", "septuplets (skip 1, im4)"),
        ("setting-2", "septuplets (skip 5, im4)"),
    ]
    assert listed.count("learned wins") == 3


def test_each_row_leads_to_the_command_that_made_it(written: Page) -> None:
    table = written.source[written.source.index('id="setting-0"') :]
    (anchor,) = set(re.findall(r'<a href="#(stamp-\w+)"[^>]*>TimeLens</a>', table))
    part = written.source[written.source.index(f'<details id="{anchor}">') :]
    assert "<pre><code>" in part[: part.index("</details>")]


def test_events_are_laid_over_the_pictures_of_every_moment(written: Page) -> None:
    overlays = [tag for tag in written.named("img") if tag.get("class") == "overlay"]
    moments = [tag for tag in written.named("div") if "data-said" in tag]
    assert len(overlays) == len(moments) > 3


def test_names_from_files_are_escaped_everywhere(made_run, make_training, tmp_path: Path) -> None:
    made_run.septuplets = made_run.label = SCRIPT_NAME
    made_run.write()
    stage = make_training(tmp_path / "<img src=x onerror=alert(1)>" / "synthesis")
    run = json.loads((stage / "run.json").read_text())
    (stage / "run.json").write_text(json.dumps({**run, "note": SCRIPT_NAME}))
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "<script>alert(2).tsv").write_text("s\tmax_rss\n1.0\t2.0\n")
    summary = write_report(
        tmp_path,
        evaluations=made_run.evaluations,
        trainings=[stage],
        benchmarks=tmp_path / "benchmarks",
        options=ReportOptions(title='"><script>alert(3)</script>'),
    )
    page = Page(tmp_path / "report.html")
    assert len(page.named("script")) == 1
    assert not [tag for tag in page.named("img") if tag.get("src") == "x"]
    for number in (1, 2, 3):
        assert f"alert({number})" in page.text, "shown as text"
    assert SCRIPT_NAME in summary_line(summary)


def test_a_learned_method_that_does_not_beat_a_baseline_is_red(made_run, tmp_path: Path) -> None:
    made_run.psnr["timelens"] = made_run.psnr["flow"] - 2
    made_run.pictures = False
    made_run.write()
    summary = write_report(tmp_path, evaluations=made_run.evaluations)
    page = Page(tmp_path / "report.html")
    assert "does not beat flow" in page.text
    assert "beats every baseline in 0 of 3" in summary_line(summary)
    assert page.source.count('<td class="number worse"') > 3


def test_a_learned_method_that_wins_has_nothing_red(made_run, tmp_path: Path) -> None:
    made_run.pictures = False
    for name in ("timelens", "timelens/synthesis", "timelens/refined0"):
        made_run.psnr[name] = 35.0
    made_run.psnr["timelens"] = 38.0
    made_run.write()
    write_report(tmp_path, evaluations=made_run.evaluations)
    source = (tmp_path / "report.html").read_text()
    assert "does not beat" not in source.replace("a learned method that does not beat every baseline", "")
    assert "number worse" not in source


@pytest.fixture(scope="module")
def with_goals(make_run, tmp_path_factory) -> tuple[list[Path], Summary]:
    """Evaluations without pictures, and their report's summary: one goal met, one missed, one not measured."""
    root = tmp_path_factory.mktemp("goals")
    evaluations = make_run(root, pictures=False).write().evaluations
    return evaluations, write_report(root / "out", evaluations=evaluations, options=ReportOptions(goals=GOALS))


def test_goals_are_shown_met_missed_and_not_measured(with_goals) -> None:
    _, summary = with_goals
    assert (summary.goals_met, len(summary.goals_missed), len(summary.goals_not_measured)) == (1, 1, 1)
    page = Page(summary.report)
    text = page.text
    assert page.source.index('id="results-1"') < page.source.index('id="goals"'), "the results come first"
    assert "1 of 3 goals met" in text
    for words in ("✓ met", "✗ missed", "not measured", "≥ +6.00"):
        assert words in text
    assert "The final frame of TimeLens is better than every frame it is made of in 3 of 3 settings." in str(summary)
    assert "missed: TimeLens over flow on septuplets (skip 5, im4): at least +6.00 dB, measured +" in str(summary)


def test_metrics_are_the_same_bytes_for_the_same_figures(with_goals, tmp_path: Path) -> None:
    evaluations, summary = with_goals
    again = write_report(tmp_path, evaluations=evaluations[::-1], options=ReportOptions(goals=GOALS))
    assert again.metrics.read_bytes() == summary.metrics.read_bytes()


def test_metrics_hold_rows_differences_and_goals(with_goals) -> None:
    document = json.loads(with_goals[1].metrics.read_text())
    wanted = {"method", "dataset", "protocol", "skip", "target", "metric", "value", "low", "high", "frames"}
    wanted |= {"sequences", "averaging"}
    assert all(wanted <= set(row) for row in document["rows"])
    assert {row["averaging"] for row in document["rows"]} == {"frame", "sequence"}
    assert {row["target"] for row in document["rows"] if row["skip"] == 5} == {"all", "im2", "im3", "im4", "im5", "im6"}
    assert any(row["value"] is None for row in document["rows"]), "copy has no event consistency"
    pairs = {(entry["method"], entry["versus"]) for entry in document["differences"]}
    assert {("timelens", "blend"), ("timelens", "timelens/synthesis"), ("timelens/refined0", "flow")} <= pairs
    assert [goal["status"] for goal in document["goals"]] == ["met", "missed", "not measured"]
    reached = document["goals"][0]
    assert reached["low"] <= reached["value"] <= reached["high"]


def test_a_difference_is_the_mean_over_sequences_of_paired_differences(with_goals) -> None:
    evaluations, summary = with_goals
    table = pd.concat([pd.read_parquet(folder / "targets.parquet") for folder in evaluations])
    table = table[(table["dataset"] == "septuplets") & (table["skip"] == 5) & (table["metric"] == "psnr_float")]
    wide = table.pivot(index=["sequence", "sample_id"], columns="method", values="value")
    expected = (wide["timelens"] - wide["flow"]).groupby("sequence").mean().mean()
    document = json.loads(summary.metrics.read_text())
    (found,) = [
        entry
        for entry in document["differences"]
        if (entry["method"], entry["versus"], entry["skip"], entry["target"]) == ("timelens", "flow", 5, "all")
    ]
    assert found["value"] == pytest.approx(expected)
    assert found["sequences"] == 5


def test_baselines_alone_make_a_report(made_run, tmp_path: Path) -> None:
    made_run.write()
    summary = write_report(tmp_path, evaluations=made_run.evaluations[:1])
    assert summary.sentences[0].startswith("On recordings (true frames) flow is best with ")
    assert "Is the whole better than its parts" not in Page(tmp_path / "report.html").text


def test_what_comes_first_keeps_its_own_words(made_run, tmp_path: Path) -> None:
    made_run.write()
    goal = Goal(dataset="recordings", protocol="truth", skip=3, method="blend", versus="copy", minimum=100)
    options = ReportOptions(first_protocol="skip", goals=(goal,))
    summary = write_report(tmp_path, evaluations=made_run.evaluations[:1], options=options)
    assert summary.sentences[0].startswith("On septuplets (skip 1, im4) ")
    page = Page(tmp_path / "report.html").source
    left_out, truth = "septuplets: frames left out", "recordings: frames that the camera never took"
    assert -1 < page.index(left_out) < page.index(truth)
    assert "on recordings (true frames): at least" in summary.goals_missed[0]


def test_a_run_without_recordings_or_pictures_makes_a_report(made_run, tmp_path: Path) -> None:
    made_run.recordings = made_run.pictures = False
    made_run.write()
    write_report(tmp_path, evaluations=made_run.evaluations)
    page = Page(tmp_path / "report.html")
    assert "never took" not in page.text
    assert not page.named("img")


def test_a_main_metric_that_was_not_measured_leaves_dashes(made_run, tmp_path: Path) -> None:
    made_run.pictures = False
    made_run.write()
    options = ReportOptions(main_metric="psnr_u8")
    summary = write_report(tmp_path, evaluations=made_run.evaluations, options=options)
    assert summary.sentences == ()


def test_pictures_stay_within_their_budget_and_the_page_says_so(made_run, tmp_path: Path) -> None:
    made_run.write()
    options = ReportOptions(pictures_mb=0.12)
    write_report(tmp_path / "few", evaluations=made_run.evaluations, options=options)
    page = Page(tmp_path / "few" / "report.html")
    shown = len(page.named("article"))
    assert 0 < shown < 3
    assert sum(len(tag["src"]) for tag in page.named("img") if "src" in tag) <= 120_000
    assert f"{3 - shown} more group" in page.text


def test_evaluations_of_different_indexes_are_refused(made_run, tmp_path: Path) -> None:
    made_run.index_sha256 = ("1" * 64, "2" * 64)
    made_run.pictures = False
    made_run.write()
    with pytest.raises(UserError, match="different sample indexes"):
        write_report(tmp_path / "out", evaluations=made_run.evaluations)
    assert not (tmp_path / "out").exists()


def test_no_evaluation_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="evfi evaluate"):
        write_report(tmp_path, evaluations=[])


@pytest.mark.parametrize("what", ["folder", "picture"])
def test_a_picture_behind_a_link_out_of_the_evaluation_is_refused(made_run, tmp_path: Path, what: str) -> None:
    made_run.write()
    pictures = made_run.evaluations[0] / "pictures"
    kept = sorted(pictures.iterdir())[0]
    secret = tmp_path / "secret"
    kept.rename(secret)
    if what == "folder":
        kept.symlink_to(secret)
    else:
        kept.mkdir()
        for path in secret.iterdir():
            (kept / path.name).symlink_to(path)
    with pytest.raises(InputFileError, match="leads out of"):
        write_report(tmp_path / "out", evaluations=made_run.evaluations)
    assert not (tmp_path / "out").exists()


def _without_columns(folder: Path) -> None:
    document = json.loads((folder / "evaluation.json").read_text())
    del document["methods"]
    (folder / "evaluation.json").write_text(json.dumps(document))


def _leading_out(folder: Path) -> None:
    document = json.loads((folder / "evaluation.json").read_text())
    document["pictures"][0]["folder"] = "../../secret"
    (folder / "evaluation.json").write_text(json.dumps(document))


DAMAGES: dict[str, tuple[Callable[[Path], object], type[Exception], str]] = {
    "no document": (lambda folder: (folder / "evaluation.json").unlink(), MissingInputError, "evaluation.json"),
    "no table": (lambda folder: (folder / "targets.parquet").unlink(), MissingInputError, "targets.parquet"),
    "not JSON": (lambda folder: (folder / "evaluation.json").write_text("{"), InputFileError, "is not JSON"),
    "a list": (lambda folder: (folder / "evaluation.json").write_text("[]"), InputFileError, "expected an object"),
    "not Parquet": (lambda folder: (folder / "targets.parquet").write_text("x"), InputFileError, "is not a Parquet"),
    "no methods": (_without_columns, InputFileError, "lacks"),
    "a picture folder that leads out": (_leading_out, InputFileError, "not a plain name"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_evaluation_is_refused_by_name(made_run, tmp_path: Path, name: str) -> None:
    made_run.write()
    damage, error, words = DAMAGES[name]
    damage(made_run.evaluations[1])
    with pytest.raises(error, match=words) as caught:
        write_report(tmp_path / "out", evaluations=made_run.evaluations)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()
