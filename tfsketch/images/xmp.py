"""XMP of a photograph: what of it is true of a result, and the IPTC's declaration that a network made a part of it."""

from __future__ import annotations

import re

EDITED, MADE = "compositeWithTrainedAlgorithmicMedia", "trainedAlgorithmicMedia"
"""The IPTC's digital source types of a picture of which a network made a part, or all."""
_SOURCE_TYPE = b"http://cv.iptc.org/newscodes/digitalsourcetype/"
_XMP = (
    b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)
_MARK = re.compile(
    rb"""\s[\w.-]+:DigitalSourceType\s*=\s*("[^"]*"|'[^']*')|<([\w.-]+:DigitalSourceType)\b([^>]*/>|.*?</\2\s*>)""",
    re.DOTALL,
)
"""A digital source type in any of RDF's forms: an attribute, an element, an element with a resource."""
_ENTRY = b'<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"%s/>'
_THUMBNAILS = re.compile(rb"<([\w.-]+:Thumbnails)\b[^>]*(?<!/)>.*?</\1\s*>", re.DOTALL)
_PICTURE = re.compile(rb"(?:/9j/|iVBORw0KGgo)[A-Za-z0-9+/=&#;\s]{64,}")
"""A JPEG or a PNG in base 64, whose lines XML may end with an entity."""
_ORIENTATION = re.compile(rb"""(tiff:Orientation(?:\s*=\s*["']|>)\s*)[0-9]""")
_DIRECTORY = re.compile(rb"<([\w.-]+:Directory)\b[^>]*(?<!/)>.*?</\1\s*>", re.DOTALL)
_VIDEO = re.compile(rb"""(\b[\w.-]+:(?:MotionPhoto|MicroVideo)(?:\s*=\s*["']|>)\s*)1""")
_GAIN = re.compile(rb"""\s+hdrgm:Version\s*=\s*(?:"[^"]*"|'[^']*')""")
"""The list of what a phone appends to a photograph, and the flags of a video and of a second picture that HDR needs."""


def with_source_type(xmp: bytes, source: str) -> bytes:
    """XMP, or an empty text, with one of the IPTC's digital source types instead of its own."""
    value = _SOURCE_TYPE + source.encode()
    xmp = xmp if xmp.count(b"</rdf:RDF>") == 1 else _XMP
    xmp = _MARK.sub(b"", xmp).replace(_ENTRY % b"", b"")
    return xmp.replace(b"</rdf:RDF>", _ENTRY % (b' Iptc4xmpExt:DigitalSourceType="%s"' % value) + b"</rdf:RDF>")


def clean(xmp: object) -> tuple[bytes, list[str]]:
    """XMP for a result, whose pixels are upright, without the pictures in it and without claims that more pictures or a
    video follow; and words on what is left out."""
    data = xmp.encode() if isinstance(xmp, str) else xmp
    if not isinstance(data, bytes):  # a TIFF may store it as numbers of any kind
        return b"", ["XMP, which is not stored as text"]
    data, thumbnails = _THUMBNAILS.subn(b"", data)
    data, pictures = _PICTURE.subn(b"", data)
    # Programs that find none in EXIF use this orientation, as Pillow does, and would turn the result once more.
    data = _ORIENTATION.sub(rb"\g<1>1", data)
    data = _VIDEO.sub(rb"\g<1>0", data)
    data = _DIRECTORY.sub(lambda match: b"" if b":Semantic" in match[0] else match[0], data)
    data, gains = _GAIN.subn(b"", data)
    return data, ["pictures within XMP"] * bool(thumbnails + pictures) + ["HDR's gain map"] * bool(gains)
