"""The version of each step's algorithm. Raise one when equal inputs and options begin to give other bytes.

The workflow has them in `params`, so that a raised number makes that step, and all after it, run again; a refactoring
that changes no byte leaves them alone.
"""

ALGO_VERSIONS = {
    "demo": 1,
    "scenes": 1,
    "ingest": 2,
    "doctor": 2,
    "simulation": 2,
    "index": 2,
    "flows": 1,
    "training": 2,
    "evaluation": 1,
    "thresholds": 2,
    "interpolation": 1,
    "report": 3,
}
