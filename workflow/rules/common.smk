# The validated configuration, and what the rules ask of it.
import os
import re
import sys
from pathlib import Path

from evfi.config import validated
from evfi.errors import UserError
from evfi.io.clock import set_back_future_times
from evfi.models.registry import FAMILIES
from evfi.provenance import canonical_json
from evfi.versions import ALGO_VERSIONS

try:
    CONFIG = validated(config, "configuration")
except UserError as error:
    sys.exit(f"evfi: error: {error}")

# Rules call `evfi` by name: the one beside this Snakemake, whether or not its environment was activated.
os.environ.update(PATH=os.pathsep.join([str(Path(sys.executable).parent), *os.get_exec_path()]))

RESULTS = CONFIG.results_dir
RECORDINGS = {recording.name: recording for recording in CONFIG.recordings}


# Snakemake fails every job whose input is dated later than what the job has just made of it.
onstart:
    if late := set_back_future_times(Path(RESULTS)):
        print(f"{late[0]} and {len(late) - 1} others were dated in the future: set back to now.")


def alternatives(names):
    """A pattern that matches one of the names, and nothing where there are none."""
    return "|".join(re.escape(name) for name in names) or "(?!)"


def options(**values):
    """A rule's slice of the configuration as canonical JSON: a change of it, and of nothing else, re-runs the rule."""
    return canonical_json(
        {
            name: (value.model_dump(mode="json") if hasattr(value, "model_dump") else value)
            for name, value in values.items()
        }
    )


def clip_stores(part, ending):
    """The clip stores of a part (ending "zarr") or their receipts ("json")."""
    return [f"{RESULTS}/stores/clips/{shard}.{ending}" for shard in CONFIG.shards(part)]


def clip_lists():
    """The lists that are cut into blocks: part, list file, how many clips of it, clips in a block, the blocks' names."""
    lists = []
    if source := CONFIG.septuplets:
        lists = [
            ("train", source.train_list, source.train_clips, source.shard_size, source.shards("train")),
            ("test", source.test_list, source.test_clips, source.shard_size, source.shards("test")),
        ]
    if source := CONFIG.triplets:
        lists.append(("triplets", source.test_list, source.test_clips, source.shard_size, source.shards()))
    return [(part, *rest) for part, *rest in lists if rest[-1]]


def clip_tree(wildcards):
    """The tree that a shard's frames lie in."""
    source = CONFIG.triplets if wildcards.shard.startswith("triplets") else CONFIG.septuplets
    return source.root


def scene_stores(part, ending):
    """The stores of rendered scenes of a part, or their receipts."""
    return [f"{RESULTS}/stores/scenes/{shard}.{ending}" for shard in CONFIG.scene_shards(part)]


def scene_block(wildcards):
    """Which scenes a shard holds, as arguments."""
    split, first, count = CONFIG.scenes.block(wildcards.scenes)
    return ["--split", split, "--first", first, "--count", count]


def scene_options(wildcards):
    """What is rendered, and the sensors of the shard's own split: a change of the others' leaves it alone."""
    split, _, _ = CONFIG.scenes.block(wildcards.scenes)
    return options(scenes=CONFIG.scenes.slice_of(split))


def recording_stores(part, ending):
    """The recording stores that belong to a part, or their receipts."""
    return [
        f"{RESULTS}/stores/recordings/{recording.name}.{ending}"
        for recording in CONFIG.recordings
        if part in recording.parts()
    ]


def stores(part):
    """Every store of a part with its receipt: of a folder alone Snakemake sees but one time stamp."""
    return [
        path
        for ending in ("zarr", "json")
        for path in (*clip_stores(part, ending), *scene_stores(part, ending), *recording_stores(part, ending))
    ]


def store_receipts():
    """The receipts of all stores, each once."""
    return list(dict.fromkeys(path for part in ("train", "test") for path in stores(part) if path.endswith(".json")))


def store_folders():
    """All stores, each once."""
    return list(dict.fromkeys(path for part in ("train", "test") for path in stores(part) if path.endswith(".zarr")))


def rule_outputs():
    """`RULE=PATH` of what each rule wrote, for the report's disk space."""
    places = {
        "demo_data": [f"{RESULTS}/demo/raw"],
        "blocks": [f"{RESULTS}/lists"],
        "ingest": [f"{RESULTS}/stores/recordings"],
        "simulate": [f"{RESULTS}/stores/clips"],
        "render_scenes": [f"{RESULTS}/stores/scenes"],
        "index": [f"{RESULTS}/samples/{part}.parquet" for part in ("train", "test")],
        "flows": [f"{RESULTS}/samples/{part}-flows.zarr" for part in ("train", "test")],
        "train": [f"{RESULTS}/{family}" for family in CONFIG.trained_families()] + [f"{RESULTS}/state"],
        "evaluate": [f"{RESULTS}/evaluation"],
        "sweep_thresholds": [f"{RESULTS}/thresholds"],
    }
    return [f"{rule}={path}" for rule, paths in places.items() for path in paths]


