//! Which limits hold on this machine: tried, not believed. A media child puts them on, then tries to break each of them.
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::timeout;

use super::process::Process;
use super::session::{EXIT_GRACE, Session, Trouble};
use super::{BuiltinSettings, order_line, tools, verdict};
use crate::Error;
use crate::order::{Check, Said, Work};

/// The whole trial: a few system calls, and one start of ffmpeg.
const TRIAL_TIME_MAX: Duration = Duration::from_secs(30);

/// Runs a media child below `data_folder` and has it try every limit. What does not hold here is `false`, with a name for
/// people, such as `cannot read the data folder`.
///
/// # Errors
/// The trial itself did not come to an end.
pub async fn limits_in_force(settings: &BuiltinSettings, data_folder: &Path) -> Result<Vec<(String, bool)>, Error> {
    let scratch = Scratch::make(data_folder).map_err(Error::Folder)?;
    let (process, pipes) = Process::spawn(&settings.program, &scratch.folder).map_err(Error::Start)?;
    let mut session = Session::new(pipes, TRIAL_TIME_MAX);
    let check = Check { canary: scratch.canary.clone(), tools: tools(settings) };
    let order = order_line(settings.child.clone(), Work::Check(check));
    let heard = timeout(TRIAL_TIME_MAX, session.talk(&order, |_| ())).await;
    let status = process.end_within(EXIT_GRACE).await;
    let why = match heard {
        Ok(Ok(Said::Checked(limits))) => return Ok(limits),
        Ok(Err(Trouble::Misbehaved(sentence))) => sentence.into(),
        Ok(Err(Trouble::HungUp)) => verdict::cause_of_death(status),
        Ok(Ok(_)) | Err(_) => "The media process did not answer.".into(),
    };
    Err(Error::Trial { why, complaints: session.complaints().await })
}

/// A folder to work in and, beside it, a file that must stay out of reach. Both gone with the value.
struct Scratch {
    folder: PathBuf,
    canary: PathBuf,
}

impl Scratch {
    fn make(data_folder: &Path) -> io::Result<Self> {
        let name = format!("limits-check-{}", std::process::id());
        let data_folder = data_folder.canonicalize()?;
        let folder = data_folder.join(&name);
        let scratch = Self { canary: data_folder.join(name + ".canary"), folder };
        fs::create_dir(&scratch.folder)?;
        fs::write(&scratch.canary, b"out of reach")?;
        Ok(scratch)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Nothing can be done about a failure here; they are two small things with a telling name.
        let _ = fs::remove_dir_all(&self.folder);
        let _ = fs::remove_file(&self.canary);
    }
}
