"""From numbers to a verdict per question, with the reason in one or two sentences."""

from dataclasses import asdict, dataclass

from .observables import title

GRADES = ("good", "fair", "poor", "open")
#: Allowed deviation from simulation, good and fair; a value that two simulated samples of this
#: size would show counts as good whatever it is.
RATIO = (0.07, 0.15)
ENERGY_BIAS = (0.02, 0.05)  # dex
DIRECTION_BIAS = (0.03, 0.10)  # deg
ACCURACY = (0.03, 0.10)
MEAN_W1 = (0.10, 0.25)  # simulated sigmas
WORST_W1 = (0.30, 0.60)
AUC = (0.70, 0.85)
COVERAGE = (0.85, 0.60)  # of the value between two simulated samples
EMPTY = (0.03, 0.10)  # difference of the shares of images without a cleaned pixel
DUPLICATES = (0.005, 0.02)  # share of the images
MEMORISED = (0.03, 0.10)  # share of the images, 0.01 expected
CORRELATIONS = (0.05, 0.15)  # RMS difference beyond that between two simulated samples
PART_RATIO = (0.15, 0.40)  # as RATIO, for the few events at edges and in gaps


@dataclass(frozen=True)
class Verdict:
    """What the numbers of a section say.

    Attributes
    ----------
    section : str
        Key in metrics.json.
    question : str
        What the section asks.
    grade : str
        ``good``: as simulation; ``fair``; ``poor``; ``open``: no answer.
    reason : str
        Why.
    """

    section: str
    question: str
    grade: str
    reason: str


def judge(metrics: dict) -> list[dict]:
    """Verdicts on all sections of metrics.json, as plain dictionaries."""
    verdicts = [
        _regression(metrics["energy"], "energy", "dex", ENERGY_BIAS),
        _regression(metrics["direction"], "direction", "deg", DIRECTION_BIAS),
        _type(metrics["type"]),
        _images(metrics["images"]),
        _diversity(metrics["diversity"]),
        _domain(metrics),
    ]
    return [asdict(verdict) for verdict in verdicts]


def worst(grades) -> str:
    """The worst of several grades, of those that are one."""
    known = [grade for grade in grades if grade in GRADES[:3]]
    return max(known, key=GRADES.index, default="open")


def grade(deviation: float, limits: tuple[float, float]) -> str:
    """Grade of a deviation where smaller is better."""
    if deviation != deviation:
        return "open"
    return "good" if deviation <= limits[0] else "fair" if deviation <= limits[1] else "poor"


def _against_null(entry: dict, centre: float, limits: tuple[float, float]) -> str:
    """Grade of an entry with null_low/null_high: what simulation shows itself is good."""
    if entry["null_low"] <= entry["value"] <= entry["null_high"]:
        return "good"
    return grade(abs(entry["value"] - centre), limits)


def _regression(section: dict, name: str, unit: str, bias_limits) -> Verdict:
    question = f"Do images follow the requested {name}?"
    simulated, generated = section["simulated"], section["generated"]
    if not section["judge_learnt"]:
        reason = (
            f"The judge's error on simulated images ({simulated['mae']:.2g} {unit}) is not far "
            f"below a blind guess's ({section['trivial_mae']:.2g} {unit}); give more test events."
        )
        return Verdict(name, question, "open", reason)
    mae, width, shift = section["ratio"]["mae"], section["ratio"]["width68"], section["bias_shift"]
    grades = [_against_null(entry, 1.0, RATIO) for entry in (mae, width)]
    grades.append(_against_null(shift, 0.0, bias_limits))
    tendency = "" if grades[0] == "good" else _tendency(mae["value"])
    reason = (
        f"{tendency}MAE {generated['mae']:.2g} {unit}, simulated {simulated['mae']:.2g} {unit}: "
        f"ratio {_with_null(mae)}. 68% width ratio {_with_null(width)}. Median shifted by "
        f"{_with_null(shift, '+.3f')} {unit}. Correlation of request and reconstruction "
        f"{generated['correlation']:.2f}, simulated {simulated['correlation']:.2f}."
    )
    return Verdict(name, question, worst(grades), reason)


def _tendency(ratio: float) -> str:
    if ratio > 1:
        return "Images follow their labels less closely than simulation. "
    return "Images follow their labels more closely than nature: fluctuations are missing. "


def _type(section: dict | None) -> Verdict:
    question = "Does a particle classifier take the images for their particle?"
    if section is None:
        reason = "Not asked: give files of the other particle with --other."
        return Verdict("type", question, "open", reason)
    accuracy = [section[kind]["accuracy"] for kind in ("generated", "simulated", "other")]
    if not section["judge_learnt"]:
        reason = (
            "The classifier hardly separates simulated particles (AUC "
            f"{section['auc']['simulated']['value']:.2f}); give more events."
        )
        return Verdict("type", question, "open", reason)
    difference = section["difference"]
    reason = (
        f"{accuracy[0]:.1%} of generated and {accuracy[1]:.1%} of simulated images are recognised "
        f"({accuracy[2]:.1%} of the other particle's), a difference of "
        f"{_with_null({key: 100 * value for key, value in difference.items()}, '+.1f')} points."
    )
    return Verdict("type", question, _against_null(difference, 0.0, ACCURACY), reason)


