# Everything that was measured, on one page that opens from disk.
rule report:
    input:
        targets=expand("<results>/evaluation/{method}/targets.parquet", method=CONFIG.methods()),
        receipts=expand("<results>/evaluation/{method}/evaluation.json", method=CONFIG.methods()),
        pictures=expand("<results>/evaluation/{method}/pictures", method=CONFIG.methods()),
        thresholds=[f"{RESULTS}/thresholds/thresholds.json"] if CONFIG.threshold_sweep else [],
        runs=[f"<results>/{family}/{stage}/run.json" for family, stage in trained_stages()],
        stores=store_receipts(),
        folders=store_folders(),
        rendered=rendered_receipt(),
    output:
        page=report(
            "<results>/report.html",
            caption="../report/report.rst",
            category="Results",
        ),
        metrics="<results>/metrics.json",
        resources="<results>/resources.json",
    log:
        "<logs>/report.log",
    benchmark:
        "<benchmarks>/report.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
        gpu=0,
    params:
        out=subpath(output.page, parent=True),
        benchmarks=f"{RESULTS}/benchmarks",
        evaluations=[f"{RESULTS}/evaluation/{method}" for method in CONFIG.methods()],
        thresholds=["--thresholds", f"{RESULTS}/thresholds"] if CONFIG.threshold_sweep else [],
        trainings=[f"{RESULTS}/{family}/{stage}" for family, stage in trained_stages()],
        rendered=rendered_argument(),
        outputs=rule_outputs(),
        options=options(report=CONFIG.report, evaluation=CONFIG.evaluation),
        algo=ALGO_VERSIONS["report"],
    shell:
        """
        evfi report {params.out:q} --evaluations "{params.evaluations}" {params.thresholds:q} \
            --trainings "{params.trainings}" --stores "{input.stores}" {params.rendered:q} \
            --benchmarks {params.benchmarks:q} --outputs "{params.outputs}" --options {params.options:q} 2>&1 | tee {log}
        """
