"""``ctlearn-gan info``: what bundles are."""

from pathlib import Path

import click


@click.command("info", short_help="Describe generator and refiner bundles.")
@click.argument("bundles", metavar="BUNDLE...", nargs=-1, required=True, type=click.Path())
def command(bundles):
    """Print what each BUNDLE generates or refines, for which labels, and how it was trained.

    Of generators that differ by the seed of their training, also how much the seed matters.
    """
    from rich.console import Console

    from ..bundle import load_bundle
    from ..logs import set_up_logging
    from ..refiner import is_refiner, load_refiner

    set_up_logging()
    console, generators = Console(), []
    for bundle in map(Path, bundles):
        if is_refiner(bundle):
            _describe_refiner(console, load_refiner(bundle))
        else:
            generators.append(load_bundle(bundle))
            _describe(console, generators[-1])
    _compare_seeds(console, [bundle.meta for bundle in generators])


def _describe(console, bundle) -> None:
    import rich.table

    meta = bundle.meta
    rows = {"bundle id": meta.bundle_id} | _facts(bundle)
    rows |= {"training events": _events(meta.data), "images like": _domain(meta.data)}
    rows |= _training(meta)
    rows["failures seen"] = "; ".join(meta.training.get("failures", [])) or "none"
    _print(console, f"{bundle.path}", rows)
    domain = rich.table.Table("label", "lowest", "highest", "unit", title="Training domain")
    for name, column in meta.labels["columns"].items():
        domain.add_row(name, f"{column['low']:.4g}", f"{column['high']:.4g}", column["unit"])
    console.print(domain)


def _describe_refiner(console, refiner) -> None:
    meta = refiner.meta
    rows = {"refiner id": meta.refiner_id} | _facts(refiner)
    rows |= {"source events": _events(meta.source), "target events": _events(meta.target)}
    _print(console, f"{refiner.path} (refiner)", rows | _training(meta))


def _facts(bundle) -> dict[str, str]:
    meta = bundle.meta
    return {
        "particle": meta.particle,
        "created": meta.created,
        "camera": f"{meta.camera} ({bundle.camera.n_pixels} pixels, telescope {meta.tel_id})",
        "channels": ", ".join(meta.channels),
    }


def _training(meta) -> dict[str, str]:
    figures = {key: value for key, value in meta.training.items() if key != "failures"}
    return {
        "quality criteria": "; ".join(cut for _, cut in meta.quality_criteria) or "none",
        "cleaning": ", ".join(f"{key} {value:g}" for key, value in meta.cleaning.items()),
        "training": ", ".join(f"{key} {value:.4g}" for key, value in figures.items()),
        "software": ", ".join(f"{key} {value}" for key, value in meta.software.items()),
    }


def _print(console, title: str, rows: dict[str, str]) -> None:
    import rich.table

    facts = rich.table.Table(show_header=False, title=title)
    for name, value in rows.items():
        facts.add_row(name, str(value))
    console.print(facts)


def _events(data: dict) -> str:
    return f"{data.get('n_events')} from {', '.join(data['files'])}"


def _domain(data: dict) -> str:
    """What the critic was shown."""
    if "observed" not in data:
        return "the training events"
    observed = data["observed"]
    return f"{observed['n_events']} observed ones from {', '.join(observed['files'])}"


def _compare_seeds(console, metas: list) -> None:
    """Say how far apart runs on the same events with the same networks have ended."""
    from ..training.failures import sensitivity

    if len(metas) < 2:
        return
    first = metas[0]
    is_same = all(
        (meta.data, meta.generator, meta.critic) == (first.data, first.generator, first.critic)
        for meta in metas
    )
    scores = [meta.training.get("snapshot_score") for meta in metas]
    if not is_same or None in scores:
        return
    shown = ", ".join(
        f"{score:.4g} (seed {meta.training['seed']})"
        for score, meta in zip(scores, metas, strict=True)
    )
    console.print(f"Snapshot scores: {shown}.")
    console.print(sensitivity(scores) or "The seed matters no more than it does in healthy runs.")
