"""The zoo's models of torchvision: every one that it lists, with seeded weights."""
import functools

import torch
import torchvision
from torchvision import models
from zoo_plain import Entry

IMAGE = {"inception_v3": 299, "swin_v2_t": 256, "swin_v2_s": 256, "swin_v2_b": 256, "vit_h_14": 224}
# Parameters of more than 2 GB: exported only when asked for by name.
HUGE = {"regnet_y_128gf", "vit_h_14"}
VIDEO = {"mvit_v1_b": (16, 224), "mvit_v2_s": (16, 224), "s3d": (16, 224)}
# Classes' scores of a new detector are all alike; spread out, an order of boxes exists that rounding does not turn over.
SCORES = ("cls_logits", "cls_score")
SPREAD = 2.0  # standard deviation of a class's logit
THRESHOLDS = {"rcnn": 0.15, "ssd": 0.2, "fcos": 0.4, "retinanet": 0.3}


class Detector(torch.nn.Module):
    """A detector: the first image's boxes."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, *images):
        return self.model(list(images))[0]

    def spread_scores(self, images):
        """Makes the layers that tell classes apart do so."""
        seen = {}

        def note(module, _, output):
            seen.setdefault(module, []).append(output.detach().flatten())

        layers = [layer for name, layer in self.named_modules() if name.endswith(SCORES)]
        layers += [[each for each in head.modules() if isinstance(each, torch.nn.Conv2d)][-1]
                   for name, head in self.named_modules() if "classification_head.module_list." in name and name[-1].isdigit()
                   and name.count(".") == 4]
        for layer in layers:
            handle = layer.register_forward_hook(note)
            with torch.no_grad():
                self(*images)
                layer.weight *= SPREAD / torch.cat(seen[layer]).std()
            handle.remove()


class Flow(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, first, second):
        return self.model(first, second, num_flow_updates=3)[-1]


def classification(name):
    size = IMAGE.get(name, 224)
    extra = {"aux_logits": False, "init_weights": False} if name in ("googlenet", "inception_v3") else {}
    model = models.get_model(name, weights=None, **extra)
    return Entry(model, [(torch.randn(batch, 3, size, size),) for batch in (2, 1, 3)], ["x"], {"x": {0: "batch"}})


def segmentation(name):
    model = models.get_model(name, weights=None, weights_backbone=None)
    shapes = [(2, 3, 128, 128), (1, 3, 128, 128)]
    return Entry(model, [(torch.randn(shape),) for shape in shapes], ["x"], {"x": {0: "batch"}})


def video(name):
    frames, size = VIDEO.get(name, (8, 112))
    model = models.get_model(name, weights=None)
    return Entry(model, [(torch.randn(batch, 3, frames, size, size),) for batch in (2, 1)], ["x"], {"x": {0: "batch"}})


def detection(name):
    threshold = next(value for kind, value in THRESHOLDS.items() if kind in name)
    limits = {"detections_per_img": 20, "score_thresh": threshold}
    if "rcnn" in name:
        limits = {f"box_{key}": value for key, value in limits.items()}
    size = 300 if name == "ssd300_vgg16" else 320
    more = {} if name.startswith("ssd") else {"min_size": 320, "max_size": 320}
    model = Detector(models.get_model(name, weights=None, weights_backbone=None, **limits, **more))
    images = [torch.rand(3, size, size) for _ in range(6)]
    return Entry(model, [(image,) for image in images[:2]], ["image"], {}, calibration=tuple(images[2:]), prepare=model.spread_scores)


def optical_flow(name):
    model = models.get_model(name, weights=None)
    pair = [(torch.rand(batch, 3, 128, 128) * 2 - 1, torch.rand(batch, 3, 128, 128) * 2 - 1) for batch in (1, 2)]
    return Entry(Flow(model), pair, ["first", "second"], {"first": {0: "batch"}, "second": {0: "batch"}})


MODULES = {
    "classification": (models, classification),
    "segmentation": (models.segmentation, segmentation),
    "detection": (models.detection, detection),
    "video": (models.video, video),
    "optical flow": (models.optical_flow, optical_flow),
}


def makers():
    """{family: {name: maker}}"""
    return {family: {name: functools.partial(make, name) for name in models.list_models(module=module)}
            for family, (module, make) in MODULES.items()}
