# The embedded raw data. From here on they are treated like any user's files: no other rule knows that they are a demo.
if CONFIG.demo is not None:

    rule demo_data:
        output:
            "<results>/demo/raw/vimeo90k/sep_trainlist.txt",
            "<results>/demo/raw/vimeo90k/sep_testlist.txt",
            directory("<results>/demo/raw/vimeo90k/sequences"),
            expand(
                "<results>/demo/raw/recordings/{name}.aedat4",
                name=CONFIG.demo.recording_names(),
            ),
            directory(expand("<results>/demo/raw/truth/{name}", name=CONFIG.demo.truth_names())),
            receipt="<results>/demo/raw/demo.json",
        log:
            "<logs>/demo_data.log",
        benchmark:
            "<benchmarks>/demo_data.tsv"
        conda:
            "../../environment.yml"
        threads: 2
        resources:
            mem_mb=2000,
            runtime=20,
            gpu=0,
            multithreaded=1,
        params:
            out=subpath(output.receipt, parent=True),
            options=options(demo=CONFIG.demo),
            algo=ALGO_VERSIONS["demo"],
        shell:
            """
            evfi demo-data {params.out:q} --options {params.options:q} --workers {threads} 2>&1 | tee {log}
            """
