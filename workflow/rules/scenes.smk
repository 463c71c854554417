# Rendered scenes, one job a shard. Their events are simulated when samples are read.
if CONFIG.scenes is not None:

    rule render_scenes:
        output:
            store=directory("<results>/stores/scenes/{scenes}.zarr"),
            receipt="<results>/stores/scenes/{scenes}.json",
        log:
            "<logs>/render_scenes/{scenes}.log",
        benchmark:
            "<benchmarks>/render_scenes/{scenes}.tsv"
        conda:
            "../../environment.yml"
        threads: 1
        resources:
            mem_mb=2000,
            runtime=60,
            gpu=0,
        params:
            block=scene_block,
            options=scene_options,
            seed=CONFIG.seed,
            algo=ALGO_VERSIONS["scenes"],
        shell:
            """
            evfi render-scenes {output.store:q} {params.block} --options {params.options:q} \
                --seed {params.seed} 2>&1 | tee {log:q}
            """
