"""Image file formats: which are read (JPEG, PNG ...), and what to do about others, known by content or suffix."""

from __future__ import annotations

import re
from pathlib import PurePath

__all__ = [
    "EXTENSIONS",
    "FORMAT_NAMES",
    "PILLOW_FORMATS",
    "UNSUPPORTED",
    "is_raw_tiff",
    "supported_format",
    "unsupported_format",
]

# Each format that is read: its name, Pillow's names, the suffixes of its files, and how they begin. One by one, because
# some of Pillow's other formats run programs (EPS starts Ghostscript). Pillow tries them in this order.
_SUPPORTED = (
    ("JPEG", "JPEG", ".jpg .jpeg .jpe .jfif .mpo", rb"\xff\xd8\xff"),
    ("PNG", "PNG", ".png .apng", rb"\x89PNG\r\n"),
    ("WebP", "WEBP", ".webp", rb"RIFF.{4}WEBP"),
    ("GIF", "GIF", ".gif", rb"GIF8[79]a"),
    ("BMP", "BMP DIB", ".bmp .dib", rb"BM.{4}\0\0\0\0"),
    ("TIFF", "TIFF", ".tif .tiff", rb"II[*+]\0|MM\0[*+]"),
    ("AVIF", "AVIF", ".avif", rb"\0\0.{2}ftyp(?:avi[fs]|.{8}(?:.{4})*?avi[fs])"),
    ("PPM", "PPM", ".pbm .pgm .ppm .pnm .pfm", rb"P[1-6]\s"),
)
FORMAT_NAMES = tuple(name for name, _, _, _ in _SUPPORTED)
# Pillow's names.
PILLOW_FORMATS = tuple(pillow for _, names, _, _ in _SUPPORTED for pillow in names.split())
# The suffixes of image files that a search through folders takes. The format of a file is known by its content.
EXTENSIONS = frozenset(suffix for _, _, suffixes, _ in _SUPPORTED for suffix in suffixes.split())

