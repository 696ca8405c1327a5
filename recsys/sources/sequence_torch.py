"""The network of `sequence_net`; the only recommender module that imports torch at module level."""

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
    """Embeddings of items and positions, causal self-attention, one output vector per position."""

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
        # Padding attends to padding, since a row with all keys masked would give NaN.
        hidden = (sequences == 0).unsqueeze(1) & (sequences != 0).unsqueeze(2)
        mask = (self.ahead | hidden).repeat_interleave(self.blocks.layers[0].self_attn.num_heads, 0)
        return self.blocks(embedded, mask=mask)


def train(windows: Ints, n_items: int, config: "SequenceNetConfig") -> Arrays:
    """Return the weights of the epoch with the least loss on a tenth of the windows, by name.

    `windows` is int32[n, length + 1], as `sequence_net.windows` returns.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(config.seed)
    rng = np.random.default_rng(config.seed)
    network = Network(n_items, config).to(device)
    rows = rng.permutation(len(windows))
    validation_rows, train_rows = rows[: len(rows) // 10], rows[len(rows) // 10 :]
    counts = np.bincount(windows.ravel(), minlength=n_items + 1).astype(np.float64) + 1.0
    counts[0] = 0
    chance = torch.tensor(counts / max(1.0, counts.sum()), dtype=torch.float32, device=device)
    optimizer = torch.optim.Adam(network.parameters(), lr=config.learning_rate)
    best, weights, epochs_without_gain = np.inf, deepcopy(network.state_dict()), 0
    for _ in range(config.epochs if len(train_rows) else 0):
        network.train()
        for start in range(0, len(train_rows), BATCH_SIZE):
            block = torch.from_numpy(windows[train_rows[start : start + BATCH_SIZE]]).long().to(device)
            loss = _loss(network, block, chance, config.negatives)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        train_rows = rng.permutation(train_rows)
        error = _held_out(network, windows[validation_rows if len(validation_rows) else train_rows], chance, config)
        epochs_without_gain = 0 if error < best else epochs_without_gain + 1
        if error < best:
            best, weights = error, deepcopy(network.state_dict())
        if epochs_without_gain >= config.patience:
            break
    return {f"net.{name}": tensor.cpu().numpy() for name, tensor in weights.items()}


def build(arrays: Arrays, n_items: int, config: "SequenceNetConfig") -> Network:
    """Return the network with the weights of `train`, in evaluation mode."""
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
    """Return the sampled softmax loss of each next item, with logits corrected by log probability."""
    states, targets = network(block[:, :-1]), block[:, 1:]
    real = targets > 0
    states, targets = states[real], targets[real]
    negative_items = torch.multinomial(chance, negatives, replacement=True)
    positive_logits = (states * network.items(targets)).sum(1) - torch.log(chance[targets])
    negative_logits = states @ network.items(negative_items).T - torch.log(chance[negative_items])
    negative_logits = negative_logits.masked_fill(targets.unsqueeze(1) == negative_items, -1e9)
    logits = torch.cat([positive_logits.unsqueeze(1), negative_logits], 1)
    return functional.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long, device=logits.device))


def _held_out(network: Network, windows: Ints, chance: Any, config: "SequenceNetConfig") -> float:
    """Return the mean loss on windows, with the same negative items in each epoch."""
    network.eval()
    device = next(network.parameters()).device
    losses = []
    with torch.no_grad(), torch.random.fork_rng():  # restores the random state of training, on every device
        torch.manual_seed(config.seed)
        for start in range(0, len(windows), BATCH_SIZE):
            block = torch.from_numpy(windows[start : start + BATCH_SIZE]).long().to(device)
            losses.append(float(_loss(network, block, chance, config.negatives)) * len(block))
    return sum(losses) / max(1, len(windows))