def rendered_receipt():
    """The file that changes when the tree of septuplets does, where there is one."""
    return [CONFIG.septuplets.receipt] if CONFIG.septuplets and CONFIG.septuplets.receipt else []


def rendered_argument():
    """`--rendered FILE` for the report."""
    return ["--rendered", *rendered_receipt()] if rendered_receipt() else []


def recording_arguments(part):
    """`NAME=SPLIT=STORE` of each recording of a part."""
    return [
        f"{recording.name}={recording.split}={RESULTS}/stores/recordings/{recording.name}.zarr{measured_as(recording)}"
        for recording in CONFIG.recordings
        if part in recording.parts()
    ]


def measured_as(recording):
    """`=SKIPS=DATASET` of a recording that names them."""
    if not recording.skips and recording.dataset == "recordings":
        return ""
    return f"={','.join(map(str, recording.skips))}={recording.dataset}"


def recordings_that_are(simulated):
    """A pattern of the recordings whose events are simulated, or of the others."""
    return alternatives(recording.name for recording in CONFIG.recordings if recording.simulated == simulated)


def recording_files(wildcards):
    """A recording's raw file and, where there is one, its folder of held-out true frames."""
    recording = RECORDINGS[wildcards.recording]
    return [recording.path, *([recording.truth] if recording.truth else [])]


def frame_rate_argument(wildcards):
    """`--fps N` where the configuration names one."""
    fps = RECORDINGS[wildcards.recording].fps
    return ["--fps", fps] if fps else []


def truth_argument(wildcards):
    """`--truth FOLDER` where the recording has one."""
    truth = RECORDINGS[wildcards.recording].truth
    return ["--truth", truth] if truth else []


def stage_weights(family, stage):
    """Where a stage's weights lie: trained by this run, or given."""
    return CONFIG.family_training(family).starts.get(stage) or f"{RESULTS}/{family}/{stage}/weights.safetensors"


def starting_weights(wildcards):
    """The weights that a stage starts from."""
    return [stage_weights(wildcards.family, need) for need in FAMILIES[wildcards.family].stage(wildcards.stage).needs]


def starting_arguments(wildcards):
    """`--start STAGE=FILE` of each stage that this one starts from."""
    return [
        argument
        for need in FAMILIES[wildcards.family].stage(wildcards.stage).needs
        for argument in ("--start", f"{need}={stage_weights(wildcards.family, need)}")
    ]


def flow_datasets():
    """The data sets that they train on; none where one of them takes all."""
    recipes = [
        CONFIG.recipe(name, stage.name) for name in CONFIG.flow_families("train") for stage in CONFIG.stages(name)
    ]
    chosen = [recipe.datasets for recipe in recipes]
    return sorted(set().union(*chosen)) if all(chosen) else []


def flow_weights(wildcards):
    """The flow network's file, where there is one. A file that is absent is left to the verb, which says so."""
    return [CONFIG.flows.weights] if CONFIG.flows.file is not None and CONFIG.flows.file.exists() else []


def flows_of(part, *names):
    """The stored flows that families or methods need of a part, with their receipt."""
    found = not set(names).isdisjoint(CONFIG.flow_families(part))
    return [f"{RESULTS}/samples/{part}-flows.{ending}" for ending in ("zarr", "json")] if found else []


def stage_options(wildcards):
    """What decides a stage's result."""
    return options(
        recipe=CONFIG.recipe(wildcards.family, wildcards.stage),
        model=CONFIG.family_training(wildcards.family).model,
    )


def stage_threads(wildcards):
    """The recipe's number of intra-op threads, which is part of the result, for each rank."""
    return CONFIG.recipe(wildcards.family, wildcards.stage).threads * CONFIG.runtime.ranks


def final_weights(method):
    """The weights file of a method: trained by this run, or given; None for the baselines."""
    if method == "baselines":
        return None
    given = {**CONFIG.pretrained, **CONFIG.compared}
    return given.get(method) or stage_weights(method, CONFIG.stages(method)[-1].name)


def evaluation_threads(wildcards):
    """The baselines run on one, beside a training stage; networks on as many as the options say, whatever is granted."""
    return 1 if wildcards.method == "baselines" else CONFIG.evaluation.threads


def weights_inputs(methods):
    """Their weights as input files. A given file that is absent is left to the verb, which says so."""
    own = [stage_weights(family, stage) for family, stage in trained_stages()]
    return [
        weights
        for method in methods
        if (weights := final_weights(method)) and (weights in own or Path(weights).exists())
    ]


def weights_argument(wildcards):
    """`--weights FILE` of a learned method; `--name NAME` where it is not its family's."""
    weights = final_weights(wildcards.method)
    name = ["--name", wildcards.method] if wildcards.method in CONFIG.compared else []
    return ["--weights", weights, *name] if weights else []


def trained_stages():
    """(family, stage) of all stages that this run trains."""
    return [(family, stage.name) for family in CONFIG.trained_families() for stage in CONFIG.stages(family)]
