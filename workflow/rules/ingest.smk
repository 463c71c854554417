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
    wildcard_constraints:
        recording=recordings_that_are(simulated=False),
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


# Videos and folders of frames -> the same, with simulated events.
rule simulate_recording:
    input:
        recording_files,
    output:
        store=directory("<results>/stores/recordings/{recording}.zarr"),
        receipt="<results>/stores/recordings/{recording}.json",
    log:
        "<logs>/simulate_recording/{recording}.log",
    benchmark:
        "<benchmarks>/simulate_recording/{recording}.tsv"
    wildcard_constraints:
        recording=recordings_that_are(simulated=True),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=240,
        gpu=0,
    params:
        recording=lambda wildcards: RECORDINGS[wildcards.recording].path,
        fps=frame_rate_argument,
        options=options(simulation=CONFIG.simulation),
        seed=CONFIG.seed,
        algo=ALGO_VERSIONS["simulation"],
    shell:
        """
        evfi simulate {params.recording:q} {output.store:q} {params.fps} --options {params.options:q} \
            --seed {params.seed} 2>&1 | tee {log:q}
        """
