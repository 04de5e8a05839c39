"""``ctlearn-gan info``: what a bundle is."""

from pathlib import Path

import click


@click.command("info", short_help="Describe a generator or refiner bundle.")
@click.argument("bundle", type=click.Path(path_type=Path))
def command(bundle):
    """Print what BUNDLE generates or refines, for which labels, and how it was trained."""
    from ..logs import set_up_logging
    from ..refiner import is_refiner

    set_up_logging()
    if is_refiner(bundle):
        _show_refiner(bundle)
    else:
        _show_generator(bundle)


def _show_generator(bundle: Path) -> None:
    import rich.table
    from rich.console import Console

    from ..bundle import load_bundle

    opened = load_bundle(bundle)
    meta = opened.meta
    rows = {"bundle id": meta.bundle_id} | _facts(opened) | {"training events": _events(meta.data)}
    _print(f"{bundle}", rows | _training(meta))
    domain = rich.table.Table("label", "lowest", "highest", "unit", title="Training domain")
    for name, column in meta.labels["columns"].items():
        domain.add_row(name, f"{column['low']:.4g}", f"{column['high']:.4g}", column["unit"])
    Console().print(domain)


def _show_refiner(bundle: Path) -> None:
    from ..refiner import load_refiner

    opened = load_refiner(bundle)
    meta = opened.meta
    rows = {"refiner id": meta.refiner_id} | _facts(opened)
    rows |= {"source events": _events(meta.source), "target events": _events(meta.target)}
    _print(f"{bundle} (refiner)", rows | _training(meta))


def _facts(opened) -> dict[str, str]:
    meta = opened.meta
    return {
        "particle": meta.particle,
        "created": meta.created,
        "camera": f"{meta.camera} ({opened.camera.n_pixels} pixels, telescope {meta.tel_id})",
        "channels": ", ".join(meta.channels),
    }


def _events(data: dict) -> str:
    return f"{data.get('n_events')} from {', '.join(data['files'])}"


def _training(meta) -> dict[str, str]:
    return {
        "quality criteria": "; ".join(cut for _, cut in meta.quality_criteria) or "none",
        "cleaning": ", ".join(f"{key} {value:g}" for key, value in meta.cleaning.items()),
        "training": ", ".join(f"{key} {value:.4g}" for key, value in meta.training.items()),
        "software": ", ".join(f"{key} {value}" for key, value in meta.software.items()),
    }


def _print(title: str, rows: dict[str, str]) -> None:
    import rich.table
    from rich.console import Console

    facts = rich.table.Table(show_header=False, title=title)
    for name, value in rows.items():
        facts.add_row(name, str(value))
    Console().print(facts)
