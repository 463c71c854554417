# One method (or the four baselines) on every test sample.
rule evaluate:
    input:
        index="<results>/samples/test.parquet",
        receipt="<results>/samples/test.json",
        stores=stores("test"),
        weights=lambda wildcards: weights_inputs([wildcards.method]),
        flows=lambda wildcards: flows_of("test", wildcards.method),
    output:
        targets="<results>/evaluation/{method}/targets.parquet",
        receipt="<results>/evaluation/{method}/evaluation.json",
        pictures=directory("<results>/evaluation/{method}/pictures"),
    log:
        "<logs>/evaluate/{method}.log",
    benchmark:
        "<benchmarks>/evaluate/{method}.tsv"
    conda:
        "../../environment.yml"
    threads: evaluation_threads
    resources:
        mem_mb=4000,
        runtime=600,
        gpu=0,
        multithreaded=lambda wildcards, threads: int(threads > 1),
    params:
        out=subpath(output.receipt, parent=True),
        weights=weights_argument,
        options=options(evaluation=CONFIG.evaluation),
        algo=ALGO_VERSIONS["evaluation"],
    shell:
        """
        evfi evaluate {input.index:q} {params.out:q} {params.weights:q} \
            --options {params.options:q} 2>&1 | tee {log}
        """


if CONFIG.threshold_sweep:

    # All methods on the test clips simulated anew: PSNR against the threshold, without and with noise.
    rule sweep_thresholds:
        input:
            index="<results>/samples/test.parquet",
            receipt="<results>/samples/test.json",
            stores=stores("test"),
            weights=weights_inputs(CONFIG.families),
            flows=flows_of("test", *CONFIG.families),
        output:
            targets="<results>/thresholds/targets.parquet",
            receipt="<results>/thresholds/thresholds.json",
        log:
            "<logs>/sweep_thresholds.log",
        benchmark:
            "<benchmarks>/sweep_thresholds.tsv"
        conda:
            "../../environment.yml"
        threads: CONFIG.evaluation.threads
        resources:
            mem_mb=4000,
            runtime=600,
            gpu=0,
            multithreaded=int(CONFIG.evaluation.threads > 1),
        params:
            out=subpath(output.receipt, parent=True),
            weights=[argument for family in CONFIG.families for argument in ("--weights", final_weights(family))],
            options=options(
                simulation=CONFIG.simulation,
                threshold_sweep=CONFIG.threshold_sweep,
                evaluation=CONFIG.evaluation,
            ),
            seed=CONFIG.seed,
            algo=[ALGO_VERSIONS[step] for step in ("simulation", "thresholds")],
        shell:
            """
            evfi sweep-thresholds {input.index:q} {params.out:q} {params.weights:q} \
                --options {params.options:q} --seed {params.seed} 2>&1 | tee {log}
            """
