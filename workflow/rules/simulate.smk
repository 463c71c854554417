# Septuplets and triplets -> clip stores of synthetic events, one job a shard.
for part, listed, clips, size, shards in clip_lists():

    rule:
        name:
            f"blocks_{part}"
        input:
            listed,
        output:
            [f"<results>/lists/{shard}.txt" for shard in shards],
        log:
            f"<logs>/blocks/{part}.log",
        benchmark:
            f"<benchmarks>/blocks/{part}.tsv"
        conda:
            "../../environment.yml"
        threads: 1
        resources:
            mem_mb=500,
            runtime=5,
            gpu=0,
        params:
            out=subpath(output[0], parent=True),
            clips=clips,
            size=size,
            part=part,
        shell:
            """
            evfi blocks {input:q} {params.out:q} --part {params.part} --clips {params.clips} \
                --size {params.size} 2>&1 | tee {log}
            """


if clip_lists():

    rule simulate:
        input:
            block="<results>/lists/{shard}.txt",
            tree=rendered_receipt(),
        output:
            store=directory("<results>/stores/clips/{shard}.zarr"),
            receipt="<results>/stores/clips/{shard}.json",
        log:
            "<logs>/simulate/{shard}.log",
        benchmark:
            "<benchmarks>/simulate/{shard}.tsv"
        conda:
            "../../environment.yml"
        threads: 1
        resources:
            mem_mb=2000,
            runtime=120,
            gpu=0,
        params:
            root=clip_tree,
            options=options(simulation=CONFIG.simulation),
            seed=CONFIG.seed,
            algo=ALGO_VERSIONS["simulation"],
        shell:
            """
            evfi simulate {input.block:q} {output.store:q} --root {params.root:q} --options {params.options:q} \
                --seed {params.seed} 2>&1 | tee {log:q}
            """
