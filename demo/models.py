"""The models of the demo, in plain PyTorch."""
import torch
from torch import nn


class FashionCnn(nn.Module):
    """Fashion-MNIST: float32 [batch, 1, 28, 28] in 0..1 to float32 [batch, 10] logits."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            *self._block(1, 24), *self._block(24, 48), *self._block(48, 96))
        self.classifier = nn.Sequential(
            nn.Flatten(), nn.Dropout(0.3), nn.Linear(96 * 3 * 3, 128), nn.ReLU(), nn.Linear(128, 10))

    @staticmethod
    def _block(channels_in, channels_out):
        return (nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False),
                nn.BatchNorm2d(channels_out), nn.ReLU(), nn.MaxPool2d(2))

    def forward(self, images):
        return self.classifier(self.features(images))


def fashion_cnn(weights):
    """The trained classifier, ready to answer. `weights` is the path of fashion_cnn.pt."""
    model = FashionCnn()
    model.load_state_dict(torch.load(weights, map_location="cpu"))
    return model.eval()


def seeded_resnet50(seed=50):
    """torchvision's ResNet-50 with weights from a seed: as large and as slow as the trained one.

    Batch norm gets statistics as training would leave them, and the last one of each block a small
    scale, so that activations stay near 1 through all fifty layers and logits near 1 too.
    """
    from torchvision.models import resnet50
    from torchvision.models.resnet import Bottleneck
    torch.manual_seed(seed)
    model = resnet50(weights=None)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(0.0, 0.1)
                module.running_var.uniform_(0.8, 1.2)
                module.weight.uniform_(0.8, 1.2)
                module.bias.normal_(0.0, 0.1)
        for module in model.modules():
            if isinstance(module, Bottleneck):
                module.bn3.weight.mul_(0.25)
    return model.eval()
