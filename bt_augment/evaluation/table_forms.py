"""Tables as Markdown and as LaTeX (booktabs)."""

from __future__ import annotations

from collections.abc import Sequence

_LATEX = {
    "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}",
    "<": r"$<$", ">": r"$>$", "±": r"$\pm$",
}  # fmt: skip


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines
    )


def latex(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    texts: int = 1,
    grouped: bool = False,
) -> str:
    """Return a LaTeX table.

    Args:
        header: names of the columns.
        rows: cells, as plain text.
        texts: columns of text; those after them are numbers, and stand to the right.
        grouped: draw a rule where the first cell changes.
    """

    def line(cells: Sequence[str]) -> str:
        return " & ".join("".join(_LATEX.get(c, c) for c in cell) for cell in cells) + r" \\"

    body: list[str] = []
    for number, row in enumerate(rows):
        if grouped and number and row[0] != rows[number - 1][0]:
            body.append(r"\midrule")
        body.append(line(row))
    return "\n".join(
        [
            rf"\begin{{tabular}}{{{'l' * texts}{'r' * (len(header) - texts)}}}",
            r"\toprule",
            line(header),
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
        ]
    )
