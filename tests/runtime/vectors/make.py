#!/usr/bin/python3
"""Makes vectors/pytorch with Debian's PyTorch: a small seeded network, its input and its answer.

usage: tests/runtime/vectors/make.py
"""
import pathlib
import warnings

import torch
from torch import nn

FOLDER = pathlib.Path(__file__).resolve().parent / "pytorch"


class SmallCnn(nn.Module):
    """float32 [batch, 3, 17, 15] to float32 [batch, 5]: a little of everything that the demo's models have."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 12, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(12), nn.ReLU6(),
                                  nn.MaxPool2d(3, stride=2, padding=1))
        self.depthwise = nn.Sequential(nn.Conv2d(12, 12, 3, padding=1, groups=12), nn.BatchNorm2d(12), nn.Hardswish())
        self.pointwise = nn.Sequential(nn.Conv2d(12, 20, 1), nn.BatchNorm2d(20))
        self.shortcut = nn.Conv2d(12, 20, 1, bias=False)
        self.block = nn.Sequential(nn.Conv2d(20, 20, 3, padding=1), nn.BatchNorm2d(20), nn.ReLU(),
                                   nn.Conv2d(20, 20, 3, padding=1), nn.BatchNorm2d(20))
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(20, 20, 1), nn.Sigmoid())
        self.head = nn.Sequential(nn.Dropout(0.5), nn.Linear(20, 24), nn.Tanh(), nn.Linear(24, 5), nn.Softmax(1))

    def forward(self, images):
        x = self.stem(images)
        x = torch.relu(self.pointwise(self.depthwise(x)) + self.shortcut(x))
        x = torch.relu(self.block(x) + x)
        x = x * self.gate(x)
        x = nn.functional.avg_pool2d(x, 2, stride=1, padding=1, count_include_pad=False).mean((2, 3), keepdim=True)
        return self.head(x.view(x.size(0), -1))


def main():
    torch.manual_seed(5)
    model = SmallCnn()
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.2)
                module.running_var.uniform_(0.5, 1.5)
                module.weight.uniform_(0.5, 1.5)
                module.bias.normal_(0, 0.2)
    model.eval()
    images = torch.randn(3, 3, 17, 15)
    FOLDER.mkdir(exist_ok=True)
    warnings.simplefilter("ignore")
    names = dict(input_names=["input"], output_names=["output"], opset_version=13,
                 dynamic_axes={"input": {0: "batch"}, "output": {0: "batch"}})
    torch.onnx.export(model, images, FOLDER / "small_cnn.onnx", **names)
    # The same with batch norm as nodes of its own and parameters not yet folded.
    torch.onnx.export(model, images, FOLDER / "small_cnn_training_form.onnx", do_constant_folding=False,
                      training=torch.onnx.TrainingMode.PRESERVE, **names)
    with torch.no_grad():
        (FOLDER / "small_cnn_output.f32").write_bytes(model(images).numpy().tobytes())
    (FOLDER / "small_cnn_input.f32").write_bytes(images.numpy().tobytes())


if __name__ == "__main__":
    main()
