"""Tables of the report: terse, simulation beside everything."""

import math

from ..pages import table
from .observables import title

_N_FURTHEST = 5
_FOUR = ("", "generated", "95% interval", "sim-sim")


def labels(metrics: dict) -> str:
    """How images follow their labels."""
    rows = [("", "simulated", "generated", "ratio", "95% interval", "sim-sim")]
    for name, unit in (("energy", "dex"), ("direction", "deg")):
        section = metrics[name]
        for key, words in (("mae", "MAE"), ("width68", "68% width")):
            pair = [f"{section[kind][key]:.3f} {unit}" for kind in ("simulated", "generated")]
            rows.append((f"{name} {words}", *pair, *_ratio(section["ratio"][key])))
        for key, words in (("correlation", "correlation"), ("r2", "R²"), ("tails", "tails")):
            pair = [f"{section[kind][key]:.3f}" for kind in ("simulated", "generated")]
            rows.append((f"{name} {words}", *pair, "", "", ""))
    moved = {
        key: 100 * value for key, value in metrics["energy"]["migration"]["difference"].items()
    }
    rows.append(("events in a wrong energy bin", "", "", *_ratio(moved, ".1f", " %")))
    section = metrics["type"]
    if section is not None:
        pair = [f"{section[kind]['accuracy']:.1%}" for kind in ("simulated", "generated")]
        points = {key: 100 * value for key, value in section["difference"].items()}
        rows.append(("type accuracy", *pair, *_ratio(points, "+.1f", " points")))
    return table(rows)


def images(metrics: dict) -> str:
    """How images look, and how varied they are."""
    section, diversity = metrics["images"], metrics["diversity"]
    rows = [_FOUR, ("One parameter at a time",)]
    rows.append(_row("mean W1 [sigma]", section["mean_w1"]))
    known = [item for item in section["parameters"].items() if _finite(item[1]["w1"])]
    for name, entry in sorted(known, key=lambda item: -item[1]["w1"])[:_N_FURTHEST]:
        interval = " to ".join(_number(entry[key]) for key in ("w1_low", "w1_high"))
        null = _number(entry["w1_null"])
        rows.append((f"W1 of {title(name)}", _number(entry["w1"]), interval, null))
    empty = section["empty"]
    rows.append(
        ("without a cleaned pixel", f"{empty['generated']:.1%}", "", f"{empty['simulated']:.1%}")
    )
    rows.append(("All together",))
    rows += [
        _row(name, entry)
        for name, entry in {
            "RMS difference of correlations": section["correlations"],
            "FPD of parameters": section["fpd"],
            "KPD of parameters": section["kpd"],
            "AUC, trees on parameters": section["auc"],
            "AUC, trees on parameters and labels": section["auc_with_labels"],
            "AUC, network on pixels": section["auc_pixels"],
        }.items()
        if entry is not None
    ]
    rows += _feature_rows(metrics["features"])
    rows.append(("Variety",))
    names = ("precision", "recall", "density", "coverage")
    rows += [_row(name, diversity[name]) for name in names]
    return table(rows)


def domain(section: dict) -> str:
    """Label domain, its edges and gaps."""
    rows = [("", "events", "energy MAE ratio", "direction MAE ratio", "mean W1 [sigma]")]
    parts = {f"edge: {name}": part for name, part in (section["edges"] or {}).items()}
    if section["gap"] is not None:
        ends = ", ".join(_gap(gap) for gap in section["gap"]["regions"])
        parts[f"gap: {ends}"] = section["gap"]
    for name, part in parts.items():
        ratios = [
            _beside_null(part[k] and part[k]["ratio"]["mae"]) for k in ("energy", "direction")
        ]
        rows.append((name, str(part["n"]), *ratios, _beside_null(part["mean_w1"])))
    text = table(rows) if parts else ""
    if section["coverage"] is not None:
        coverage = section["coverage"]
        text += (
            f"<p>{coverage['n']} cells of energy and offset: mean coverage "
            f"{coverage['mean']:.0%} (sim-sim {coverage['mean_null']:.0%}).</p>"
        )
    return text


def cost(rates: dict) -> str:
    """Images per second."""
    rows = [("images per call", "images/s", "ms per image")]
    for name, entry in rates.items():
        rate, duration = f"{entry['images_per_second']:.0f}", f"{entry['ms_per_image']:.2f}"
        rows.append((name.removeprefix("batch_"), rate, duration))
    return table(rows)


def _feature_rows(features: dict) -> list[tuple]:
    rows = [("In the judges' feature space",)]
    for name, words in (("energy_direction", "energy and direction"), ("type", "type")):
        if features[name] is not None:
            rows.append(_row(f"Frechet distance, {words}", features[name]["frechet"], ".3f"))
            score = features[name]["inception_score"]
            label = f"Inception Score ratio, {'energy' if name != 'type' else 'type'}"
            rows.append(_row(label, score))
    return rows


def _row(name: str, entry: dict, style: str = ".2f") -> tuple:
    """Value, interval, and what simulation shows: an interval if there is one."""
    value, low, high = (_number(entry[key], style) for key in ("value", "low", "high"))
    return name, value, f"{low} to {high}", _null(entry, style)


def _null(entry: dict, style: str = ".2f") -> str:
    if "null_low" not in entry:
        return _number(entry["null"], style)
    return " to ".join(_number(entry[key], style) for key in ("null_low", "null_high"))


def _beside_null(entry: dict | None) -> str:
    return "–" if entry is None else f"{_number(entry['value'])} ({_null(entry)})"


def _gap(gap: dict) -> str:
    return f"{gap['label']} {gap['low']:.3g} to {gap['high']:.3g} {gap['unit']}"


def _ratio(entry: dict, style: str = ".2f", unit: str = "") -> tuple[str, str, str]:
    _, value, interval, null = _row("", entry, style)
    return value + unit, interval, null


def _finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _number(value: float | None, style: str = ".2f") -> str:
    """A number, or a dash where it is not defined."""
    return format(value, style) if _finite(value) else "–"
