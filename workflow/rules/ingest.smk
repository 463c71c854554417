# Recordings -> recording stores.
rule ingest:
    input:
        recording_files,
    output:
        store=directory("<results>/stores/recordings/{recording}.zarr"),
        receipt="<results>/stores/recordings/{recording}.json",
    log:
        "<logs>/ingest/{recording}.log",
    benchmark:
        "<benchmarks>/ingest/{recording}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=60,
        gpu=0,
    params:
        recording=lambda wildcards: RECORDINGS[wildcards.recording].path,
        truth=truth_argument,
        algo=ALGO_VERSIONS["ingest"],
    shell:
        """
        evfi ingest {params.recording:q} {output.store:q} {params.truth:q} 2>&1 | tee {log:q}
        """
