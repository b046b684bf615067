//! Running a convolutional network on one square RGB picture.

use std::sync::{Arc, OnceLock};

use rten::{Model, RunOptions, ThreadPool, Value};
use rten_tensor::{NdTensorView, prelude::*};

use crate::Error;

/// A network that takes one square picture and returns its outputs, flattened, in the order of the model file.
pub(crate) trait Network: Send {
    /// `input` holds side x side x 3 values, row by row, channels together.
    fn infer(&self, input: &[f32]) -> Result<Vec<Vec<f32>>, Error>;
}

/// [`Network`] on rten.
pub(crate) struct RtenNetwork {
    model: Model,
    side: usize,
    pool: Arc<ThreadPool>,
}

/// One thread for all networks: they are so small that splitting them costs more than it gains, and the second core is busy with ffmpeg.
fn pool() -> Arc<ThreadPool> {
    static POOL: OnceLock<Arc<ThreadPool>> = OnceLock::new();
    Arc::clone(POOL.get_or_init(|| Arc::new(ThreadPool::with_num_threads(1))))
}

impl RtenNetwork {
    pub(super) fn load(bytes: &'static [u8], side: usize) -> Result<Self, Error> {
        let model = Model::load_static_slice(bytes)
            .map_err(|e| Error::pipeline(format!("an embedded network could not be loaded: {e}")))?;
        Ok(Self { model, side, pool: pool() })
    }
}

impl Network for RtenNetwork {
    fn infer(&self, input: &[f32]) -> Result<Vec<Vec<f32>>, Error> {
        let failed = |e: &dyn std::fmt::Display| Error::pipeline(format!("a network could not be run: {e}"));
        let view = NdTensorView::from_data([1, self.side, self.side, 3], input);
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(&self.pool)));
        let inputs = vec![(self.model.input_ids()[0], view.into())];
        let outputs = self.model.run(inputs, self.model.output_ids(), Some(options)).map_err(|e| failed(&e))?;
        outputs
            .into_iter()
            .map(|value| match value {
                Value::FloatTensor(t) => Ok(t.to_vec()),
                other => Err(failed(&format!("output of type {:?} where numbers are due", other.dtype()))),
            })
            .collect()
    }
}
