"""Writes Excel workbooks by hand, with content that a library would not write."""

import io
import zipfile
from collections.abc import Iterable, Mapping
from typing import Final
from xml.sax.saxutils import escape

_MAIN: Final = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS: Final = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_TYPES: Final = "http://schemas.openxmlformats.org/package/2006/content-types"
_KIND: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml"

HIDDEN: Final = ' hidden="1"'
STATE: Final = ' state="hidden"'
DATE: Final = 1
"""Style of a cell that Excel shows as a date."""


def text(value: str) -> str:
    return f't="inlineStr"><is><t xml:space="preserve">{escape(value)}</t></is></c>'


def number(digits: str, style: int = 0) -> str:
    return f's="{style}"><v>{digits}</v></c>'


def formula(source: str, value: str | None) -> str:
    """A formula with its last `value`; None if it was never calculated."""
    kept = "" if value is None else f"<v>{escape(value)}</v>"
    return f't="str"><f>{escape(source)}</f>{kept}</c>'


def error(code: str) -> str:
    return f't="e"><v>{escape(code)}</v></c>'


class Sheet:
    def __init__(
        self, rows: Mapping[int, Mapping[str, str]], *, hidden: Iterable[int] = (), visible: bool = True
    ) -> None:
        """`rows` by number, each with its cells by column letter."""
        self.visible = visible
        inner = (
            f'<row r="{at}"{HIDDEN if at in hidden else ""}>'
            + "".join(f'<c r="{letter}{at}" {cell}' for letter, cell in cells.items())
            + "</row>"
            for at, cells in rows.items()
        )
        self.xml = f'<worksheet xmlns="{_MAIN}"><sheetData>{"".join(inner)}</sheetData></worksheet>'


def column(*values: str, letter: str = "A", first: int = 1) -> dict[int, dict[str, str]]:
    return {at: {letter: text(value)} for at, value in enumerate(values, first)}


def workbook(**sheets: Sheet) -> bytes:
    names = list(sheets)
    files = {
        "[Content_Types].xml": f'<Types xmlns="{_TYPES}">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_KIND}.sheet.main+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{_KIND}.styles+xml"/>'
        + "".join(
            f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{_KIND}.worksheet+xml"/>'
            for n in range(1, len(names) + 1)
        )
        + "</Types>",
        "_rels/.rels": f'<Relationships xmlns="{_RELATIONS}">'
        f'<Relationship Id="r1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>'
        + "".join(
            f'<sheet name="{name}" sheetId="{n}" r:id="r{n}"{"" if sheets[name].visible else STATE}/>'
            for n, name in enumerate(names, 1)
        )
        + "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_RELATIONS}">'
        + "".join(
            f'<Relationship Id="r{n}" Type="{_OFFICE}/worksheet" Target="worksheets/sheet{n}.xml"/>'
            for n in range(1, len(names) + 1)
        )
        + f'<Relationship Id="s" Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>',
        "xl/styles.xml": f'<styleSheet xmlns="{_MAIN}"><fonts count="1"><font/></fonts>'
        '<fills count="1"><fill/></fills><borders count="1"><border/></borders>'
        '<cellStyleXfs count="1"><xf/></cellStyleXfs>'
        '<cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="14" applyNumberFormat="1"/></cellXfs>'
        "</styleSheet>",
        **{f"xl/worksheets/sheet{n}.xml": sheets[name].xml for n, name in enumerate(names, 1)},
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            # Without the time of day: the same sheets give the same bytes.
            info = zipfile.ZipInfo(name)
            packed.writestr(info, '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>' + content)
    return out.getvalue()
