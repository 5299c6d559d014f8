"""rbms (TorchRBM): PCD-1 and CD-1 by its own training loop."""

from __future__ import annotations

import os

os.environ["TQDM_DISABLE"] = "1"  # read when rbms imports tqdm

import numpy as np
import rbms.training.pcd as training
import torch
from rbms.bernoulli_bernoulli.classes import BBRBM
from rbms.dataset.dataset_class import RBMDataset
from rbms.optim import setup_optim
from rbms.pre_grad import build_pre_grad_update
from rbms.sampler import CD, PCD
from serve import Setting, rate_of_epoch, serve


def _write_nothing(*_args: object, **_kwargs: object) -> None:
    """Stands in for the checkpoint that the loop writes at its last update."""


class WithRbms:
    """rbms.training.pcd.train, as many updates as the rows have batches, its sampler for PCD or CD with one Gibbs step.

    Plain gradient (its ``--no_center``) unless a centred one is asked for, plain SGD, as many chains as a batch has
    rows unless a number is given. Without its progress bar and without the checkpoint files that it writes. It draws
    each batch anew from all rows and samples its values, also where they are bits already: that is part of its loop and
    of the time.
    """

    def __init__(self, values: np.ndarray, method: str, setting: Setting) -> None:
        self.setting, self.epochs = setting, 0
        torch.manual_seed(setting["seed"])
        torch.set_num_threads(setting["threads"])
        training.save_model = training.save_sampler = _write_nothing
        count, size = len(values), setting["batch_size"]
        self.rows = RBMDataset(
            data=values,
            labels=np.full(count, -1),
            weights=np.ones(count, dtype=np.float32),
            names=np.arange(count),
            dataset_name="rows",
            variable_type="bernoulli",
            device="cpu",
            dtype=torch.float32,
        )
        self.model = BBRBM.init_parameters(setting["hidden"], self.rows, torch.device("cpu"), torch.float32)
        self.model.init_grad()
        if method == "pcd":
            self.sampler = PCD(self.model, self.model.init_chains(setting.get("chains", size)), num_steps=1)
        else:
            self.sampler = CD(self.model, num_steps=1)
        rate = {"learning_rate": setting["learning_rate"], "max_lr": 10, "scale_lr": False, "mult_optim": False}
        self.optimizer = setup_optim("sgd", {"optim": "sgd", **rate}, self.model)
        self.pre_grad = build_pre_grad_update(self.optimizer, 0.0, 0.0, normalize_grad=False, max_grad_norm=-1)
        self.size, self.updates = size, -(-count // size)

    def epoch(self) -> None:
        for optimizer in self.optimizer:
            optimizer.param_groups[0]["lr"] = rate_of_epoch(self.setting, self.epochs)
        self.epochs += 1
        training.train(
            train_dataset=self.rows,
            test_dataset=self.rows,
            params=self.model,
            sampler=self.sampler,
            optimizer=self.optimizer,
            batch_size=self.size,
            centered=self.setting.get("centred", False),
            curr_update=0,
            pre_grad_update=self.pre_grad,
            elapsed_time=0.0,
            checkpoints=np.array([], dtype=int),
            num_updates=self.updates,
            filename="",
        )

    def parameters(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self.model.weight_matrix.numpy(), self.model.vbias.numpy(), self.model.hbias.numpy()


if __name__ == "__main__":
    serve(WithRbms, "rbms", "torch", "numpy")
