"""Run Snakemake on this checkout under a lock that its jobs share.

A second live run is refused with one line. When only jobs of a run that was killed are left, this waits for them to
end, then unlocks the folder and makes again what is incomplete.

Example: python scripts/run_snakemake.py --cores 2 --configfile config/smoke.yaml
"""

import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
SNAKEMAKE = str(Path(sys.executable).parent / "snakemake")
LOCK = Path(".run.lock")


def main(arguments: list[str]) -> int:
    """Exit code of Snakemake, or 2 when another run is alive."""
    descriptor = os.open(LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    if not _acquired(descriptor):
        return 2
    owner = str(os.getpid())
    os.truncate(descriptor, 0)
    os.pwrite(descriptor, owner.encode(), 0)
    # Jobs take a shared lock on the same file (evfi/cli/run_lock.py): it is free again when the last of them ends.
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    command = [SNAKEMAKE, "--snakefile", str(REPOSITORY / "Snakefile")]
    environment = {**os.environ, "EVFI_RUN_LOCK": str(LOCK.resolve()), "EVFI_RUN_OWNER": owner}
    try:
        if any(Path(".snakemake/locks").glob("*")):
            print("An earlier run was stopped: making again what it left incomplete.", flush=True)
            subprocess.run([*command, "--unlock", *arguments], env=environment, check=False)
        return subprocess.run([*command, *arguments], env=environment, check=False).returncode
    except KeyboardInterrupt:
        return 130


def _acquired(descriptor: int) -> bool:
    said = False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
            if not owner.isdigit() or Path(f"/proc/{owner}").exists():
                print(f"Another run (process {owner}) is at work here: wait for it, or stop it with Ctrl-C first.")
                return False
            if not said:
                print("Jobs of a run that was killed are still at work: waiting for them to end.", flush=True)
                said = True
            time.sleep(0.5)
        else:
            return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
