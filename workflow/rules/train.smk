# One stage of one family. Its state lies outside of the outputs, so that a stage that was stopped goes on.
rule train_stage:
    input:
        index="<results>/samples/train.parquet",
        receipt="<results>/samples/train.json",
        stores=stores("train"),
        starts=starting_weights,
        flows=lambda wildcards: flows_of("train", wildcards.family),
    output:
        weights="<results>/{family}/{stage}/weights.safetensors",
        run="<results>/{family}/{stage}/run.json",
        journal="<results>/{family}/{stage}/metrics.jsonl",
        pictures=directory("<results>/{family}/{stage}/validation"),
    log:
        "<logs>/train/{family}-{stage}.log",
    benchmark:
        "<benchmarks>/train/{family}-{stage}.tsv"
    # Before what only measures: stages wait for one another, and the last of them ends the run.
    priority: 1
    conda:
        "../../environment.yml"
    threads: stage_threads
    resources:
        mem_mb=4000,
        runtime=1440,
        gpu=0,
        multithreaded=lambda wildcards, threads: int(threads > 1),
        # Words of the run, not of the result: a change of them re-runs nothing.
        loader_workers=CONFIG.runtime.workers,
        checkpoint_seconds=CONFIG.runtime.checkpoint_seconds,
        device=CONFIG.runtime.device,
        ranks=CONFIG.runtime.ranks,
        # What starts the ranks where they are on several machines, such as "srun -N 2 -n 8"; nothing: the verb does.
        launcher="",
        max_seconds=0,
    params:
        out=subpath(output.run, parent=True),
        state=f"{RESULTS}/state",
        options=stage_options,
        starts=starting_arguments,
        algo=ALGO_VERSIONS["training"],
    shell:
        """
        {resources.launcher} evfi train {wildcards.family} {wildcards.stage} --index {input.index:q} \
            --out {params.out:q} --state {params.state:q} \
            --options {params.options:q} {params.starts:q} --workers {resources.loader_workers} \
            --checkpoint-seconds {resources.checkpoint_seconds} --device {resources.device} --ranks {resources.ranks} \
            --max-seconds {resources.max_seconds} 2>&1 | tee {log}
        """
