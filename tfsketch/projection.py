"""Contextual GAN's search under its public name, `tfsketch.projection.project`; it lives with its system."""

import sys

from tfsketch.systems.contextual_gan import projection

sys.modules[__name__] = projection
