"""From a bundle to labelled images: regions, spectra, labels, seeded generation."""
