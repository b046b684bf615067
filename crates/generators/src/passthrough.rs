//! Completes at once with the URL of the input that is seen. For load tests and for tests of receivers: it shows what
//! postsync itself costs, without a model, a disk or a network in the way.
use async_trait::async_trait;
use postsync_core::error_code::GENERATION_INPUT_VALIDATION_FAILED;
use postsync_core::generation::Failure;
use postsync_core::input::{ItemKind, Source};
use postsync_engine::ports::{Cancel, Generator, GeneratorError, Inputs, Job, JobOutput, Progress};

/// How many at once: enough for the store's commits to be full ones, few enough for memory to stay flat.
const CONCURRENCY: usize = 512;

/// The generator that generates nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Passthrough;

#[async_trait]
impl Generator for Passthrough {
    fn inputs(&self) -> Inputs {
        Inputs::AsGiven
    }

    fn concurrency(&self) -> usize {
        CONCURRENCY
    }

    fn instant(&self) -> bool {
        true
    }

    async fn generate(&self, job: Job, progress: Progress, _cancel: Cancel) -> Result<JobOutput, GeneratorError> {
        let source = job.input(ItemKind::is_visual).and_then(|input| input.item.source.clone());
        match source {
            Some(Source::Url(url)) => {
                progress.set(1.0);
                Ok(JobOutput::Url(url))
            }
            // The engine gives the URL of an asset.
            Some(Source::Asset(_)) | None => {
                Err(refused("The passthrough model needs a video or an image with a url."))
            }
        }
    }
}

fn refused(sentence: &str) -> GeneratorError {
    GeneratorError::Failed(Failure::new(GENERATION_INPUT_VALIDATION_FAILED, sentence))
}

#[cfg(test)]
mod tests {
    use super::*;
    use postsync_core::generation::Request;
    use postsync_core::ids::GenerationId;
    use postsync_core::input::parse_items;
    use postsync_engine::ports::JobInput;
    use serde_json::{Value, json};

    async fn run(input: Value) -> (Result<JobOutput, GeneratorError>, u32) {
        let inputs = parse_items(&input).unwrap().into_iter().map(|item| JobInput { item, file: None }).collect();
        let id: GenerationId = "018f2f6e-6d3a-7b6a-8c6e-0123456789ab".parse().unwrap();
        let job = Job {
            id,
            tries: 0,
            request: Request::default(),
            inputs,
            boxes: None,
            folder: "/nowhere".into(),
            duration_max: None,
        };
        let progress = Progress::default();
        let made = Passthrough.generate(job, progress.clone(), Cancel::default()).await;
        (made, progress.percent())
    }

    #[tokio::test]
    async fn gives_back_what_is_seen_as_it_was_written() {
        let audio = json!({"type":"audio","url":"https://a.example/a.wav"});
        for kind in ["video", "image"] {
            let seen = json!({"type":kind,"url":"HTTPS://a.example:443/%7Ev?x=\u{e9}"});
            let (made, percent) = run(json!([audio, seen])).await;
            assert_eq!(made, Ok(JobOutput::Url("HTTPS://a.example:443/%7Ev?x=\u{e9}".into())));
            assert_eq!(percent, 100);
        }
    }

    #[tokio::test]
    async fn nothing_to_see_fails_with_a_sentence() {
        for input in [json!([{"type":"audio","url":"https://a.example/a.wav"}]), json!([])] {
            let (made, _) = run(input).await;
            let Err(GeneratorError::Failed(failure)) = made else { panic!("{made:?}") };
            assert_eq!(failure.code, GENERATION_INPUT_VALIDATION_FAILED);
            assert!(failure.error.starts_with("The passthrough model needs "), "{}", failure.error);
        }
    }
}
