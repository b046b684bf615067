//! The source's frames in the order in which the result shows them.

use crate::{
    Error, Limits, Tools,
    frame::Frame,
    media::{
        decode::{Decoder, Picture},
        probe::Source,
        process::Stop,
        scratch::Scratch,
        spool::Spool,
    },
    sync_mode::Plan,
};

/// What is needed to open the source again.
#[derive(Clone, Copy)]
pub(crate) struct Input<'a> {
    pub(crate) source: &'a Source,
    pub(crate) picture: &'a Picture,
    pub(crate) limits: &'a Limits,
    pub(crate) tools: &'a Tools,
    pub(crate) scratch: &'a Scratch,
    pub(crate) stop: &'a Stop,
}

impl Input<'_> {
    /// A decoder at the first frame.
    pub(crate) fn decoder(&self, frames_max: usize) -> Result<Decoder, Error> {
        Decoder::start(self.source, self.picture, frames_max, (self.limits, self.tools), self.scratch, self.stop)
    }
}

/// See the module. Frames must be asked for in the plan's order.
pub(crate) struct Playback<'a> {
    input: Input<'a>,
    plan: Plan,
    decoder: Option<Decoder>,
    /// Source frame that the decoder gives next.
    ahead: usize,
    spool: Option<Spool<'a>>,
    /// The last frame given, kept only while it is shown again.
    held: Frame,
    held_index: Option<usize>,
}

impl<'a> Playback<'a> {
    pub(crate) fn new(input: Input<'a>, plan: Plan) -> Result<Self, Error> {
        let spool = match plan.first_backward() {
            Some(first) => {
                let Input { source, picture, limits, tools, scratch, stop } = input;
                Some(Spool::make(source, picture, (first, plan.source_frames), (limits, tools), scratch, stop)?)
            }
            None => None,
        };
        Ok(Self { input, plan, decoder: None, ahead: 0, spool, held: Frame::default(), held_index: None })
    }

    /// Puts frame `k` of the result, untouched, into `frame` and returns its number in the source.
    pub(crate) fn read(&mut self, k: usize, frame: &mut Frame) -> Result<usize, Error> {
        let index = self.plan.source(k);
        if self.held_index == Some(index) {
            frame.copy_from(&self.held);
            return Ok(index);
        }
        let falling = k > 0 && index < self.plan.source(k - 1);
        match &mut self.spool {
            Some(spool) if falling => {
                spool.read(index, frame)?;
                // What follows the turn at the start is decoded anew.
                self.decoder = None;
            }
            _ => self.forward(index, frame)?,
        }
        let again = k + 1 < self.plan.total && self.plan.source(k + 1) == index;
        self.held_index = again.then_some(index);
        if again {
            self.held.copy_from(frame);
        }
        Ok(index)
    }

    fn forward(&mut self, index: usize, frame: &mut Frame) -> Result<(), Error> {
        if self.decoder.is_none() || index < self.ahead {
            self.decoder = None; // The old one ends before the new one starts.
            self.decoder = Some(self.input.decoder(self.plan.source_frames)?);
            self.ahead = 0;
        }
        let Some(decoder) = &mut self.decoder else { return Err(Error::pipeline("no decoder")) };
        while self.ahead <= index {
            if !decoder.read(frame)? {
                let complaint = decoder.complaint()?;
                return Err(Error::pipeline(format!("frame {} was there and is not: {complaint}", self.ahead)));
            }
            self.ahead += 1;
        }
        Ok(())
    }
}
