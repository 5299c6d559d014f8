"""A dense layer, y = a(Wx + b), and a linear one that shares its weights."""

from __future__ import annotations

from numbers import Integral
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from layerwise.errors import OptionError
from layerwise.units import Activation, activation_named

__all__ = ["Dense", "TiedLinear", "is_size", "unset_linear"]


class Dense(nn.Module):
    r"""A linear map, a shift and an activation: :math:`y = a(Wx + b)`.

    Weights and bias start at zero; :func:`~layerwise.networks.initialise` draws them.

    Parameters
    ----------
    in_features, out_features : int
        How many values a row has before and after it.
    activation : str or Activation
    bias : bool
        Whether there is a shift.

    Raises
    ------
    OptionError
        A size that is no whole number of at least 1, or an unknown activation.

    Examples
    --------
    >>> import torch
    >>> from layerwise.networks import Dense, initialise
    >>> from layerwise.randomness import RandomStream
    >>> layer = Dense(3, 2, "tanh")
    >>> initialise(layer, "glorot_uniform", RandomStream(0))
    >>> layer(torch.zeros(4, 3)).shape
    torch.Size([4, 2])
    """

    weight: nn.Parameter
    """(out, in)"""
    bias: nn.Parameter | None
    """(out,)"""

    def __init__(
        self,
        in_features: int,
        out_features: int,
        activation: str | Activation = "identity",
        bias: bool = True,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        for name, size in (("in_features", in_features), ("out_features", out_features)):
            if not is_size(size):
                raise OptionError(name, size, "must be a whole number of at least 1")
        self.in_features, self.out_features = in_features, out_features
        self.activation = activation_named(activation) if isinstance(activation, str) else activation
        self.weight = nn.Parameter(torch.zeros(out_features, in_features, device=device, dtype=dtype))
        self.bias = nn.Parameter(torch.zeros(out_features, device=device, dtype=dtype)) if bias else None

    def extra_repr(self) -> str:
        """Show sizes and activation."""
        return f"{self.in_features} → {self.out_features}, {self.activation}" + ("" if self.has_bias else ", no bias")

    @property
    def has_bias(self) -> bool:
        """Whether there is a shift."""
        return self.bias is not None

    def pre_activation(self, x: Tensor) -> Tensor:
        """Wx + b, row by row.

        Parameters
        ----------
        x : Tensor of shape (batch, in)

        Returns
        -------
        Tensor of shape (batch, out)
        """
        return functional.linear(x, self.weight, self.bias)

    def forward(self, x: Tensor) -> Tensor:
        """a(Wx + b), row by row.

        Parameters
        ----------
        x : Tensor of shape (batch, in)

        Returns
        -------
        Tensor of shape (batch, out)
        """
        return self.activation.value(self.pre_activation(x))

    def to_linear(self) -> nn.Linear:
        """The layer without its activation as torch's own, which shares the parameters."""
        linear = nn.Linear(self.in_features, self.out_features, bias=self.has_bias, device="meta")
        linear.weight = self.weight
        if self.bias is not None:
            linear.bias = self.bias
        return linear


class TiedLinear(nn.Module):
    """A linear map by the transpose of another layer's weights, with a shift of its own.

    Parameters
    ----------
    dense : Dense or torch.nn.Linear
        Whose weights are used; they stay its own, and count once among the network's parameters.

    Examples
    --------
    >>> import torch
    >>> from layerwise.networks import Dense
    >>> TiedLinear(Dense(5, 2))(torch.zeros(3, 2)).shape
    torch.Size([3, 5])
    """

    bias: nn.Parameter
    """(out,)"""

    def __init__(self, dense: Dense | nn.Linear) -> None:
        super().__init__()
        self._dense = (dense,)  # in a tuple, so that torch does not count it as a part of this layer
        self.bias = nn.Parameter(dense.weight.new_zeros(dense.in_features))

    @property
    def source(self) -> Dense | nn.Linear:
        """The layer whose weights these are."""
        return self._dense[0]

    @property
    def weight(self) -> Tensor:
        """(out, in): the other layer's, transposed."""
        return self.source.weight.T

    def extra_repr(self) -> str:
        """Show the sizes."""
        return f"{self.source.out_features} → {self.source.in_features}, tied"

    def forward(self, x: Tensor) -> Tensor:
        """Wᵀx + b, row by row.

        Parameters
        ----------
        x : Tensor of shape (batch, in)

        Returns
        -------
        Tensor of shape (batch, out)
        """
        return functional.linear(x, self.weight, self.bias)


def is_size(value: object) -> bool:
    """Whether a layer can have so many units: a whole number of at least 1, which a boolean is not."""
    return not isinstance(value, bool) and isinstance(value, Integral) and int(value) >= 1


def unset_linear(below: int, above: int) -> nn.Linear:
    """A linear layer without torch's own draws, which would come from a second stream of randomness."""
    return cast(nn.Linear, nn.utils.skip_init(nn.Linear, below, above))
