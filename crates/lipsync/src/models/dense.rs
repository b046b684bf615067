//! A multi-layer perceptron with ReLU between the layers: the viseme network is too small to be worth a runtime.

use super::Reader;

struct Layer {
    inputs: usize,
    outputs: usize,
    /// Row-major by input: adding one input's row scaled to the sums vectorizes.
    weights: Vec<f32>,
    bias: Vec<f32>,
}

/// See the module. Scratch is inside, so `forward` does not allocate.
pub(crate) struct Dense {
    layers: Vec<Layer>,
    a: Vec<f32>,
    b: Vec<f32>,
}

impl Dense {
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut r = Reader(bytes);
        if r.bytes(4)? != b"PSV1" {
            return None;
        }
        let mut layers: Vec<Layer> = Vec::new();
        for _ in 0..r.u32()? {
            let (inputs, outputs) = (r.u32()?, r.u32()?);
            if layers.last().is_some_and(|l| l.outputs != inputs) {
                return None;
            }
            let weights = r.f32s(inputs.checked_mul(outputs)?)?;
            layers.push(Layer { inputs, outputs, weights, bias: r.f32s(outputs)? });
        }
        (r.0.is_empty() && !layers.is_empty()).then_some(Self { layers, a: Vec::new(), b: Vec::new() })
    }

    /// Number of inputs and of outputs.
    pub(crate) fn shape(&self) -> (usize, usize) {
        (self.layers[0].inputs, self.layers[self.layers.len() - 1].outputs)
    }

    /// Logits for one input vector of `shape().0` values.
    pub(crate) fn forward(&mut self, input: &[f32]) -> &[f32] {
        self.a.clear();
        self.a.extend_from_slice(input);
        let last = self.layers.len() - 1;
        for (i, layer) in self.layers.iter().enumerate() {
            debug_assert_eq!(self.a.len(), layer.inputs);
            self.b.clear();
            self.b.extend_from_slice(&layer.bias);
            for (&x, row) in self.a.iter().zip(layer.weights.chunks_exact(layer.outputs)) {
                for (sum, &w) in self.b.iter_mut().zip(row) {
                    *sum += x * w;
                }
            }
            if i < last {
                self.b.iter_mut().for_each(|v| *v = v.max(0.0));
            }
            std::mem::swap(&mut self.a, &mut self.b);
        }
        &self.a
    }
}