def _images(section: dict) -> Verdict:
    question = "Do images look like simulated ones?"
    parameters = section["parameters"]
    excess = {name: x["w1"] - x["w1_null"] for name, x in parameters.items() if x["w1"] == x["w1"]}
    order = sorted(excess, key=excess.get, reverse=True)
    mean, auc = section["mean_w1"], section["auc"]
    grades = [grade(mean["value"] - mean["null"], MEAN_W1), grade(auc["value"], AUC)]
    empty = [section["empty"][kind] for kind in ("generated", "simulated")]
    grades.append(grade(abs(empty[0] - empty[1]), EMPTY))
    if order:
        grades.append(grade(excess[order[0]], WORST_W1))
    correlations = section["correlations"]
    grades.append(grade(correlations["value"] - correlations["null_high"], CORRELATIONS))
    furthest = ", ".join(f"{title(name)} {parameters[name]['w1']:.2f}" for name in order[:3])
    apart = _apart(mean)
    if furthest:
        apart += f"; furthest: {furthest}"
    together = "Too few have cleaned pixels to compare correlations."
    if correlations["value"] == correlations["value"]:
        together = f"Their correlations differ by {_with_null(correlations)}."
    reason = (
        f"{apart[0].upper()}{apart[1:]}. Trees tell images apart by their parameters with AUC "
        f"{auc['value']:.2f} (sim-sim {auc['null']:.2f}). {together}"
    )
    if grades[2] != "good":
        reason += f" {empty[0]:.0%} have no cleaned pixel, simulated {empty[1]:.0%}."
    if section["auc_pixels"] is not None:
        reason += f" A network that sees the pixels: AUC {section['auc_pixels']['value']:.2f}."
    return Verdict("images", question, worst(grades), reason)


def _diversity(section: dict) -> Verdict:
    question = "Are images as varied as simulated ones, and not copies?"
    coverage, copies = section["coverage"], section["duplicates"]
    share = coverage["value"] / max(coverage["null"], 1e-9)
    grades = [grade(-share, (-COVERAGE[0], -COVERAGE[1])), grade(copies, DUPLICATES)]
    reason = (
        f"{coverage['value']:.0%} of simulated images have a generated one near them (sim-sim "
        f"{coverage['null']:.0%}); {copies:.1%} of generated images have a twin closer than any "
        "two simulated images are."
    )
    if section["memorised"] is not None:
        memorised = section["memorised"]
        grades.append(grade(memorised["value"], MEMORISED))
        reason += (
            f" {memorised['value']:.1%} are closer to a training image than "
            f"{memorised['null']:.0%} of new simulated ones are."
        )
    return Verdict("diversity", question, worst(grades), reason)


def _domain(metrics: dict) -> Verdict:
    question = "Do images hold across the label domain, at its edges and in its gaps?"
    section = metrics["domain"]
    coverage, edges, gap = (section[name] for name in ("coverage", "edges", "gap"))
    grades, sentences = [], []
    if coverage is not None:
        share = coverage["value"] / max(coverage["null"], 1e-9)
        grades.append(grade(-share, (-COVERAGE[0], -COVERAGE[1])))
        sentences.append(
            f"{coverage['value']:.0%} of {coverage['n']} cells of energy and offset are filled as "
            f"by simulation (sim-sim {coverage['null']:.0%})."
        )
    for name, part in (("the edges", edges and edges["any"]), ("the gap", gap)):
        if part:
            found, text = _part(part, metrics)
            grades += found
            sentences.append(f"At {name} ({part['n']} events) {text}.")
    if gap is None:
        sentences.append("The training labels have no gap that is known of.")
    return Verdict("domain", question, worst(grades), " ".join(sentences))


def _part(part: dict, metrics: dict) -> tuple[list[str], str]:
    """Grades and words on the events of an edge or gap."""
    grades, texts = [], []
    for name in ("energy", "direction"):
        if part[name] is not None and metrics[name]["judge_learnt"]:
            ratio = part[name]["ratio"]["mae"]
            grades.append(_against_null(ratio, 1.0, PART_RATIO))
            texts.append(f"the {name} MAE ratio is {_with_null(ratio)}")
    distance = part["mean_w1"]
    if distance is not None:
        grades.append(grade(distance["value"] - distance["null"], MEAN_W1))
        texts.append(_apart(distance))
    return grades, ", ".join(texts) or "too few to tell"


def _apart(distance: dict) -> str:
    """How far parameters lie apart, if any generated image has parameters."""
    if distance["value"] != distance["value"]:
        return "no generated image has a cleaned pixel"
    return f"parameters lie {distance['value']:.2f} sigma apart (sim-sim {distance['null']:.2f})"


def _with_null(entry: dict, style: str = ".2f") -> str:
    """A value, with what two simulated samples of this size show."""
    low, high = (format(entry[key], style) for key in ("null_low", "null_high"))
    return f"{entry['value']:{style}} (sim-sim {low} to {high})"
