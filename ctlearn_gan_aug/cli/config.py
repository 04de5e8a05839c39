"""``ctlearn-gan config``: annotated configuration templates."""

from pathlib import Path

import click


@click.command("config", short_help="Write an annotated configuration template.")
@click.argument("kind", required=False)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Default: print.")
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
def command(kind, output, overwrite):
    """Write the configuration template KIND; without KIND, list the kinds."""
    from ..config.shipped import shipped_config, shipped_configs
    from ..files import atomic_file

    if kind is None:
        click.echo("\n".join(shipped_configs()))
        return
    text = shipped_config(kind).read_text()
    if output is None:
        click.echo(text, nl=False)
        return
    with atomic_file(output, overwrite) as part:
        part.write_text(text)
    click.echo(f"Configuration: {output}")
