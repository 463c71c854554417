# Stores -> the index of training or test samples: rows that point into stores.
rule index:
    input:
        lambda wildcards: stores(wildcards.part),
    output:
        table="<results>/samples/{part}.parquet",
        receipt="<results>/samples/{part}.json",
    log:
        "<logs>/index/{part}.log",
    benchmark:
        "<benchmarks>/index/{part}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
        gpu=0,
    params:
        clips=lambda wildcards: clip_stores(wildcards.part, "zarr"),
        recordings=lambda wildcards: recording_arguments(wildcards.part),
        options=options(samples=CONFIG.samples),
        algo=ALGO_VERSIONS["index"],
    shell:
        """
        evfi index {output.table:q} --part {wildcards.part} --options {params.options:q} \
            --clips "{params.clips}" --recordings "{params.recordings}" 2>&1 | tee {log}
        """
