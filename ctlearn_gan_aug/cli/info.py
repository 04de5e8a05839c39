"""``ctlearn-gan info``: what a bundle is."""

from pathlib import Path

import click


@click.command("info", short_help="Describe a generator bundle.")
@click.argument("bundle", type=click.Path(path_type=Path))
def command(bundle):
    """Print what BUNDLE generates, for which labels, and how it was trained."""
    import rich.table
    from rich.console import Console

    from ..bundle import load_bundle
    from ..logs import set_up_logging

    set_up_logging()
    opened = load_bundle(bundle)
    meta = opened.meta
    console = Console()
    facts = rich.table.Table(show_header=False, title=f"{bundle}")
    rows = {
        "bundle id": meta.bundle_id,
        "particle": meta.particle,
        "created": meta.created,
        "camera": f"{meta.camera} ({opened.camera.n_pixels} pixels, telescope {meta.tel_id})",
        "channels": ", ".join(meta.channels),
        "training events": f"{meta.data.get('n_events')} from {', '.join(meta.data['files'])}",
        "images like": _domain(meta.data),
        "quality criteria": "; ".join(cut for _, cut in meta.quality_criteria) or "none",
        "cleaning": ", ".join(f"{key} {value:g}" for key, value in meta.cleaning.items()),
        "training": ", ".join(f"{key} {value:.4g}" for key, value in meta.training.items()),
        "software": ", ".join(f"{key} {value}" for key, value in meta.software.items()),
    }
    for name, value in rows.items():
        facts.add_row(name, str(value))
    console.print(facts)
    domain = rich.table.Table("label", "lowest", "highest", "unit", title="Training domain")
    for name, column in meta.labels["columns"].items():
        domain.add_row(name, f"{column['low']:.4g}", f"{column['high']:.4g}", column["unit"])
    console.print(domain)


def _domain(data: dict) -> str:
    """What the critic was shown."""
    if "observed" not in data:
        return "the training events"
    observed = data["observed"]
    return f"{observed['n_events']} observed ones from {', '.join(observed['files'])}"
