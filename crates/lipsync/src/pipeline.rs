//! A job from door to door: probe, listen, track, learn the person, render.
//!
//! Two passes over the picture, because what is rendered in the first frame depends on the last: the shape of the shut mouth and the teeth
//! are the person's best of the whole clip. Stages run on threads of their own and hand frames on through bounded channels; buffers
//! go round in a ring, so memory does not depend on the clip.

use std::sync::{
    atomic::{AtomicU64, Ordering},
    mpsc::{self, Receiver, Sender, SyncSender},
};

use crate::{
    Error, Job, Observer, Progress, Report,
    face::{
        select::Selection,
        track::{Sighting, Tracker},
    },
    frame::Frame,
    media::{
        audio,
        decode::Picture,
        encode::{Encoder, Target},
        playback::{Input, Playback},
        probe::{Role, Source},
        process::Stop,
        scratch::{self, Scratch, deliver},
    },
    models,
    performance::{Footage, Performance},
    render::{
        Renderer, Rig,
        person::{Album, Exemplar},
    },
    speech::{Articulation, SAMPLE_RATE, normalise},
    supervise::supervise,
    sync_mode::{Plan, frames_for, needed},
};

/// Frame rate of a video made from a still.
const STILL_RATE: (u32, u32) = (25, 1);
/// Frames on their way between two stages.
const IN_FLIGHT: usize = 2;
/// Frame buffers in the ring of pass 2: two channels and three stages at work.
const BUFFERS: usize = 2 * IN_FLIGHT + 3;
/// Work of rendering and encoding a frame against decoding and tracking it.
const RENDER_WEIGHT: u64 = 2;

/// What the watcher may read at any time.
#[derive(Default)]
struct Gauge {
    tracked: AtomicU64,
    to_track: AtomicU64,
    rendered: AtomicU64,
    total: AtomicU64,
}

impl Gauge {
    fn progress(&self, floor: f32) -> Progress {
        let read = |a: &AtomicU64| a.load(Ordering::Relaxed);
        let (total, rendered) = (read(&self.total), read(&self.rendered));
        let all = read(&self.to_track) + RENDER_WEIGHT * total;
        let done = read(&self.tracked).min(read(&self.to_track)) + RENDER_WEIGHT * rendered;
        let fraction = if all == 0 { 0.0 } else { done as f32 / all as f32 };
        // 1 is said once the file is in place.
        Progress { fraction: fraction.min(0.99).max(floor), frames_rendered: rendered, frames_total: total }
    }
}

/// See [`crate::run`].
pub(crate) fn run(job: &Job, observer: &mut dyn Observer) -> Result<Report, Error> {
    let unwritable = |e| Error::OutputUnwritable { detail: format!("{}: {e}", job.output.display()) };
    scratch::try_output(&job.output).map_err(unwritable)?;
    let scratch = Scratch::new(&job.work_dir)?;
    let (stop, gauge) = (Stop::default(), Gauge::default());
    let mut floor = 0.0;
    let tick = || {
        let progress = gauge.progress(floor);
        floor = progress.fraction;
        observer.progress(progress)
    };
    let report = supervise(&stop, job.limits.stall_max_s, tick, || {
        Work { job, scratch: &scratch, stop: &stop, gauge: &gauge }.all()
    })?;
    let last = Progress { fraction: 1.0, frames_rendered: report.frames, frames_total: report.frames };
    // The file is complete: a cancellation now comes too late.
    let _ = observer.progress(last);
    Ok(report)
}

#[derive(Clone, Copy)]
struct Work<'a> {
    job: &'a Job,
    scratch: &'a Scratch,
    stop: &'a Stop,
    gauge: &'a Gauge,
}

/// A frame on its way, with its number in the result and in the source.
struct Shot {
    k: usize,
    source: usize,
    frame: Frame,
}

