import json
from pathlib import Path

import pytest

from evfi.errors import InputFileError, MissingInputError, UserError
from evfi.reports.disk import bytes_of_rules, parsed_outputs
from evfi.reports.origins import demo_table, plain_lines, read_stamps
from evfi.reports.resources import read_jobs, resources_document, uses
from evfi.reports.trainings import read_trainings


def test_jobs_are_named_by_rule_and_wildcards(make_benchmarks, tmp_path: Path) -> None:
    jobs = {(job.rule, job.wildcards): job for job in read_jobs(make_benchmarks(tmp_path))}
    assert set(jobs) == {
        ("index", ""),
        ("ingest", "test0"),
        ("train_stage", "timelens/synthesis"),
        ("train_stage", "timelens/warp"),
    }
    assert jobs["ingest", "test0"].memory_mb == 310.2


def test_what_a_short_job_could_not_measure_is_unknown_and_not_zero(make_benchmarks, tmp_path: Path) -> None:
    short = read_jobs(make_benchmarks(tmp_path))[0]
    assert (short.seconds, short.memory_mb, short.cpu_seconds) == (0.4, None, None)


def test_rules_add_times_and_take_the_largest_memory(make_benchmarks, tmp_path: Path) -> None:
    jobs = read_jobs(make_benchmarks(tmp_path))
    first = uses(jobs)[0]
    assert (first.rule, first.jobs, first.seconds, first.longest_seconds) == ("train_stage", 2, 119.0, 61.0)
    assert first.memory_mb == 1450.0
    document = resources_document(jobs)
    assert document["total_seconds"] == pytest.approx(131.9)
    assert document["peak_memory_mb"] == 1450.0
    json.dumps(document, allow_nan=False)


def test_of_a_repeated_benchmark_the_slowest_run_counts(tmp_path: Path) -> None:
    (tmp_path / "bench.tsv").write_text("s\tmax_rss\n2.0\t10\n5.0\t20\n3.0\t30\n")
    (job,) = read_jobs(tmp_path)
    assert (job.seconds, job.memory_mb) == (5.0, 20.0)


@pytest.mark.parametrize("text", ["", "s\tmax_rss\n", "a\tb\n1\t2\n", "s\n-\n"])
def test_a_file_that_is_no_benchmark_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "odd.tsv").write_text(text)
    with pytest.raises(InputFileError, match=r"odd\.tsv"):
        read_jobs(tmp_path)


def test_the_disk_of_a_rule_is_that_of_all_its_outputs_and_links_count_nothing(make_benchmarks, tmp_path: Path) -> None:
    jobs = read_jobs(make_benchmarks(tmp_path / "benchmarks"))
    for name, size in (("a/one", 10), ("a/inner/two", 200), ("b.txt", 3000)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(bytes(size))
    (tmp_path / "a" / "link").symlink_to(tmp_path / "b.txt")
    words = [f"ingest={tmp_path}/a", f"ingest={tmp_path}/b.txt", f"index={tmp_path}/absent"]
    disk = bytes_of_rules(parsed_outputs(words))
    assert disk == {"ingest": 3210, "index": 0}
    rules = {rule["rule"]: rule["disk_bytes"] for rule in resources_document(jobs, disk)["rules"]}
    assert rules == {"ingest": 3210, "index": 0, "train_stage": None}


@pytest.mark.parametrize("word", ["simulate", "=path", "rule="])
def test_an_output_without_rule_or_path_is_refused(word: str) -> None:
    with pytest.raises(UserError, match="RULE=PATH"):
        parsed_outputs([word])


def test_without_benchmarks_there_are_no_jobs(tmp_path: Path) -> None:
    assert read_jobs(None) == read_jobs(tmp_path / "none") == ()


def test_statistics_of_rendered_data_outside_their_bounds_are_red() -> None:
    document = {
        "statistics": {
            "recordings": {"flow_p99_px": 14.0, "frame_pairs": 1440},
            "septuplets/test": {"flow_p99_px": 8.0},
        },
        "goals": {"flow_p99_px": [5, 12]},
    }
    table = demo_table(document)
    assert table is not None
    assert [[cell.state for cell in line.cells] for line in table.lines] == [["worse", ""], ["good", ""]]
    assert table.columns[0].note == "wanted: 5 to 12"
    assert demo_table({"clips": []}) is None


def test_a_stamp_gives_the_exact_command_ready_to_paste(tmp_path: Path) -> None:
    stamp = {"command": ["/x/bin/evfi", "ingest", "a b.aedat4", "--options", "{}"], "evfi": "1.0", "git": "f" * 40}
    (tmp_path / "rec.provenance.json").write_text(json.dumps(stamp))
    (found,) = read_stamps([tmp_path / "rec.zarr", tmp_path / "other.zarr"], tmp_path)
    assert found.output == "rec.zarr"
    assert found.command == "evfi ingest 'a b.aedat4' --options '{}'"
    assert dict(found.lines) == {"evfi": "1.0", "commit": "f" * 12}


def test_nested_facts_become_lines() -> None:
    lines = plain_lines({"steps": 12_000, "recipe": {"lr": 1e-4, "flip": True, "crop": None}, "sizes": [1, 2]})
    assert lines == (("steps", "12,000"), ("recipe.lr", "0.0001"), ("recipe.flip", "yes"), ("sizes", "[1, 2]"))


def test_a_damaged_journal_is_named_with_its_line(make_training, tmp_path: Path) -> None:
    folder = make_training(tmp_path / "net" / "a", steps=20)
    (folder / "metrics.jsonl").write_text('{"kind": "train", "step": 1, "loss": 1}\n{"kind": "train"}\n')
    with pytest.raises(InputFileError, match="line 2"):
        read_trainings([folder])


def test_a_training_folder_without_run_json_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match=r"run\.json"):
        read_trainings([tmp_path])
