"""The table in a notebook: HTML, with a button for each format."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from failextract_nb import formats
from failextract_nb.extractor import FailureExtractor
from failextract_nb.failure import counted
from failextract_nb.report import OutputConfig

if TYPE_CHECKING:
    import ipywidgets

REPORT = "failextract-report"  # the name of the files that the buttons write, without extension


def show(extractor: FailureExtractor) -> None:
    """Display the failures and the export buttons."""
    from IPython.display import display

    display({"text/html": extractor._repr_html_(), "text/plain": repr(extractor)}, raw=True)
    if len(extractor.failures):
        display(_bundle(export_buttons(extractor)), raw=True)


def export_buttons(extractor: FailureExtractor) -> ipywidgets.VBox:
    """A button for each name in ``formats.names()``; a click writes the file and says where."""
    try:
        import ipywidgets as widgets
    except ImportError as error:
        raise ImportError("export buttons need ipywidgets: pip install ipywidgets") from error

    said = widgets.HTML()

    def button(name: str) -> Any:
        one = widgets.Button(
            description=name, tooltip=f"Write {_file(name)} beside the notebook", icon="download"
        )
        one.on_click(lambda _button: _export(extractor, name, said))
        return one

    row = widgets.HBox([widgets.Label("Export as"), *(button(name) for name in formats.names())])
    row.layout.flex_flow = "row wrap"
    return widgets.VBox([row, said])


def _file(name: str) -> str:
    return f"{REPORT}{formats.extension(name)}"


def _export(extractor: FailureExtractor, name: str, said: Any) -> None:
    try:
        path = extractor.save_report(OutputConfig(_file(name), format=name))
    except Exception as error:  # noqa: BLE001  # nobody sees what a callback raises
        said.value = f"<b>Not written:</b> {escape(f'{type(error).__name__}: {error}')}"
        return
    assert path is not None  # noqa: S101  # a file was named
    said.value = f"{counted(len(extractor.failures))} written to {escape(str(path.resolve()))}"


def _bundle(box: ipywidgets.VBox) -> dict[str, Any]:
    """The widget, and for readers that run none what to type instead."""
    bundle = box._repr_mimebundle_()
    bundle = dict(bundle[0] if isinstance(bundle, tuple) else bundle)
    bundle["text/plain"] = f"%failextract export FILE writes {', '.join(formats.names())}"
    return bundle