impl Work<'_> {
    fn all(self) -> Result<Report, Error> {
        let Job { options, limits, tools, .. } = self.job;
        let open = |path, role| Source::open(path, role, self.scratch.dir(), limits, tools, self.stop);
        let visual = open(&self.job.visual, Role::Visual)?;
        let speech = open(&self.job.audio, Role::Speech)?;
        let picture = Picture::of(&visual, limits);
        let size = (picture.width, picture.height);
        let rate = if visual.info.still { STILL_RATE } else { visual.rate };
        let fps = f64::from(rate.0) / f64::from(rate.1);
        let per_frame = if visual.info.still { 1.0 } else { visual.own_fps / fps };
        let selection = Selection::new(&options.active_speaker_detection, picture.scale, size, per_frame)?;
        let boxes = selection.boxes();

        let log_mel = audio::analyse(&speech, limits, tools, self.scratch, self.stop)?;
        let speech_frames = frames_for(log_mel.samples() as f64 / SAMPLE_RATE as f64, fps);
        let articulation = Articulation::new(&normalise(log_mel.finish()))?;

        let input = Input { source: &visual, picture: &picture, limits, tools, scratch: self.scratch, stop: self.stop };
        let wanted = needed(options.sync_mode, speech_frames);
        let expected = if visual.info.still { 1 } else { (visual.info.duration_s * fps).ceil() as usize };
        self.gauge.to_track.store(expected.min(wanted) as u64, Ordering::Relaxed);
        self.gauge.total.store(speech_frames as u64, Ordering::Relaxed);
        let (path, teeth) = self.track(input, wanted, expected, selection, fps as f32)?;
        Selection::reaches(boxes, path.len())?;
        let only = self.job.only.as_ref().filter(|_| !visual.info.still);
        let only = only.map(|only| only.frames(path.len(), fps, visual.own_fps)).transpose()?;

        let plan = Plan::new(options.sync_mode, path.len(), visual.info.still, speech_frames);
        self.gauge.to_track.store(path.len() as u64, Ordering::Relaxed);
        self.gauge.total.store(plan.total as u64, Ordering::Relaxed);
        let renderer = Renderer::new(Rig::new(&models::canon()?), teeth);
        let performance = Performance::new(renderer, Footage { path, only, fps }, articulation, options.gain())?;
        let file = self.scratch.file("result.mp4");
        let aspect = visual.pixel_aspect.as_deref();
        let (frames, colour) = (plan.total, &visual.colour);
        let tag = self.job.tag();
        let target = Target { picture: &picture, rate, frames, pixel_aspect: aspect, colour, file: &file, tag: &tag };
        self.render(input, plan, performance, &target, &speech)?;
        deliver(&file, &self.job.output)?;
        Ok(Report {
            frames: plan.total as u64,
            fps,
            width: picture.width as u32,
            height: picture.height as u32,
            duration_s: plan.total as f64 / fps,
        })
    }

    /// Pass 1: the speaker's path through the clip, and teeth if any were seen.
    fn track(
        self,
        input: Input<'_>,
        wanted: usize,
        expected: usize,
        selection: Selection,
        fps: f32,
    ) -> Result<(Vec<Option<Sighting>>, Option<Exemplar>), Error> {
        let canon = models::canon()?;
        let (mut tracker, mut album) = (Tracker::new(selection)?, Album::default());
        let frames_max = if input.source.info.still { 1 } else { wanted };
        let frames = std::thread::scope(|scope| -> Result<usize, Error> {
            let (full, shots) = mpsc::sync_channel(IN_FLIGHT);
            let (back, empty) = mpsc::channel();
            (0..=IN_FLIGHT).for_each(|_| drop(back.send(Frame::default())));
            let reader = scope.spawn(move || read_all(input, frames_max, &empty, &full));
            let mut tracked: Result<usize, Error> = Ok(0);
            for frame in &shots {
                tracked = tracked.and_then(|n| {
                    if let Some(points) = tracker.push(&frame)? {
                        album.look(&frame, points, &canon.vertices);
                    }
                    Ok(n + 1)
                });
                if tracked.is_err() {
                    break;
                }
                self.gauge.tracked.fetch_add(1, Ordering::Relaxed);
                // Fails when the reader is done and needs no more buffers.
                let _ = back.send(frame);
            }
            drop((shots, back));
            let complaint = join(reader)?;
            let n = tracked?;
            // Half of it missing is damage, not the rounding of a duration.
            if n == 0 || (!complaint.is_empty() && 2 * n < expected.min(wanted)) {
                return Err(Error::VideoInvalid { detail: complaint });
            }
            Ok(n)
        })?;
        debug_assert!(frames > 0);
        Ok((tracker.finish(fps)?, album.best()))
    }

    /// Pass 2.
    fn render(
        self,
        input: Input<'_>,
        plan: Plan,
        mut performance: Performance,
        target: &Target<'_>,
        speech: &Source,
    ) -> Result<(), Error> {
        let mut playback = Playback::new(input, plan)?;
        let encoder = Encoder::start(target, speech, (&self.job.limits, &self.job.tools), self.scratch, self.stop)?;
        std::thread::scope(|scope| {
            let (back, empty) = mpsc::channel();
            (0..BUFFERS).for_each(|_| drop(back.send(Frame::default())));
            let (raw, shots) = mpsc::sync_channel(IN_FLIGHT);
            let (done, finished) = mpsc::sync_channel(IN_FLIGHT);
            let reader = scope.spawn(move || play(&mut playback, plan.total, &empty, &raw));
            let writer = scope.spawn(move || write_all(encoder, plan.total, (&finished, &back), self.gauge));
            for mut shot in &shots {
                performance.apply(&mut shot.frame, shot.k, shot.source);
                if done.send(shot.frame).is_err() {
                    break;
                }
            }
            drop((shots, done));
            // A writer that failed makes the reader stop early and quietly, so its word comes first; but it is also the writer that
            // ends early when the reader failed.
            let (written, read) = (join(writer), join(reader));
            read.and(written)
        })
    }
}

