//! How fast, and with how much memory: a 512x512 still, 720p video with a face of about 400 pixels, and a minute of 1080p.
//!
//! `cargo run --release -p postsync-lipsync --example speed` makes its inputs with ffmpeg and prints one line each:
//! frames per second from door to door (probe to finished file), this process's peak memory, and that of its ffmpeg children together.
//! With `VISUAL AUDIO OUTPUT` it measures that one job.
#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use std::{
    error::Error,
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use postsync_lipsync::{Job, Progress, run};

/// Between two looks at the children's memory.
const LOOK_EVERY: Duration = Duration::from_millis(50);

type Done = Result<(), Box<dyn Error>>;

fn main() -> Done {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    match arguments.as_slice() {
        [visual, audio, output] => measure(visual, audio, output),
        [] => all(),
        _ => Err("usage: speed [VISUAL AUDIO OUTPUT]".into()),
    }
}

/// One job in this process.
fn measure(visual: &Path, audio: &Path, output: &Path) -> Done {
    let start = Instant::now();
    let job = Job::new(visual, audio, output, std::env::temp_dir());
    let done = Arc::new(AtomicBool::new(false));
    let children = std::thread::spawn({
        let done = Arc::clone(&done);
        move || children_peak_kb(&done)
    });
    let report = run(&job, &mut |_: Progress| ControlFlow::Continue(()))?;
    let seconds = start.elapsed().as_secs_f64();
    done.store(true, Ordering::Relaxed);
    let own_mb = status_kb("self", "VmHWM:").unwrap_or(0) / 1000;
    let ffmpeg_mb = children.join().map_err(|_| "the children's memory could not be read")? / 1000;
    let (size, frames) = (format!("{}x{}", report.width, report.height), report.frames);
    let rate = frames as f64 / seconds;
    println!(
        "{size:>10} {frames:>5} frames {seconds:>7.2} s {rate:>7.1} f/s  peak {own_mb} MB, ffmpeg beside it {ffmpeg_mb} MB"
    );
    Ok(())
}

/// The most that this process's children held together, each counted with its own peak so far.
fn children_peak_kb(done: &AtomicBool) -> u64 {
    let own = std::process::id().to_string();
    let mut peak_kb = 0;
    while !done.load(Ordering::Relaxed) {
        let pids = std::fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.file_name());
        let children = pids.filter_map(|pid| pid.into_string().ok()).filter(|pid| is_child(pid, &own));
        peak_kb = peak_kb.max(children.filter_map(|pid| status_kb(&pid, "VmHWM:")).sum());
        std::thread::sleep(LOOK_EVERY);
    }
    peak_kb
}

fn is_child(pid: &str, parent: &str) -> bool {
    status(pid, "PPid:").is_some_and(|found| found == parent)
}

fn status_kb(pid: &str, field: &str) -> Option<u64> {
    status(pid, field)?.strip_suffix(" kB")?.parse().ok()
}

/// One field of a process's status; `None` where it is gone.
fn status(pid: &str, field: &str) -> Option<String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    text.lines().find_map(|line| line.strip_prefix(field)).map(|value| value.trim().to_owned())
}

/// Every scenario in a process of its own, because a peak is a process's.
fn all() -> Done {
    let dir = std::env::temp_dir().join(format!("mesh1-speed-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let portrait = samples.join("astronaut.png");
    let speech = |seconds: u32| -> Result<PathBuf, Box<dyn Error>> {
        let path = dir.join(format!("{seconds}.wav"));
        let (from, length) = (samples.join("librivox_0870.wav"), seconds.to_string());
        let options = ["-stream_loop", "-1", "-i"].map(Into::into);
        ffmpeg(options.into_iter().chain([from.into(), "-t".into(), length.into(), path.clone().into()]))?;
        Ok(path)
    };
    // The face fills the picture and drifts, so that it has to be tracked.
    let video = |size: &str, seconds: u32| -> Result<PathBuf, Box<dyn Error>> {
        let path = dir.join(format!("{}.mp4", size.replace(':', "x")));
        let filter = format!(
            "crop=304:170:'72+12*sin(2*PI*t/3.1)':'40+10*sin(2*PI*t/2.3)',scale={size}:flags=bicubic,format=yuv420p"
        );
        let before = ["-loop", "1", "-framerate", "25", "-i"].map(Into::into);
        let after =
            ["-t", &seconds.to_string(), "-vf", &filter, "-c:v", "libx264", "-preset", "veryfast"].map(Into::into);
        ffmpeg(before.into_iter().chain([portrait.clone().into()]).chain(after).chain([path.clone().into()]))?;
        Ok(path)
    };
    let scenarios = [
        ("still 512x512, 20 s of speech", portrait.clone(), speech(20)?),
        ("video 720p25, 20 s", video("1280:720", 20)?, speech(20)?),
        ("video 1080p25, 60 s", video("1920:1080", 60)?, speech(60)?),
    ];
    for (name, visual, audio) in scenarios {
        print!("{name:<30}");
        std::io::Write::flush(&mut std::io::stdout())?;
        let status = Command::new(std::env::current_exe()?).args([visual, audio, dir.join("out.mp4")]).status()?;
        if !status.success() {
            return Err(format!("{name} failed").into());
        }
    }
    std::fs::remove_dir_all(dir)?;
    Ok(())
}

fn ffmpeg(arguments: impl Iterator<Item = std::ffi::OsString>) -> Done {
    let status = Command::new("ffmpeg").args(["-nostdin", "-v", "error", "-y"]).args(arguments).status()?;
    if status.success() { Ok(()) } else { Err("ffmpeg could not make an input".into()) }
}
