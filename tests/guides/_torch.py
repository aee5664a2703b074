"""What the guides write by hand for PyTorch."""

import torch


def minimize(model, optimizer, part, loss_of):
    """Update the weights of a part of a model by one step down a loss, which may build it."""
    model.zero_grad()
    loss = loss_of()
    loss.backward()
    weights = part.trainable_weights
    with torch.no_grad():
        optimizer.apply([weight.value.grad for weight in weights], weights)
    return loss.detach()


def input_gradient(function, x):
    """Return the gradient of a function's sum at `x`, through which gradients may pass."""
    x = x.detach().requires_grad_()
    return torch.autograd.grad(function(x).sum(), x, create_graph=True)[0]


def stateful_normal(shape):
    return torch.randn(*shape)
