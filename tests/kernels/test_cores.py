"""Small products get one thread, large ones all, and what was given comes back."""

from __future__ import annotations

import pytest
import torch

from layerwise.kernels.cores import SHARE, cores_for


def test_only_small_products_are_left_to_one_thread() -> None:
    given = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with cores_for(2 * SHARE - 1):
            assert torch.get_num_threads() == 1
            with cores_for(2 * SHARE):
                assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
        with cores_for(2 * SHARE):
            assert torch.get_num_threads() == 2
        with pytest.raises(ZeroDivisionError), cores_for(1):
            raise ZeroDivisionError
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(given)
