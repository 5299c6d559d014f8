r"""Autoencoders: an encoder that makes a code of each row, and a decoder that makes the row of its code again.

.. math:: h = e(x), \qquad \hat x = d(h)

A *tied* decoder uses the encoder's weights the other way round and has biases of its own, which halves what is to be
learned and keeps both from working against each other in scale [1]_.

References
----------
.. [1] P. Vincent, H. Larochelle, I. Lajoie, Y. Bengio, P.-A. Manzagol (2010). Stacked denoising autoencoders. JMLR 11.
.. [2] G. E. Hinton, R. R. Salakhutdinov (2006). Reducing the dimensionality of data with neural networks. Science 313.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, cast

from torch import nn

from layerwise.errors import OptionError
from layerwise.networks.dense import TiedLinear
from layerwise.networks.network import Network
from layerwise.randomness import RandomStream
from layerwise.units import Activation, activation_named, module_of

__all__ = ["Autoencoder"]


class Autoencoder(Network):
    """Two networks one after the other: ``encoder`` and ``decoder``.

    Parameters
    ----------
    encoder, decoder : torch.nn.Sequential

    Examples
    --------
    >>> import torch
    >>> from layerwise.randomness import RandomStream
    >>> network = Autoencoder.of_sizes((8, 4, 2), "tanh", random=RandomStream(0))
    >>> network.encoder(torch.zeros(3, 8)).shape, network(torch.zeros(3, 8)).shape
    (torch.Size([3, 2]), torch.Size([3, 8]))
    """

    encoder: nn.Sequential
    """From rows to codes."""
    decoder: nn.Sequential
    """From codes to rows."""

    def __init__(self, encoder: nn.Sequential, decoder: nn.Sequential) -> None:
        super().__init__(OrderedDict[str, nn.Module](encoder=encoder, decoder=decoder))

    @classmethod
    def of_sizes(
        cls,
        sizes: Sequence[int],
        activation: str | Activation = "relu",
        output: str | Activation = "identity",
        *,
        code: str | Activation | None = None,
        tied: bool = False,
        initialisation: str = "he_uniform",
        gain: float | None = None,
        normalisation: str | None = None,
        random: RandomStream,
    ) -> Autoencoder:
        """Dense layers down to the code and the same sizes back, with random weights.

        Parameters
        ----------
        sizes : sequence of int
            Columns of the data, the size of each hidden layer, and the size of the code.
        activation, output, code : str or Activation
            Of the hidden layers, of the rows that come back, and of the code (that of the hidden layers if left out).
        tied : bool
            Whether the decoder uses the encoder's weights.
        initialisation, gain : str, float
            See :func:`~layerwise.networks.initialise`.
        normalisation : {"batch", "layer"}, optional
            Of the hidden layers, not of the code; see :meth:`Network.of_sizes`. Not with a tied decoder.
        random : RandomStream

        Raises
        ------
        OptionError
            Fewer than two sizes, a size below 1, an unknown name, or a tied decoder with normalisation.
        """
        if tied and normalisation is not None:
            rule = "is for a decoder of its own: the scale that it takes away is what a tied one shares"
            raise OptionError("normalisation", normalisation, rule, "leave it out, or tied=False")
        drawn: dict[str, Any] = {"initialisation": initialisation, "gain": gain, "random": random}
        last = activation if code is None else code
        encoder = Network.of_sizes(sizes, activation, last, normalisation=normalisation, **drawn)
        if tied:
            return cls(encoder, _tied_decoder(encoder, activation, output))
        back = tuple(reversed(sizes))
        return cls(encoder, Network.of_sizes(back, activation, output, normalisation=normalisation, **drawn))

    @classmethod
    def from_sequential(cls, sequential: nn.Sequential) -> Autoencoder:
        """A user's own network of two, encoder and decoder, as one of these; it shares the modules.

        Raises
        ------
        OptionError
            It does not hold two networks.
        """
        parts = list(sequential)
        if len(parts) != 2 or not all(isinstance(part, nn.Sequential) for part in parts):
            rule = "must hold two torch.nn.Sequential, an encoder and a decoder"
            raise OptionError("sequential", [type(part).__name__ for part in parts], rule)
        return cls(*cast("list[nn.Sequential]", parts))

    @property
    def tied(self) -> bool:
        """Whether the decoder uses the encoder's weights."""
        return any(isinstance(module, TiedLinear) for module in self.decoder.modules())


def _tied_decoder(encoder: Network, activation: str | Activation, output: str | Activation) -> nn.Sequential:
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    below = [layer.dense for layer in encoder.layers]
    for number, dense in enumerate(reversed(below), 1):
        assert dense is not None  # Network.of_sizes makes no other
        which = output if number == len(below) else activation
        name = "output" if number == len(below) else f"hidden{number}"
        layers[name] = TiedLinear(dense)
        layers[f"{name}_activation"] = module_of(activation_named(which) if isinstance(which, str) else which)
    return nn.Sequential(layers)