fn join<T>(thread: std::thread::ScopedJoinHandle<'_, Result<T, Error>>) -> Result<T, Error> {
    thread.join().unwrap_or_else(|_| Err(Error::pipeline("a stage panicked")))
}

/// Decodes until the end; returns what the decoder complained about.
fn read_all(
    input: Input<'_>,
    frames_max: usize,
    empty: &Receiver<Frame>,
    full: &SyncSender<Frame>,
) -> Result<String, Error> {
    let mut decoder = input.decoder(frames_max)?;
    while let Ok(mut frame) = empty.recv() {
        if !decoder.read(&mut frame)? {
            return decoder.complaint();
        }
        if full.send(frame).is_err() {
            break;
        }
    }
    Ok(String::new())
}

/// Reads the frames of the result in order. Ends early and quietly when nobody takes them any more.
fn play(
    playback: &mut Playback<'_>,
    total: usize,
    empty: &Receiver<Frame>,
    raw: &SyncSender<Shot>,
) -> Result<(), Error> {
    for k in 0..total {
        let Ok(mut frame) = empty.recv() else { break };
        let source = playback.read(k, &mut frame)?;
        if raw.send(Shot { k, source, frame }).is_err() {
            break;
        }
    }
    Ok(())
}

/// Feeds the encoder. If the frames end before they are complete the encoder is dropped, which kills it: nobody wants half a file.
fn write_all(
    mut encoder: Encoder,
    total: usize,
    (finished, back): (&Receiver<Frame>, &Sender<Frame>),
    gauge: &Gauge,
) -> Result<(), Error> {
    let mut written = 0;
    for frame in finished {
        if !encoder.write(&frame) {
            let ended = encoder.finish();
            return ended.and(Err(Error::pipeline("the encoder stopped taking frames")));
        }
        written += 1;
        gauge.rendered.fetch_add(1, Ordering::Relaxed);
        // Fails when the reader is done and needs no more buffers.
        let _ = back.send(frame);
    }
    if written == total { encoder.finish() } else { Err(Error::pipeline("frames ended early")) }
}
