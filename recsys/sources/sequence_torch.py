"""The network of `sequence_net`: the only recommender module that imports torch at its top."""

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from recsys.arrays import Floats, Ints
from recsys.sources.storage import Arrays

if TYPE_CHECKING:
    from recsys.sources.sequence_net import SequenceNetConfig

BATCH_SIZE = 128


class Network(nn.Module):  # type: ignore[misc]
    """Items and positions embedded, causal self-attention, one vector per position."""

    def __init__(self, n_items: int, config: "SequenceNetConfig") -> None:
        super().__init__()
        self.items = nn.Embedding(n_items + 1, config.factors, padding_idx=0)
        self.positions = nn.Embedding(config.length, config.factors)
        nn.init.normal_(self.items.weight, std=config.factors**-0.5)
        nn.init.normal_(self.positions.weight, std=0.02)
        width = 2 * config.factors
        layer = nn.TransformerEncoderLayer(
            config.factors, config.heads, width, config.dropout, "gelu", batch_first=True, norm_first=True
        )
        self.blocks = nn.TransformerEncoder(
            layer, config.layers, nn.LayerNorm(config.factors), enable_nested_tensor=False
        )
        self.dropout = nn.Dropout(config.dropout)
        ahead = torch.triu(torch.ones(config.length, config.length, dtype=torch.bool), 1)
        self.register_buffer("ahead", ahead, persistent=False)

    def forward(self, sequences: Any) -> Any:
        """Return float[batch, length, factors] from item codes + 1 int[batch, length]."""
        length = sequences.shape[1]
        embedded = self.dropout(self.items(sequences) + self.positions.weight[-length:])
        # padding may be looked at by padding only, else a row of nothing but masks would give NaN
        hidden = (sequences == 0).unsqueeze(1) & (sequences != 0).unsqueeze(2)
        mask = (self.ahead | hidden).repeat_interleave(self.blocks.layers[0].self_attn.num_heads, 0)
        return self.blocks(embedded, mask=mask)


def train(windows: Ints, n_items: int, config: "SequenceNetConfig") -> Arrays:
    """Return the weights of the network that did best on a tenth of the windows, by name."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(config.seed)
    rng = np.random.default_rng(config.seed)
    network = Network(n_items, config).to(device)
    rows = rng.permutation(len(windows))
    held, learnt = rows[: len(rows) // 10], rows[len(rows) // 10 :]
    counts = np.bincount(windows.ravel(), minlength=n_items + 1).astype(np.float64) + 1.0
    counts[0] = 0
    chance = torch.tensor(counts / max(1.0, counts.sum()), dtype=torch.float32, device=device)
    optimizer = torch.optim.Adam(network.parameters(), lr=config.learning_rate)
    best, weights, waited = np.inf, deepcopy(network.state_dict()), 0
    for _ in range(config.epochs if len(learnt) else 0):
        network.train()
        for start in range(0, len(learnt), BATCH_SIZE):
            block = torch.from_numpy(windows[learnt[start : start + BATCH_SIZE]]).long().to(device)
            loss = _loss(network, block, chance, config.negatives)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        learnt = rng.permutation(learnt)
        error = _held_out(network, windows[held if len(held) else learnt], chance, config)
        waited = 0 if error < best else waited + 1
        if error < best:
            best, weights = error, deepcopy(network.state_dict())
        if waited >= config.patience:
            break
    return {f"net.{name}": tensor.cpu().numpy() for name, tensor in weights.items()}


def build(arrays: Arrays, n_items: int, config: "SequenceNetConfig") -> Network:
    """Return the network with the weights that `train` gave."""
    network = Network(n_items, config)
    weights = {name[4:]: torch.from_numpy(np.array(array)) for name, array in arrays.items() if name.startswith("net.")}
    network.load_state_dict(weights)
    network.eval()
    return network


def logits(network: Network, sequences: Ints) -> Floats:
    """Return float32[n, n_items] from padded sequences int32[n, length]."""
    with torch.inference_mode():
        last = network(torch.from_numpy(sequences).long())[:, -1]
        return np.asarray((last @ network.items.weight[1:].T).numpy(), np.float32)


def _loss(network: Network, block: Any, chance: Any, negatives: int) -> Any:
    """Return the sampled softmax loss of predicting each next item, logits corrected by log chance."""
    states, targets = network(block[:, :-1]), block[:, 1:]
    real = targets > 0
    states, targets = states[real], targets[real]
    drawn = torch.multinomial(chance, negatives, replacement=True)
    right = (states * network.items(targets)).sum(1) - torch.log(chance[targets])
    wrong = states @ network.items(drawn).T - torch.log(chance[drawn])
    wrong = wrong.masked_fill(targets.unsqueeze(1) == drawn, -1e9)
    table = torch.cat([right.unsqueeze(1), wrong], 1)
    return functional.cross_entropy(table, torch.zeros(len(table), dtype=torch.long, device=table.device))


def _held_out(network: Network, windows: Ints, chance: Any, config: "SequenceNetConfig") -> float:
    """Return the mean loss on windows, with the same drawn items each time."""
    network.eval()
    device = next(network.parameters()).device
    losses = []
    with torch.no_grad(), torch.random.fork_rng():  # on every device: training draws on as if nothing had been asked
        torch.manual_seed(config.seed)
        for start in range(0, len(windows), BATCH_SIZE):
            block = torch.from_numpy(windows[start : start + BATCH_SIZE]).long().to(device)
            losses.append(float(_loss(network, block, chance, config.negatives)) * len(block))
    return sum(losses) / max(1, len(windows))
