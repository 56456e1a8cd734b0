"""The runtime that MLServer runs in the comparison: the same ONNX file, the same runtime, one thread."""

import onnxruntime
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse


class OnnxModel(MLModel):
    async def load(self) -> bool:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            self.settings.parameters.uri, options, providers=["CPUExecutionProvider"]
        )
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        rows = NumpyCodec.decode_input(payload.inputs[0])
        names = [output.name for output in self._session.get_outputs()]
        answers = self._session.run(names, {payload.inputs[0].name: rows})
        outputs = [NumpyCodec.encode_output(name, answer) for name, answer in zip(names, answers, strict=True)]
        return InferenceResponse(model_name=self.name, id=payload.id, outputs=outputs)
