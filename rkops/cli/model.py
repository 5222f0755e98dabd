"""`rkops model`: what a model file is."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rkops.cli.options import Format, FormatOpt

if TYPE_CHECKING:
    from rkops.model.info import ModelInfo, TensorInfo

SCHEMA = "rkops.model/1"
FileArg = Annotated[Path, typer.Argument(metavar="FILE", help="A .rknn file.")]


def show(file: FileArg, form: FormatOpt = Format.TABLE) -> None:
    """Show what a .rknn file is: target, versions, inputs and outputs. Needs no toolkit.

    Example: rkops model show yolov8n.rknn
    """
    from rkops.model.rknn import read_model

    info = read_model(file)
    if form is Format.JSON:
        import msgspec

        document = {"schema": SCHEMA, **msgspec.to_builtins(info)}
        typer.echo(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())
    else:
        typer.echo("\n".join(f"{name:<10} {value}" for name, value in _rows(info)))


def _rows(info: "ModelInfo") -> list[tuple[str, str]]:
    rows = [
        ("file", info.path),
        ("target", ", ".join(info.targets)),
        ("toolkit", info.toolkit_version),
        ("compiler", info.compiler_version or "not named"),
        ("source", info.source or "not named"),
        *(("input", _tensor(tensor)) for tensor in info.inputs),
        *(("output", _tensor(tensor)) for tensor in info.outputs),
        ("custom", info.custom_string),
        ("size", f"{info.size_bytes} bytes"),
        ("sha256", info.sha256),
    ]
    return [row for row in rows if row[1]]


def _tensor(tensor: "TensorInfo") -> str:
    shape = "x".join(str(size) for size in tensor.shape)
    quantised = f"quantised by {tensor.quantisation}" if tensor.quantisation else ""
    layout = f"{tensor.layout} at run time" if tensor.layout else ""
    return "  ".join(part for part in (tensor.name, shape, tensor.dtype, layout, quantised) if part)


def register(app: typer.Typer) -> None:
    """Add `rkops model`."""
    group = typer.Typer(no_args_is_help=True, help="Look into model files.")
    group.command("show")(show)
    app.add_typer(group, name="model")
