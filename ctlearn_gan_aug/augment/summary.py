"""What is mixed into a training, in plain sentences and as a record beside the model."""

from collections.abc import Sequence

from .mixing import MixedBatches
from .source import SyntheticSource
from .stream import RegionStream, Tally


def plan_lines(
    mixed: MixedBatches, source: SyntheticSource, probe: Sequence[Tally], steps_without: int
) -> list[str]:
    """Describe a mixing before the training starts.

    Parameters
    ----------
    mixed : MixedBatches
        The training batches.
    source : SyntheticSource
        Their generated images.
    probe : sequence of Tally
        Acceptance of a first few images, by region.
    steps_without : int
        Batches per epoch of the same training without generated images.
    """
    plan = mixed.plan
    lines = [_part_line(mixed)]
    if not plan.schedule.is_constant:
        parts = ", ".join(str(plan.generated_in(epoch)) for epoch in range(plan.n_epochs))
        lines.append(f"by the schedule its epochs have {parts} generated images in a batch.")
    if mixed.sample_weight is not None:
        lines.append(f"a generated image has the weight {mixed.sample_weight:g} in the loss.")
    if mixed.n_turns > 1:
        lines.append(
            f"simulated images are turned and mirrored at random, by {mixed.n_turns} symmetries of "
            "the camera."
        )
    lines.append(
        f"an epoch has {mixed.steps} batches (without generated images {steps_without}), so every "
        "simulated training image is still seen once; validation is simulated only."
    )
    for stream, tally in zip(source.streams, probe, strict=True):
        images = stream.region.share * plan.n_generated * mixed.steps
        lines.append(
            f"{_describe(stream)}: {stream.region.share:.1%} of the generated images, about "
            f"{images:.0f} per epoch as {_class_name(stream)}; {tally.acceptance:.0%} of them pass "
            f"the quality cut {stream.selection}; from {stream.region.bundle.path}"
            f"{_refined_by(stream)}."
        )
    return lines


def _part_line(mixed: MixedBatches) -> str:
    plan = mixed.plan
    if not plan.n_generated:
        return f"every training batch holds {plan.size} simulated images."
    return (
        f"every training batch of {plan.size} images holds {plan.n_simulated} simulated and "
        f"{plan.n_generated} generated ones ({plan.n_generated / plan.size:.1%})."
    )


def result_lines(mixed: MixedBatches, source: SyntheticSource) -> list[str]:
    """Say what was mixed, after the training."""
    tallies = mixed.tally()
    n_generated = sum(tally.mixed for tally in tallies)
    n_simulated = mixed.n_simulated_seen
    share = n_generated / max(n_generated + n_simulated, 1)
    lines = [
        f"in {mixed.epochs} epochs {n_generated} generated and {n_simulated} simulated images "
        f"were trained on ({share:.1%} generated)."
    ]
    lines += [
        f"{_describe(stream)}: {tally.mixed} images; {tally.acceptance:.1%} of "
        f"{tally.generated} generated ones passed the quality cut."
        for stream, tally in zip(source.streams, tallies, strict=True)
    ]
    lines += [
        f"{_describe(stream)}: each image was chosen among {stream.sampler.candidates}, of which "
        f"{stream.sampler.acceptance:.0%} counted in the mean."
        for stream in source.streams
        if isinstance(stream, RegionStream) and stream.sampler.candidates > 1
    ]
    return lines


def record(mixed: MixedBatches, source: SyntheticSource) -> dict:
    """The same as plain values, for a file beside the trained model."""
    return {
        "epochs": mixed.epochs,
        "batches_per_epoch": mixed.steps,
        "simulated_per_batch": mixed.plan.n_simulated,
        "generated_per_batch": mixed.plan.n_generated,
        "schedule": mixed.plan.schedule.model_dump(),
        "sample_weight": mixed.sample_weight,
        "symmetries": mixed.n_turns,
        "regions": [
            {
                "bundle": str(stream.region.bundle.path),
                "bundle_id": str(stream.region.bundle.meta.bundle_id),
                "refiner_id": stream.refiner_id,
                "region": stream.region.region.model_dump(mode="json"),
                "class": _class_name(stream),
                "share": stream.region.share,
                "seed": stream.seed,
                "quality_cut": str(stream.selection),
                "images_generated": tally.generated,
                "images_accepted": tally.accepted,
                "images_mixed": tally.mixed,
            }
            for stream, tally in zip(source.streams, mixed.tally(), strict=True)
        ],
    }


def _describe(stream: RegionStream) -> str:
    return f"region {stream.number + 1} ({stream.region.region.describe()})"


def _refined_by(stream: RegionStream) -> str:
    return f", refined by {stream.refiner_id}" if stream.refiner_id else ""


def _class_name(stream: RegionStream) -> str:
    return "signal" if stream.region.is_signal else "background"
