r"""Convolutional autoencoders: the same small filters at every place of a picture, and pooling between them.

A map of an encoder's layer has one weight for each place of a small window and each map below, wherever it looks [1]_:

.. math:: z_{jyx} = b_j + \sum_i \sum_{u,v} W_{jiuv}\, h_{i,\,y+u,\,x+v}

Pooling keeps the greatest value of each 2 × 2 square, so that the maps above are half as high and half as wide; the
decoder repeats each value as often before it convolves, which leaves none of the chequered patterns of transposed
convolutions [3]_. Filters are learned with the whole, as of a stack's layer in [2]_.

References
----------
.. [1] Y. LeCun, L. Bottou, Y. Bengio, P. Haffner (1998). Gradient-based learning applied to document recognition.
   Proceedings of the IEEE 86.
.. [2] J. Masci, U. Meier, D. Cireşan, J. Schmidhuber (2011). Stacked convolutional auto-encoders for hierarchical
   feature extraction. ICANN.
.. [3] A. Odena, V. Dumoulin, C. Olah (2016). Deconvolution and checkerboard artifacts. Distill.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import cast

from torch import nn

from layerwise.errors import OptionError
from layerwise.networks.autoencoder import Autoencoder
from layerwise.networks.dense import Dense
from layerwise.networks.initialisation import initialise
from layerwise.networks.network import Network
from layerwise.randomness import RandomStream
from layerwise.units import Activation, activation_named, module_of

__all__ = ["convolutional_autoencoder"]

Modules = OrderedDict[str, nn.Module]


def convolutional_autoencoder(
    picture: Sequence[int],
    channels: Sequence[int] = (16, 32),
    code: int = 30,
    *,
    kernel: int = 3,
    activation: str | Activation = "relu",
    output: str | Activation = "identity",
    code_activation: str | Activation = "identity",
    initialisation: str = "he_uniform",
    gain: float | None = None,
    random: RandomStream,
) -> Autoencoder:
    """An autoencoder of flat, row-major pictures, with convolution and pooling.

    Every stage of the encoder is a convolution with zeros around the picture, its activation, and the greatest of each
    2 × 2 square; a dense layer makes the code of the last maps. The decoder does the same backwards and gives each
    picture back in its own size, whether or not that can be halved.

    Parameters
    ----------
    picture : (int, int)
        Height and width. Rows have height · width values.
    channels : sequence of int
        How many maps each stage has, from the picture upwards.
    code : int
        Size of the code.
    kernel : int
        Height and width of the filters, odd.
    activation, output, code_activation : str or Activation
        Of the hidden layers, of the rows that come back, and of the code.
    initialisation, gain : str, float
        See :func:`~layerwise.networks.initialise`. What reaches a unit is counted by its window: kernel² · maps below.
    random : RandomStream
        One or two positions a layer are taken.

    Returns
    -------
    Autoencoder
        Its encoder has layers ``conv1``, ``pool1``, …, ``code``, its decoder ``hidden``, ``up1``, ``conv1``, …,
        ``output``.

    Raises
    ------
    OptionError
        A size below 1, a kernel that has no middle, more stages than the picture can be halved, or an unknown name.

    Examples
    --------
    >>> import torch
    >>> network = convolutional_autoencoder((7, 5), channels=(4, 8), code=3, random=RandomStream(0))
    >>> rows = torch.zeros(2, 35)
    >>> network.encoder(rows).shape, network(rows).shape
    (torch.Size([2, 3]), torch.Size([2, 35]))
    >>> [tuple(maps.output.shape[1:]) for maps in network.encoder.values(rows).values()]
    [(1, 7, 5), (4, 7, 5), (4, 4, 3), (8, 4, 3), (8, 2, 2), (32,), (3,)]
    """
    sizes = _sizes(picture, len(channels))
    for name, counts in (("channels", channels), ("code", (code,))):
        if not counts or min(counts) < 1:
            raise OptionError(name, tuple(counts), "must be at least 1, each of them", "start with (16, 32) and 30")
    if kernel < 1 or kernel % 2 == 0:
        rule = "must be odd, so that a filter has a middle"
        raise OptionError("kernel", kernel, rule, "make it 3 or 5")
    between, last = _activation(activation), _activation(output)
    if between.jacobian_product is not None:
        rule = "units of a map must not depend on each other"
        raise OptionError("activation", between.name, rule, "try 'relu'")

    maps, (height, width) = (1, *channels), sizes[-1]
    flat = maps[-1] * height * width
    up: Modules = OrderedDict(picture=nn.Unflatten(1, (1, *sizes[0])))
    for stage in range(1, len(maps)):
        up[f"conv{stage}"] = _convolution(maps[stage - 1], maps[stage], kernel)
        up[f"conv{stage}_activation"] = module_of(between)
        up[f"pool{stage}"] = nn.MaxPool2d(2, ceil_mode=True)  # of an odd side the last line is pooled by itself
    up["flat"] = nn.Flatten()
    up["code"] = Dense(flat, code, code_activation)

    down: Modules = OrderedDict(hidden=Dense(code, flat, between), maps=nn.Unflatten(1, (maps[-1], height, width)))
    for number, stage in enumerate(range(len(channels), 0, -1), 1):
        down[f"up{number}"] = nn.Upsample(size=sizes[stage - 1])
        convolution = _convolution(maps[stage], maps[stage - 1], kernel)
        if stage > 1:
            down[f"conv{number}"] = convolution
            down[f"conv{number}_activation"] = module_of(between)
        else:
            down["output"] = convolution
    # After them all, where a loss that has it in itself finds it.
    down["flat"] = nn.Flatten()
    down["output_activation"] = module_of(last)

    network = Autoencoder(Network(up), Network(down))
    initialise(network, initialisation, random, gain)
    return network


def _sizes(picture: Sequence[int], stages: int) -> list[tuple[int, int]]:
    """Height and width of the picture and after each pooling."""
    if len(picture) != 2 or min(picture) < 1:
        raise OptionError("picture", tuple(picture), "must be a height and a width", "give (28, 28) for 784 columns")
    height, width = picture
    sizes = [(height, width)]
    for stage in range(1, stages + 1):
        if min(height, width) < 2:
            rule = f"a picture of {picture[0]} × {picture[1]} is {height} × {width} before stage {stage}"
            raise OptionError("channels", f"{stages} stages", rule, f"give {stage - 1} at most")
        height, width = (height + 1) // 2, (width + 1) // 2
        sizes.append((height, width))
    return sizes


def _convolution(below: int, above: int, kernel: int) -> nn.Conv2d:
    """A convolution that keeps height and width, without torch's own draws: a second stream of randomness."""
    made = nn.utils.skip_init(nn.Conv2d, below, above, kernel, padding=kernel // 2)
    return cast(nn.Conv2d, made)


def _activation(which: str | Activation) -> Activation:
    return activation_named(which) if isinstance(which, str) else which
