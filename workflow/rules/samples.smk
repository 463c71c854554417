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
        scenes=lambda wildcards: scene_stores(wildcards.part, "zarr"),
        recordings=lambda wildcards: recording_arguments(wildcards.part),
        options=options(samples=CONFIG.samples),
        algo=ALGO_VERSIONS["index"],
    shell:
        """
        evfi index {output.table:q} --part {wildcards.part} --options {params.options:q} \
            --clips "{params.clips}" --scenes "{params.scenes}" --recordings "{params.recordings}" 2>&1 | tee {log}
        """


# Index -> the optical flows that its samples need, beside it: computed once, whatever trains on them and however often.
rule flows:
    input:
        index="<results>/samples/{part}.parquet",
        receipt="<results>/samples/{part}.json",
        stores=lambda wildcards: stores(wildcards.part),
        weights=flow_weights,
    output:
        store=directory("<results>/samples/{part}-flows.zarr"),
        receipt="<results>/samples/{part}-flows.json",
    log:
        "<logs>/flows/{part}.log",
    benchmark:
        "<benchmarks>/flows/{part}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=600,
        gpu=0,
    params:
        families=lambda wildcards: ",".join(CONFIG.flow_families(wildcards.part)),
        datasets=",".join(flow_datasets()),
        options=options(flows=CONFIG.flows),
        algo=ALGO_VERSIONS["flows"],
    shell:
        """
        evfi flows {input.index:q} --families {params.families} --datasets "{params.datasets}" \
            --options {params.options:q} 2>&1 | tee {log}
        """
