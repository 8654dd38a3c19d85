#!/usr/bin/python3
"""Writes the cases of vectors/operators: single ONNX operators, and what PyTorch answers for the same.

Run with Debian's python3 and python3-torch 1.13.1, python3-torchvision 0.14.1, python3-onnx 1.12 and python3-numpy:

    python3 make_operators.py

ONNX's own cases are few for these operators, or leave out groups, batches and padding.
"""
import itertools
import pathlib
import shutil

import numpy as np
import onnx
import torch
import torch.nn.functional as F
import torchvision
from onnx import helper, numpy_helper

FOLDER = pathlib.Path(__file__).parent / "operators"


def store(kind, values, folder):
    infos, names = [], []
    for index, value in enumerate(values):
        name = "" if value is None else f"{kind}{index}"
        names.append(name)
        if value is None:
            continue
        array = np.ascontiguousarray(value) if np.ndim(value) else np.asarray(value)
        (folder / f"{kind}_{len(infos)}.pb").write_bytes(numpy_helper.from_array(array, name).SerializeToString())
        element = onnx.mapping.NP_TYPE_TO_TENSOR_TYPE[array.dtype]
        infos.append(helper.make_tensor_value_info(name, element, array.shape))
    return names, infos


def case(name, op, inputs, outputs, opset=17, **attributes):
    """None stands for an input or output that is left out."""
    data = FOLDER / name / "test_data_set_0"
    data.mkdir(parents=True)
    in_names, in_infos = store("input", inputs, data)
    out_names, out_infos = store("output", outputs, data)
    graph = helper.make_graph([helper.make_node(op, in_names, out_names, **attributes)], "graph", in_infos, out_infos)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)]), data.parent / "model.onnx")


def in_whole_tensor(indices, image):
    """PyTorch counts within a plane, ONNX within the tensor."""
    planes = image.shape[0] * image.shape[1]
    starts = torch.arange(planes) * int(np.prod(image.shape[2:]))
    return indices + starts.reshape([*image.shape[:2]] + [1] * (image.dim() - 2))


def poolings():
    settings = [(3, 2, 1, 1, False), (2, 1, 0, 2, False), (3, 2, 1, 1, True)]
    for rank, (kernel, stride, pad, dilation, ceil) in itertools.product((1, 2, 3), settings):
        image = torch.randn(2, 3, *[9, 8, 7][:rank])
        pool = getattr(F, f"max_pool{rank}d")
        values, indices = pool(image, kernel, stride, pad, dilation, ceil_mode=ceil, return_indices=True)
        case(f"max_pool_{rank}d_{kernel}{stride}{pad}{dilation}{int(ceil)}", "MaxPool", [image],
             [values, in_whole_tensor(indices, image)], kernel_shape=[kernel] * rank, strides=[stride] * rank,
             pads=[pad] * 2 * rank, dilations=[dilation] * rank, ceil_mode=int(ceil))
    for rank in (1, 2):
        image = torch.rand(2, 3, *[9, 8][:rank])
        case(f"lp_pool_{rank}d", "LpPool", [image], [getattr(F, f"lp_pool{rank}d")(image, 3, 3, 2)],
             kernel_shape=[3] * rank, strides=[2] * rank, p=3)
    image = torch.randn(2, 3, 9, 11)
    regions = torch.tensor([[0, 0, 0, 20, 16], [1, 3.4, 2.6, 9.5, 8.49], [1, 12, 12, 15, 15], [0, 30, 30, 60, 70],
                            [1, 5, 5, 4, 4]])
    case("max_roi_pool", "MaxRoiPool", [image, regions], [torchvision.ops.roi_pool(image, regions, (3, 4), 0.5)],
         pooled_shape=[3, 4], spatial_scale=0.5)


def recurrences():
    """Batches first, one way and both, with states to begin with."""
    batch, steps, width, hidden = 3, 5, 4, 6
    for kind, order in {"LSTM": [0, 3, 1, 2], "GRU": [1, 0, 2], "RNN": [0]}.items():
        for ways in (1, 2):
            network = getattr(torch.nn, kind)(width, hidden, batch_first=True, bidirectional=ways == 2)
            weights = network.state_dict()

            def gates(name, way):
                parts = weights[name + ("_reverse" if way else "")].chunk(len(order))
                return torch.cat([parts[i] for i in order])

            def stacked(*names):
                return torch.stack([torch.cat([gates(name, way) for name in names]) for way in range(ways)])

            x, h, c = torch.randn(batch, steps, width), torch.randn(ways, batch, hidden), torch.randn(ways, batch, hidden)
            with torch.no_grad():
                y, last = network(x, (h, c) if kind == "LSTM" else h)
            states = list(last) if kind == "LSTM" else [last]
            inputs = [x, stacked("weight_ih_l0"), stacked("weight_hh_l0"), stacked("bias_ih_l0", "bias_hh_l0"), None,
                      h.transpose(0, 1)] + ([c.transpose(0, 1)] if kind == "LSTM" else [])
            outputs = [y.reshape(batch, steps, ways, hidden)] + [state.transpose(0, 1) for state in states]
            attributes = {"direction": "bidirectional"} if ways == 2 else {}
            if kind == "GRU":
                attributes["linear_before_reset"] = 1
            case(f"{kind.lower()}_layout_1_{ways}", kind, inputs, outputs, hidden_size=hidden, layout=1, **attributes)


