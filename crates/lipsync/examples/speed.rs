//! Renders one file and says how fast: `speed VISUAL AUDIO OUT`.
use std::{ops::ControlFlow, time::Instant};

use postsync_lipsync::{Job, Progress, run};

fn main() {
    let a: Vec<String> = std::env::args().collect();
    let job = Job::new(&a[1], &a[2], &a[3], std::env::temp_dir());
    let t = Instant::now();
    let r = run(&job, &mut |_: Progress| ControlFlow::Continue(()));
    println!("{r:?} {:?}", t.elapsed());
    if let Ok(r) = r {
        println!("{:.1} f/s", r.frames as f64 / t.elapsed().as_secs_f64());
    }
}
