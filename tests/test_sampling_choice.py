"""Images chosen among candidates by the bundle's critic."""

import numpy as np
import pytest
from augment_fakes import make_untrained_bundle

from ctlearn_gan_aug.bundle import load_bundle
from ctlearn_gan_aug.errors import UserError
from ctlearn_gan_aug.sampling.choice import ChoosingSampler, new_sampler
from ctlearn_gan_aug.sampling.generate import Sampler

N, K = 24, 4


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    from ctlearn_gan_aug.data.toy.simulate import simulate

    path = tmp_path_factory.mktemp("data") / "gamma.dl1.h5"
    simulate("gamma", 60, 1, path)
    return path


@pytest.fixture(scope="module")
def bundle(file, tmp_path_factory):
    return load_bundle(
        make_untrained_bundle(file, tmp_path_factory.mktemp("b") / "bundle", with_critic=True)
    )


@pytest.fixture
def encoded(bundle):
    return bundle.labels.encode(bundle.label_table[:N])


def candidates_of(bundle, encoded, seed=1):
    """All candidates of the images, (N, K, n_pixels, n_channels)."""
    every = np.arange(N * K)
    pixels = Sampler(bundle, seed).images(every, np.repeat(encoded, K, axis=0))
    return pixels.reshape(N, K, *pixels.shape[1:])


def scored_by(sampler, score):
    sampler._scores.predict_on_batch = lambda inputs: score(inputs[0])


def test_the_critic_decides(bundle, encoded):
    sampler = ChoosingSampler(bundle, K, seed=1)
    scored_by(sampler, lambda pixels: 1e4 * pixels[..., 0].sum(axis=1))
    images = sampler.images(np.arange(N), encoded)
    every = candidates_of(bundle, encoded)
    brightest = every[..., 0].sum(axis=2).argmax(axis=1)
    np.testing.assert_allclose(images, every[np.arange(N), brightest], rtol=1e-4, atol=1e-3)
    assert sampler.acceptance == pytest.approx(1 / K, rel=0.1)


def test_a_critic_without_opinion_takes_any(bundle, encoded):
    sampler = ChoosingSampler(bundle, K, seed=1)
    scored_by(sampler, lambda pixels: np.zeros(len(pixels)))
    images = sampler.images(np.arange(N), encoded)
    assert sampler.acceptance == pytest.approx(1.0)
    distance = np.abs(candidates_of(bundle, encoded) - images[:, None]).max(axis=(2, 3))
    chosen = np.bincount(distance.argmin(axis=1), minlength=K)
    assert (chosen > 0).all()


def test_chances_follow_density_ratios(bundle):
    """Two candidates, one e times as likely under simulation: chosen in 73 % of the cases."""
    sampler = ChoosingSampler(bundle, 2, seed=1)
    weights = sampler._weights
    scored_by(sampler, lambda pixels: pixels[:, 0, 0])
    n = 4000
    pixels = np.tile(np.array([1.0, 0.0]), n)[:, None, None]
    chance = weights(pixels, np.zeros((2 * n, 1)))[:, 0]
    np.testing.assert_allclose(chance, np.e / (1 + np.e))
    drawn = sampler._chances(np.arange(n))[:, 0]
    assert (drawn < chance).mean() == pytest.approx(0.731, abs=0.03)


def test_an_image_does_not_depend_on_its_batch(bundle, encoded):
    sampler = ChoosingSampler(bundle, K, seed=1)
    numbers = np.arange(N)
    all_at_once = sampler.images(numbers, encoded)
    again = ChoosingSampler(bundle, K, seed=1, batch_size=16)
    parts = [again.images(numbers[i : i + 6], encoded[i : i + 6]) for i in range(0, N, 6)]
    np.testing.assert_allclose(np.concatenate(parts), all_at_once, rtol=1e-4, atol=1e-3)
    other = ChoosingSampler(bundle, K, seed=2).images(numbers, encoded)
    assert not np.allclose(other, all_at_once)


def test_one_candidate_is_a_plain_sampler(bundle):
    assert type(new_sampler(bundle, 1)) is Sampler
    assert isinstance(new_sampler(bundle, 1, candidates=3), ChoosingSampler)


def test_a_bundle_without_critic_says_so(file, tmp_path):
    plain = load_bundle(make_untrained_bundle(file, tmp_path / "bundle"))
    with pytest.raises(UserError, match="holds no critic"):
        ChoosingSampler(plain, K)
    with pytest.raises(UserError, match="choose among 1 to 64"):
        ChoosingSampler(plain, 65)
