# From raw files to measured results: snakemake --cores 2 [--configfile config/davis.yaml]
# The values come from config/config.yaml, validated by evfi/config.py; the work is done by `evfi <verb>`.
from pathlib import Path


configfile: str(Path(workflow.basedir) / "config" / "config.yaml")


include: "workflow/rules/common.smk"


pathvars:
    results=CONFIG.results_dir,
    logs=f"{CONFIG.results_dir}/logs",
    benchmarks=f"{CONFIG.results_dir}/benchmarks",


wildcard_constraints:
    part="train|test",
    shard=r"(train|test|triplets)-\d{5}",
    scenes=r"(train|validation|test)-\d{5}",
    recording=alternatives(recording.name for recording in CONFIG.recordings),
    family=alternatives(CONFIG.families),
    stage=r"[a-z_]+",
    method=alternatives(CONFIG.methods()),


include: "workflow/rules/demo.smk"
include: "workflow/rules/scenes.smk"
include: "workflow/rules/ingest.smk"
include: "workflow/rules/simulate.smk"
include: "workflow/rules/samples.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/report.smk"


localrules:
    all,


rule all:
    default_target: True
    input:
        "<results>/report.html",
        "<results>/metrics.json",
        "<results>/resources.json",


onsuccess:
    print(f"Done. The report: {CONFIG.results_dir}/report.html")