def windows():
    for groups, offset_groups, masked in [(1, 1, False), (2, 2, True), (1, 4, True)]:
        image, weights = torch.randn(2, 4, 7, 8), torch.randn(6, 4 // groups, 3, 2)
        offsets = torch.randn(2, 2 * offset_groups * 6, 4, 9) * 1.5
        mask = torch.rand(2, offset_groups * 6, 4, 9) if masked else None
        bias = torch.randn(6) if masked else None
        made = torchvision.ops.deform_conv2d(image, offsets, weights, bias, stride=(2, 1), padding=(1, 1), mask=mask)
        case(f"deform_conv_{groups}{offset_groups}{int(masked)}", "DeformConv", [image, weights, offsets, bias, mask], [made],
             opset=19, kernel_shape=[3, 2], strides=[2, 1], pads=[1, 1, 1, 1], group=groups, offset_group=offset_groups)
    columns = torch.randn(2, 3 * 6, 5 * 8)
    case("col2im", "Col2Im", [columns, np.array([9, 8]), np.array([3, 2])],
         [F.fold(columns, (9, 8), (3, 2), dilation=(1, 2), padding=(1, 1), stride=(2, 1))], opset=18, dilations=[1, 2],
         pads=[1, 1, 1, 1], strides=[2, 1])
    for align, size in itertools.product((0, 1), ([2, 3, 4, 1], [2, 3, 4, 5, 6])):
        theta = torch.randn(2, len(size) - 2, len(size) - 1)
        case(f"affine_grid_{len(size) - 2}d_{align}", "AffineGrid", [theta, np.array(size)],
             [F.affine_grid(theta, size, align_corners=bool(align))], opset=20, align_corners=align)
    image = torch.randn(1, 2, 23, 17)
    for mode in ("linear", "cubic"):
        made = F.interpolate(image, size=(9, 7), mode="bi" + mode, antialias=True, align_corners=False)
        case(f"resize_antialias_{mode}", "Resize", [image, None, None, np.array([1, 2, 9, 7])], [made], opset=18, mode=mode,
             antialias=1, exclude_outside=1, cubic_coeff_a=-0.5)


def signals():
    for length in (400, 97, 64):
        signal, window = torch.randn(2, 1500), torch.hann_window(length)
        spectra = torch.stft(signal, length, 160, length, window, center=False, return_complex=True)
        case(f"stft_{length}", "STFT", [signal.unsqueeze(-1), np.array(160), window],
             [torch.view_as_real(spectra.transpose(1, 2).contiguous())])
    real, spectrum = torch.randn(2, 30, 3, 1), torch.randn(2, 13, 3, 2)
    case("rfft", "DFT", [real, np.array(24), np.array(1)],
         [torch.view_as_real(torch.fft.rfft(real[..., 0], 24, dim=1))], opset=20, onesided=1)
    case("irfft", "DFT", [spectrum, np.array(25), np.array(1)],
         [torch.fft.irfft(torch.view_as_complex(spectrum), 25, dim=1).unsqueeze(-1)], opset=20, onesided=1, inverse=1)
    double = spectrum.double()
    case("ifft_double", "DFT", [double, None, np.array(-3)],
         [torch.view_as_real(torch.fft.ifft(torch.view_as_complex(double), dim=1))], opset=20, inverse=1)


def others():
    for axis in (None, 0, 1):
        x = torch.randint(0, 3, (6, 2)).float()
        unique, inverse, counts = torch.unique(x, sorted=True, return_inverse=True, return_counts=True, dim=axis)
        case(f"unique_{axis}", "Unique", [x], [unique, None, inverse.reshape(-1), counts], **({} if axis is None else {"axis": axis}))
    x = torch.randn(3, 4, 5)
    case("lp_normalization", "LpNormalization", [x], [F.normalize(x, p=2, dim=1)], axis=1)
    made = (x - x.mean((0, 2), keepdim=True)) / x.std((0, 2), keepdim=True, unbiased=False)
    case("mean_variance_normalization", "MeanVarianceNormalization", [x], [made], axes=[0, 2])
    image, weights = torch.randint(0, 256, (2, 4, 9, 8)), torch.randint(-128, 128, (6, 2, 3, 3))
    bias, scales = torch.randint(-3000, 3000, (6,)), np.linspace(0.001, 0.002, 6).astype(np.float32)
    sums = F.conv2d((image - 120).double(), weights.double(), bias.double(), stride=2, padding=1, groups=2).numpy()
    factors = float(np.float32(0.02)) * scales.astype(np.float64) / float(np.float32(0.3))
    made = np.clip(np.rint(sums * factors[None, :, None, None]) + 7, 0, 255).astype(np.uint8)
    case("q_linear_conv", "QLinearConv",
         [image.numpy().astype(np.uint8), np.float32(0.02), np.uint8(120), weights.numpy().astype(np.int8), scales,
          np.zeros(6, np.int8), np.float32(0.3), np.uint8(7), bias.numpy().astype(np.int32)], [made], strides=[2, 2],
         pads=[1, 1, 1, 1], group=2)


def main():
    torch.manual_seed(0)
    shutil.rmtree(FOLDER, ignore_errors=True)
    for make in (poolings, recurrences, windows, signals, others):
        make()


if __name__ == "__main__":
    main()
