"""Compressed packets of aedat4: one LZ4 or Zstandard frame, the FlatBuffer inside with its length in front.

What a packet becomes is bounded before it is decoded.
"""

import struct

import lz4.frame
import pyarrow as pa

from evfi.io.aedat4_tables import Buffer

# 4 million events, or a colour frame of 22 megapixels; larger promises are damage, and would fill the memory
LARGEST_PACKET = 1 << 26
SHORTEST_BODY = 8
"""Bytes: offset of the root table, and the four letters of the kind."""
LENGTH = struct.Struct("<I")
# lz4_Frame_format.md: magic 4, flags, block descriptor, [content size 8], [dictionary id 4], header checksum
_LZ4_FLAGS, _LZ4_HEAD = 4, 7
_LZ4_HAS_SIZE, _LZ4_HAS_DICTIONARY = 0x08, 0x01
_LZ4_STORED = 1 << 31
_LITERALS_GO_ON = 15


def decompressed(raw: Buffer, codec: str) -> Buffer | None:
    """The FlatBuffer of a packet without its length; None where it does not decode to what it promises."""
    if codec == "lz4":
        promised = _promised_by_lz4(raw)
        if promised is not None:
            return _at_once(raw, promised)
    return _in_stream(raw, codec)


def _in_stream(raw: Buffer, codec: str) -> Buffer | None:
    try:
        with pa.CompressedInputStream(pa.BufferReader(raw), codec) as stream:
            first = stream.read(LENGTH.size)
            promised = LENGTH.unpack(first)[0] if len(first) == LENGTH.size else LARGEST_PACKET
            if not SHORTEST_BODY <= promised < LARGEST_PACKET:
                return None
            # one byte more than promised shows whether something follows
            body = stream.read(promised + 1)
    except (OSError, ValueError):
        return None
    return body if len(body) == promised else None


def _at_once(raw: Buffer, promised: int) -> Buffer | None:
    """The same into memory of the promised size; three times as fast as a stream."""
    if not SHORTEST_BODY <= promised < LARGEST_PACKET:
        return None
    context, wanted = lz4.frame.create_decompression_context(), LENGTH.size + promised
    try:
        whole, used, ended = lz4.frame.decompress_chunk(context, raw, max_length=wanted + 1)
    except (RuntimeError, ValueError):
        return None
    fits = ended and used == len(raw) and len(whole) == wanted and LENGTH.unpack_from(whole)[0] == promised
    return memoryview(whole)[LENGTH.size :] if fits else None


def _promised_by_lz4(raw: Buffer) -> int | None:
    """The FlatBuffer's length, which stands readable at the front of an LZ4 frame: nothing before it repeats.

    None where it does not.
    """
    try:
        flags = raw[_LZ4_FLAGS]
        block = _LZ4_HEAD + 8 * bool(flags & _LZ4_HAS_SIZE) + 4 * bool(flags & _LZ4_HAS_DICTIONARY)
        place = block + LENGTH.size
        if not LENGTH.unpack_from(raw, block)[0] & _LZ4_STORED:
            literals = raw[place] >> 4
            place += 1
            if literals == _LITERALS_GO_ON:
                while raw[place] == 0xFF:
                    place += 1
                place += 1
            elif literals < LENGTH.size:
                return None
        return LENGTH.unpack_from(raw, place)[0]
    except (IndexError, struct.error):
        return None
