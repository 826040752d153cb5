"""Makes an mnist.npz out of scikit-learn's digits, where MNIST cannot be downloaded.

    python3 make_mnist.py FILE

The same names, shapes and types as MNIST's own file: 60000 and 10000 images of 28x28 uint8, labels
uint8. Each of the 1797 digits (8x8, 16 greys) is scaled up and shows up many times, shifted and
with noise; the two parts share no digit. The same seed gives the same arrays.
"""

import os
import sys
import tempfile

import numpy
from sklearn.datasets import load_digits

SEED = 1
TRAIN_IMAGES = 60000
TEST_IMAGES = 10000
TEST_SHARE = 0.2
SIDE = 28
DIGIT_SIDE = 22  # Leaves a margin of 3 pixels on each side, as MNIST has, to shift within.
SHIFT_MAX = 3
NOISE = 12.0


def scaled_up(images):
    """8x8 to DIGIT_SIDE x DIGIT_SIDE, bilinear, in greys of 0 to 255."""
    at = numpy.linspace(0, images.shape[1] - 1, DIGIT_SIDE)
    low = numpy.minimum(at.astype(int), images.shape[1] - 2)
    part = at - low
    rows = images[:, low] * (1 - part)[:, None] + images[:, low + 1] * part[:, None]
    return (rows[:, :, low] * (1 - part) + rows[:, :, low + 1] * part) * (255 / 16)


def varied(digits, labels, count, rng):
    """`count` images, each one of `digits` at a random place with noise, and their labels."""
    chosen = rng.integers(0, len(digits), count)
    images = rng.normal(0, NOISE, (count, SIDE, SIDE)).astype(numpy.float32)
    margin = (SIDE - DIGIT_SIDE) // 2
    shifts = rng.integers(-SHIFT_MAX, SHIFT_MAX + 1, (count, 2)) + margin
    for image, digit, (top, left) in zip(images, chosen, shifts):
        image[top : top + DIGIT_SIDE, left : left + DIGIT_SIDE] += digits[digit]
    return images.clip(0, 255).astype(numpy.uint8), labels[chosen].astype(numpy.uint8)


def main(path):
    rng = numpy.random.default_rng(SEED)
    data = load_digits()
    digits = scaled_up(data.images)
    order = rng.permutation(len(digits))
    test = order[: int(len(order) * TEST_SHARE)]
    train = order[len(test) :]
    x_train, y_train = varied(digits[train], data.target[train], TRAIN_IMAGES, rng)
    x_test, y_test = varied(digits[test], data.target[test], TEST_IMAGES, rng)
    # In place at once: a run that was interrupted here leaves no half file to be taken for whole.
    folder = os.path.dirname(os.path.abspath(path))
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".npz", delete=False) as file:
        numpy.savez(file, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    os.chmod(file.name, 0o644)
    os.replace(file.name, path)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