_MANY = "`magick mogrify -format {} *{}` of ImageMagick converts many"
_TOOL = "Export it as PNG, JPEG or TIFF with the program that made it."
# The name of each format, its suffixes, and what to do.
_UNSUPPORTED = (
    ("HEIC", ".heic .heif .hif", f"Convert it to JPEG: {_MANY.format('jpg', '.heic')}."),
    ("JPEG 2000", ".jp2 .j2k .jpf .jpx .jpm .j2c .jpc", f"Convert it to PNG: {_MANY.format('png', '.jp2')}."),
    ("JPEG XL", ".jxl", "Convert it to PNG: `djxl a.jxl a.png`."),
    ("JPEG XR", ".jxr .wdp .hdp", "Convert it to PNG."),
    ("SVG", ".svg .svgz", "Draw it as PNG: `rsvg-convert a.svg -o a.png`."),
    ("PDF", ".pdf", "Save its pages as PNG: `pdftoppm -png a.pdf a`."),
    ("PostScript", ".eps .ps .ai", "Draw it as PNG, on a machine where it may run the program that it contains."),
    ("Photoshop", ".psd .psb", _TOOL),
    ("GIMP", ".xcf", _TOOL),
    (
        "DICOM",
        ".dcm .dicom",
        "Save its pixels as PNG or TIFF of 16 bits (`pydicom.dcmread(path).pixel_array`), or pass them as arrays; "
        "value_range says which values mean black and white.",
    ),
    (
        "camera RAW",
        ".raw .dng .cr2 .cr3 .crw .nef .nrw .arw .sr2 .srf .orf .rw2 .raf .pef .srw .x3f .3fr .iiq .rwl",
        "Develop it as JPEG, or as TIFF of 8 bits.",
    ),
    ("OpenEXR", ".exr", "Save it as TIFF of floats from 0 to 1, or tone-map it to PNG."),
    ("PAM", ".pam", "Convert it to PNG: `magick a.pam a.png`."),
    ("Radiance HDR", ".hdr", "Save it as TIFF of floats from 0 to 1, or tone-map it to PNG."),
    ("FITS", ".fits .fit .fts", "Save it as TIFF of 16 bits; value_range says which values mean black and white."),
    ("NIfTI", ".nii", "Save its slices as PNG or TIFF of 16 bits, or pass them as arrays."),
    ("MetaImage", ".mha .mhd", "Save its slices as PNG or TIFF of 16 bits, or pass them as arrays."),
    ("NRRD", ".nrrd", "Save its slices as PNG or TIFF of 16 bits, or pass them as arrays."),
    ("whole-slide image", ".svs .ndpi .mrxs .scn .vms .bif", "Save its tiles as PNG or JPEG."),
    ("microscope's file", ".czi .lif .lsm .nd2 .oib .oif .vsi", "Save its planes as TIFF of 8 or 16 bits."),
    ("icon", ".ico .cur .icns", f"Convert it to PNG: {_MANY.format('png', '.ico')}."),
    ("Targa", ".tga", f"Convert it to PNG: {_MANY.format('png', '.tga')}."),
    ("PCX", ".pcx", f"Convert it to PNG: {_MANY.format('png', '.pcx')}."),
    ("SGI", ".sgi .rgb .rgba .bw", f"Convert it to PNG: {_MANY.format('png', '.sgi')}."),
    ("DirectDraw surface", ".dds", f"Convert it to PNG: {_MANY.format('png', '.dds')}."),
    ("QOI", ".qoi", f"Convert it to PNG: {_MANY.format('png', '.qoi')}."),
    ("XPM", ".xpm", f"Convert it to PNG: {_MANY.format('png', '.xpm')}."),
    ("XBM", ".xbm", f"Convert it to PNG: {_MANY.format('png', '.xbm')}."),
    ("Windows metafile", ".wmf .emf", "Draw it as PNG."),
    (
        "video",
        ".mp4 .m4v .mov .avi .mkv .webm .mpg .mpeg .wmv .flv .3gp .mts .m2ts .ogv",
        "Save frames of it as images: `ffmpeg -i a.mp4 -vf fps=1 frame%05d.png`.",
    ),
    ("NumPy", ".npy .npz", "Pass its content: `numpy.load(path)`, an array of (n, h, w) or (n, h, w, c)."),
    ("MATLAB", ".mat", "Pass the arrays that it holds: `scipy.io.loadmat(path)`."),
    ("HDF5", ".h5 .hdf5 .hdf", "Pass the arrays that it holds: `h5py.File(path)[name][:]`."),
    ("pickle", ".pkl .pickle", "Pass the arrays that it holds, if you trust it: loading it may run code."),
    ("PyTorch", ".pt .pth", "Pass the arrays or tensors that it holds: `torch.load(path, weights_only=True)`."),
    ("TensorFlow records", ".tfrecord .tfrecords", "Write their images to files, one folder a class."),
    ("archive", ".zip .tar .tgz .gz .bz2 .xz .7z .rar", "Unpack it, and pass the folder or the images in it."),
)  # fmt: skip

# Suffix -> the name of the format, and what to do.
UNSUPPORTED = {suffix: (name, step) for name, suffixes, step in _UNSUPPORTED for suffix in suffixes.split()}

