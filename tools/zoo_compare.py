"""How near the engine's answers are to PyTorch's; boxes of detectors are matched."""
import numpy

RELATIVE = 1e-3  # of each number
ABSOLUTE = 1e-4  # of the largest number of its tensor
IOU = 0.9
SCORE = 1e-2  # how far the scores of matched boxes may be apart


def difference(found, wanted):
    """The largest difference in units of the tensor's largest number, and whether all are near enough."""
    if found.dtype != wanted.dtype or found.shape != wanted.shape:
        return float("inf"), False
    if wanted.size == 0:
        return 0.0, True
    if wanted.dtype.kind != "f":
        return float((found != wanted).any()), bool((found == wanted).all())
    scale = float(numpy.nanmax(numpy.abs(wanted))) or 1.0
    largest = float(numpy.nanmax(numpy.abs(found - wanted))) / scale
    return largest, bool(numpy.allclose(found, wanted, rtol=RELATIVE, atol=ABSOLUTE * scale, equal_nan=True))


def overlap(left, right):
    low, high = numpy.maximum(left[:2], right[:2]), numpy.minimum(left[2:], right[2:])
    shared = numpy.prod(numpy.clip(high - low, 0, None))
    return shared / (numpy.prod(left[2:] - left[:2]) + numpy.prod(right[2:] - right[:2]) - shared + 1e-9)


def roles(tensors):
    """Where boxes, labels and scores are among a detector's outputs: RetinaNet and Faster R-CNN order them differently."""
    boxes = next(i for i, each in enumerate(tensors) if each.ndim == 2 and each.shape[1] == 4)
    labels = next(i for i, each in enumerate(tensors) if each.dtype == numpy.int64)
    scores = next(i for i, each in enumerate(tensors) if each.ndim == 1 and each.dtype.kind == "f")
    return boxes, labels, scores


def count_boxes(tensors):
    return len(tensors[roles(tensors)[0]])


def matches(found, wanted):
    """For each wanted box the found one of its label that lies on it; None if it is not there. Each serves once."""
    boxes, labels, scores = roles(wanted)
    free, pairs = set(range(len(found[boxes]))), []
    for i, box in enumerate(wanted[boxes]):
        near = [j for j in free if found[labels][j] == wanted[labels][i] and
                abs(found[scores][j] - wanted[scores][i]) <= SCORE and overlap(found[boxes][j], box) >= IOU]
        best = max(near, key=lambda j: overlap(found[boxes][j], box), default=None)
        free.discard(best)
        pairs.append(best)
    return pairs


def compare_boxes(found, wanted):
    """All boxes match, but for one at either list's end, which the limit on their number may have cut; what else a detector says
    of a box (mask, key points) is near. The difference is the largest among matched boxes."""
    if len(found) != len(wanted) or any(a.dtype != b.dtype or a.shape[1:] != b.shape[1:] for a, b in zip(found, wanted)):
        return float("inf"), False
    pairs = [(i, j) for i, j in enumerate(matches(found, wanted)) if j is not None]
    count = count_boxes(wanted)
    if not pairs or len(pairs) < count - 1 or abs(count_boxes(found) - count) > 1:
        return float("inf"), False
    left, right = map(list, zip(*pairs))
    kept = [difference(one[right], other[left]) for one, other in zip(found, wanted)]
    return max(each[0] for each in kept), all(each[1] for each in kept)


def compare(family, found, wanted):
    """The largest difference, and whether the answers are the same."""
    pairs = [difference(*pair) for pair in zip(found, wanted)]
    largest, good = max(pair[0] for pair in pairs), all(pair[1] for pair in pairs) and len(found) == len(wanted)
    return (largest, good) if good or family != "detection" else compare_boxes(found, wanted)
