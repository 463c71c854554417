"""Fetch the Vimeo90k septuplets (82 GB), unpack them and check that all listed frames are there.

A download that broke off goes on where it stopped, also in a later call; so does unpacking. The zip is kept.

Example: python scripts/get_vimeo90k.py /data/vimeo90k
Example: python scripts/get_vimeo90k.py /data/vimeo90k --url https://mirror.example.org/vimeo_septuplet.zip
Example: python scripts/get_vimeo90k.py /data/vimeo90k --zip /downloads/vimeo_septuplet.zip
"""

import argparse
import http.client
import json
import shutil
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from evfi.config import DEFAULT_CONFIG, read_run_config
from evfi.errors import CheckFailed, EvfiError, InputFileError, MissingInputError, OutputError
from evfi.io.septuplets import read_list, septuplet_paths
from evfi.progress import tracked

REPOSITORY = Path(__file__).resolve().parent.parent
# The address that the data set's own page gives (its authors' server at MIT).
DEFAULT_URL = "http://data.csail.mit.edu/tofu/dataset/vimeo_septuplet.zip"
LISTS = ("sep_trainlist.txt", "sep_testlist.txt")
_BLOCK = 1 << 20
_TIMEOUT_S = 60.0
_BROKEN = (OSError, http.client.HTTPException)


def main(arguments: Sequence[str]) -> int:
    """Exit code: 0 all there, 1 a frame or a list is wrong, 2 it cannot be fetched or written."""
    counts = full_size()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder for the zip, the lists and sequences/")
    parser.add_argument("--url", default=DEFAULT_URL, help="where the zip lies (default: %(default)s)")
    parser.add_argument("--zip", type=Path, help="a zip that is there already: nothing is fetched")
    parser.add_argument("--tries", type=int, default=20, help="attempts in a row that bring nothing before it gives up")
    parser.add_argument("--wait", type=float, default=5.0, help="seconds between attempts")
    for part, count in counts.items():
        parser.add_argument(f"--{part}-clips", type=int, default=count, help="clips its list must have")
    chosen = parser.parse_args(arguments)
    try:
        archive = chosen.zip or fetched(chosen.url, chosen.out, tries=chosen.tries, wait_s=chosen.wait)
        unpack(archive, chosen.out)
        check(chosen.out, {LISTS[0]: chosen.train_clips, LISTS[1]: chosen.test_clips})
    except EvfiError as error:
        print(f"get_vimeo90k: error: {error}", file=sys.stderr)
        return error.exit_code
    print(f"complete: snakemake --cores 8 --configfile config/vimeo90k.yaml --config data={chosen.out}")
    return 0


def full_size() -> dict[str, int]:
    """Clips of the train and the test list, as config/vimeo90k.yaml states them."""
    config = read_run_config([REPOSITORY / "config/vimeo90k.yaml"], {}, REPOSITORY / DEFAULT_CONFIG)
    if config.septuplets is None:
        raise InputFileError("config/vimeo90k.yaml names no septuplets")
    return {"train": config.septuplets.train_clips, "test": config.septuplets.test_clips}


def fetched(url: str, out: Path, *, tries: int, wait_s: float) -> Path:
    """The zip in `out`, fetched in as many attempts as it takes while each brings something.

    Raises:
        MissingInputError: there is no such file, or `tries` attempts in a row brought nothing.
        OutputError: the disk is too small, or `out` cannot be written.
    """
    address = urllib.parse.urlparse(url)
    if address.scheme not in ("http", "https"):
        raise MissingInputError(f"--url must begin with http:// or https://, got {url!r}: give a local file with --zip")
    name = PurePosixPath(address.path).name or "vimeo_septuplet.zip"
    archive, partial = out / name, out / f"{name}.partial"
    out.mkdir(parents=True, exist_ok=True)
    failed = 0
    while not archive.is_file():
        before = partial.stat().st_size if partial.is_file() else 0
        try:
            if _fetch(url, partial):
                partial.replace(archive)
                partial.with_suffix(".tag").unlink(missing_ok=True)
                break
            reason = "the connection was closed"
        except urllib.error.HTTPError as error:
            if error.code < 500:
                raise MissingInputError(
                    f"{url}: the server says {error.code} {error.reason}: give another --url"
                ) from None
            reason = f"{error.code} {error.reason}"
        except _BROKEN as error:
            reason = str(getattr(error, "reason", None) or error)
        after = partial.stat().st_size if partial.is_file() else 0
        failed = failed + 1 if after <= before else 0
        if failed >= tries:
            raise MissingInputError(f"{url}: {reason}, {tries} times in a row; what came is kept: run it again")
        print(f"{reason} at byte {after:,}: going on in {wait_s:g} s", flush=True)
        time.sleep(wait_s)
    return archive


