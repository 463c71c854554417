"""Our network against numbers of the public implementation (tolerances: ../shared/vectors/README.md)."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from evfi.models.convlstm.inputs import Inputs, unsigned
from evfi.models.convlstm.manifest import CONVLSTM
from evfi.models.convlstm.network import ConvLSTMInterpolation
from evfi.models.convlstm.objective import objective
from evfi.models.convlstm.recurrent import ConvLSTM, in_time_order, plain_states

Vectors = Callable[[str], dict[str, Tensor]]


def seen(module: nn.Module) -> list[Tensor]:
    """The outputs of a module (the first of several) whenever it runs."""
    found: list[Tensor] = []
    module.register_forward_hook(lambda _module, _args, out: found.append(out[0] if isinstance(out, tuple) else out))
    return found


def difference(one: Tensor, other: Tensor) -> float:
    assert one.shape == other.shape
    return float((one - other).abs().max())


def test_a_layer_gives_the_references_hidden_states(vectors: Vectors) -> None:
    expected = vectors("layer")
    layer = ConvLSTM(5, 7).requires_grad_(False)
    layer.gates.weight.copy_(expected["weight"])
    layer.gates.get_parameter("bias").copy_(expected["bias"])
    assert difference(layer(expected["x"]), expected["hidden"]) < 5e-6
    assert difference(plain_states(layer, expected["x"]), expected["hidden"]) < 5e-6


def test_both_outputs_are_the_references(vectors: Vectors, reference: ConvLSTMInterpolation) -> None:
    expected = vectors("network")
    outputs = reference(expected["frames"])
    assert difference(outputs.synthesised, expected["synthesis"]) < 2e-5
    assert difference(outputs.refined, expected["refined"]) < 1e-4


def test_every_stage_on_the_way_is_the_references(vectors: Vectors, reference: ConvLSTMInterpolation) -> None:
    expected = vectors("network")
    synthesis = reference.synthesis
    encoders = [seen(block) for block in synthesis.encoder]
    decoders = [seen(block) for block in synthesis.decoder]
    reference(expected["frames"])
    assert difference(encoders[1][0][:, :, :8], expected["after_encoder2_pooled_first8"]) < 2e-5
    assert difference(encoders[3][0][:, :, :8], expected["after_encoder4_pooled_first8"]) < 2e-5
    # Two samples: the reference folds them sample by sample, we fold them step by step.
    last, first = (in_time_order(decoders[number][0], 4).flatten(0, 1) for number in (3, 0))
    assert difference(first[:, :8], expected["after_decoder1_first8"]) < 2e-5
    assert difference(last[4:6], expected["after_decoder4_images_4_5"]) < 2e-5


def test_the_loss_is_the_references(vectors: Vectors, reference: ConvLSTMInterpolation) -> None:
    expected = vectors("network")
    stage = CONVLSTM.last_stage
    result = objective(stage, reference, stage.recipe)(Inputs(expected["frames"], unsigned(expected["target"])))
    assert float(result.parts["l1_synthesis"]) == pytest.approx(float(expected["loss_l1_synthesis"]), abs=5e-6)
    assert float(result.parts["l1_refined"]) == pytest.approx(float(expected["loss_l1_refined"]), abs=5e-6)
    assert float(result.total) == pytest.approx(float(expected["loss"]), abs=5e-6)


def test_the_default_network_is_another_one(vectors: Vectors, reference: ConvLSTMInterpolation) -> None:
    frames = vectors("network")["frames"]
    changed = ConvLSTMInterpolation(CONVLSTM.model_options()).eval().requires_grad_(False)  # pyright: ignore
    own = dict(reference.state_dict())
    own = {name.replace("bottleneck.1.", "bottleneck.2.").replace("tail.1.", "tail.2."): own[name] for name in own}
    missing, unexpected = changed.load_state_dict(own, strict=False)
    assert not unexpected
    assert all(".norm2." in name for name in missing)
    assert difference(changed(frames).refined, reference(frames).refined) > 0.1


def test_a_network_in_float64_agrees_with_float32(vectors: Vectors, reference: ConvLSTMInterpolation) -> None:
    expected = vectors("network")
    outputs = reference.double()(expected["frames"].double())
    assert outputs.refined.dtype == torch.float64
    assert difference(outputs.refined.float(), expected["refined"]) < 1e-4