_STEPS = {name: step for name, _, step in _UNSUPPORTED} | {
    "PFM of three channels": "Pass it as an array of floats; value_range says which values mean black and white.",
    "HTML": "The server may have sent a page in its place: download it again.",
    "XML": "Pass the image that it describes.",
    "JSON": "Pass the image that it describes.",
    "Git LFS pointer": "Fetch the image itself: `git lfs pull`.",
}
# How files begin; text may have white space and a byte-order mark before it.
_SIGNATURES = tuple(
    (re.compile(pattern, re.DOTALL), name)
    for pattern, name in (
        (rb"\0\0.{2}ftyp(?:hei[cxms]|hev[cmxs]|heif)", "HEIC"),
        (rb"\0\0.{2}ftyp(?:mif1|msf1|mif2)", "HEIC"),
        (rb"\0\0.{2}ftypcrx ", "camera RAW"),
        (rb"\0\0.{2}ftypjp2 |\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51", "JPEG 2000"),
        (rb"\0\0.{2}ftyp|.{4}(?:moov|mdat)|\x1a\x45\xdf\xa3|RIFF.{4}AVI |\0\0\x01[\xba\xb3]|FLV\x01|OggS", "video"),
        (rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (rb"II\xbc\x01", "JPEG XR"),
        (rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*(?:<!DOCTYPE svg[^>]*>\s*)?<svg[\s>]", "SVG"),
        (rb"(?i:(?:\xef\xbb\xbf)?\s*(?:<!--.*?-->\s*)*<(?:!doctype html|html|head|body|title)[\s>])", "HTML"),
        (rb"(?:\xef\xbb\xbf)?\s*<\?xml\s", "XML"),
        (rb"\s*[\[{]\s*[\"{]", "JSON"),
        (rb"version https://git-lfs\.github\.com/spec/", "Git LFS pointer"),
        (rb"%PDF-", "PDF"),
        (rb"%!PS|\xc5\xd0\xd3\xc6", "PostScript"),
        (rb"8BPS\0[\x01\x02]", "Photoshop"),
        (rb"gimp xcf", "GIMP"),
        (rb".{128}DICM", "DICOM"),
        (rb"FUJIFILMCCD-RAW|II(?:RO|RS|U\0)|FOVb|II\x1a\0\0\0HEAPCCDR", "camera RAW"),
        (rb"\x76\x2f\x31\x01", "OpenEXR"),
        (rb"P7\n", "PAM"),
        (rb"PF\s", "PFM of three channels"),
        (rb"#\?(?:RADIANCE|RGBE)", "Radiance HDR"),
        (rb"SIMPLE  =", "FITS"),
        (rb"\x5c\x01\0\0.{340}(?:n\+1|ni1)\0", "NIfTI"),
        (rb"NRRD000\d", "NRRD"),
        (rb"\0\0[\x01\x02]\0[\x01-\xff]\0.{3}\0|icns", "icon"),
        (rb"\x0a[\0\x02\x03\x05]\x01[\x01\x02\x04\x08]", "PCX"),
        (rb"\x01\xda[\0\x01][\x01\x02]", "SGI"),
        (rb"DDS \x7c\0\0\0", "DirectDraw surface"),
        (rb"qoif", "QOI"),
        (rb"/\* XPM \*/", "XPM"),
        (rb"#define \w+_width ", "XBM"),
        (rb"\xd7\xcd\xc6\x9a|\x01\0\0\0.{36} EMF", "Windows metafile"),
        (rb"\x93NUMPY", "NumPy"),
        (rb"MATLAB 5\.0 MAT-file", "MATLAB"),
        (rb"\x89HDF\r\n\x1a\n", "HDF5"),
        (rb"PK(?:\x03\x04|\x05\x06)|\x1f\x8b\x08|BZh[1-9]|\xfd7zXZ\0|7z\xbc\xaf\x27\x1c|Rar!\x1a\x07", "archive"),
        (rb".{257}ustar", "archive"),
        (rb"\x80[\x02-\x05](?:\x95|\}|\]|c|\()", "pickle"),
    )
)  # fmt: skip
_BEGINNINGS = tuple((re.compile(pattern, re.DOTALL), name) for name, _, _, pattern in _SUPPORTED)
HEAD = 1024


def supported_format(data: bytes) -> str | None:
    """Return the supported format that a file begins like, or None."""
    head = bytes(data[:64])
    return next((name for beginning, name in _BEGINNINGS if beginning.match(head)), None)


def is_raw_tiff(data: bytes, name: str) -> bool:
    """Return whether a TIFF is a camera's raw file: Canon's are known by their first bytes, others by their suffix.

    Most raw files are TIFF files by their content, whose first picture is a preview.
    """
    if supported_format(data) != "TIFF":
        return False
    return data[4:12] == b"\x10\0\0\0CR\x02\0" or UNSUPPORTED.get(_suffix(name), ("", ""))[0] == "camera RAW"


def unsupported_format(data: bytes, name: str = "") -> tuple[str, str] | None:
    """Return the name of an unsupported format and what to do, or None if the format is unknown.

    Parameters
    ----------
    data : bytes
        The file's content, which is examined first, because suffixes may be wrong.
    name : str, default=""
        The file's name, whose suffix is examined next.
    """
    head = bytes(data[:HEAD])
    for signature, known in _SIGNATURES:
        if signature.match(head):
            return known, _STEPS[known]
    return UNSUPPORTED.get(_suffix(name))


def _suffix(name: str) -> str:
    """Return the suffix of a path or URL, in lower case."""
    path = re.split(r"[?#]", name)[0] if "://" in name else name
    return PurePath(path).suffix.lower()