def _fetch(url: str, partial: Path) -> bool:
    """One attempt: append to what is there if the server still has the same file. Whether all of it is there now."""
    tag_file = partial.with_suffix(".tag")
    begun = partial.stat().st_size if partial.is_file() and tag_file.is_file() else 0
    request = urllib.request.Request(url)  # noqa: S310 - http and https alone, see fetched
    if begun:
        request.add_header("Range", f"bytes={begun}-")
        request.add_header("If-Range", json.loads(tag_file.read_text())["tag"])
    try:
        response = urllib.request.urlopen(request, timeout=_TIMEOUT_S)  # noqa: S310 - as above
    except urllib.error.HTTPError as error:
        if error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE or not begun:
            raise
        return begun == json.loads(tag_file.read_text())["bytes"]
    with response:
        if response.status != http.client.PARTIAL_CONTENT:
            begun = 0  # another file than before, or a server that cannot go on in the middle
        length = int(response.headers.get("Content-Length", 0))
        total = begun + length
        _check_space(partial, length)
        tag = response.headers.get("ETag") or response.headers.get("Last-Modified") or ""
        if tag and not tag.startswith("W/"):  # a weak tag does not promise equal bytes
            tag_file.write_text(json.dumps({"tag": tag, "bytes": total}))
        else:
            tag_file.unlink(missing_ok=True)
        with partial.open("ab" if begun else "wb") as file:
            for block in _blocks(response, length):
                file.write(block)
    return length > 0 and partial.stat().st_size == total


def _blocks(response: http.client.HTTPResponse, length: int) -> Iterator[bytes]:
    def read() -> Iterator[bytes]:
        while block := response.read1(_BLOCK):
            yield block

    return tracked(read(), total=length, label="fetching", unit="B", size=len)


def _check_space(partial: Path, length: int) -> None:
    free = shutil.disk_usage(partial.parent).free
    if free < length:
        raise OutputError(
            f"{partial.parent} has {free:,} bytes free, and {length:,} are still to come: free some space"
        )


def unpack(archive: Path, out: Path) -> None:
    """Lists and frames of the zip into `out`, without its top folder; files that are there whole are left alone.

    Raises:
        InputFileError: no zip, a damaged member, or one whose path leads out of `out`.
        OutputError: the disk is too small.
    """
    if not archive.is_file():
        raise MissingInputError(f"no file {archive}")
    out.mkdir(parents=True, exist_ok=True)
    try:
        with zipfile.ZipFile(archive) as opened:
            wanted = [(member, target) for member in opened.infolist() if (target := _target(member, out)) is not None]
            missing = [(member, target) for member, target in wanted if not _is_whole(member, target)]
            needed = sum(member.file_size for member, _ in missing)
            free = shutil.disk_usage(out).free
            if free < needed:
                raise OutputError(f"{out} has {free:,} bytes free, and {needed:,} are to be unpacked: free some space")
            for member, target in tracked(missing, label="unpacking", unit="file"):
                target.parent.mkdir(parents=True, exist_ok=True)
                partial = target.with_name(target.name + ".partial")
                with opened.open(member) as source, partial.open("wb") as file:
                    shutil.copyfileobj(source, file, _BLOCK)  # checks the CRC at the end
                partial.replace(target)
    except (zipfile.BadZipFile, EOFError) as error:
        raise InputFileError(f"{archive} is damaged ({error}): remove it and fetch it again") from None


def _target(member: zipfile.ZipInfo, out: Path) -> Path | None:
    """Where a member goes; None for what is neither a list nor a frame."""
    parts = PurePosixPath(member.filename).parts
    if ".." in parts or PurePosixPath(member.filename).is_absolute():
        raise InputFileError(f"the zip's member {member.filename!r} leads out of its folder: this is not Vimeo90k")
    if member.is_dir():
        return None
    if "sequences" in parts:
        return out.joinpath(*parts[parts.index("sequences") :])
    return out / parts[-1] if parts and parts[-1] in LISTS else None


def _is_whole(member: zipfile.ZipInfo, target: Path) -> bool:
    return target.is_file() and target.stat().st_size == member.file_size


def check(out: Path, clips: dict[str, int]) -> None:
    """Both lists have the number of clips that they must have, and each clip its seven frames.

    Raises:
        CheckFailed: the first that is wrong, and how many more.
        InputFileError, MissingInputError: a list is absent or damaged.
    """
    for name, count in clips.items():
        ids = read_list(out / name)
        if len(ids) != count:
            raise CheckFailed(f"{out / name} lists {len(ids):,} clips, expected {count:,}: is it another release?")
        lost = [path for clip_id in ids for path in septuplet_paths(out, clip_id) if not path.is_file()]
        if lost:
            raise CheckFailed(f"{len(lost):,} frames of {name} are missing, the first is {lost[0]}: unpack again")
        print(f"{name}: {count:,} clips of 7 frames")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
