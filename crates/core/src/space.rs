//! How much room there must be before more is taken in. A disk that is really full can't even take the outcome of a delivery:
//! so work is refused before, and what was accepted goes on.
use std::fmt;

/// What is kept free where nobody has said how much.
const FREE_BYTES_MIN: u64 = 512 * 1024 * 1024;

/// But never more than this share of the disk: a small one would else take nothing at all.
const SHARE_OF_DISK: u64 = 10;

/// What may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// `storage.free_bytes_min`: what must stay free on the disk of the data folder. `None`: 512 MiB, or a tenth of the
    /// disk where that is less.
    pub free_bytes_min: Option<u64>,
    /// `storage.media_bytes_max`: what videos and uploads may take; 0 is no limit.
    pub media_bytes_max: u64,
}

/// What there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Free for us on the disk of the data folder.
    pub free_bytes: u64,
    /// The size of that disk.
    pub disk_bytes: u64,
    /// What videos and uploads take, where it is counted.
    pub media_bytes: Option<u64>,
}

/// Why no more is taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shortage {
    /// The disk.
    Disk {
        /// What is free.
        free_bytes: u64,
        /// What must stay free.
        wanted_bytes: u64,
    },
    /// The share of videos and uploads.
    Media {
        /// What they take.
        media_bytes: u64,
        /// What they may take.
        most_bytes: u64,
    },
}

impl Budget {
    /// What must stay free on a disk of that size.
    #[must_use]
    pub fn wanted_bytes(&self, disk_bytes: u64) -> u64 {
        self.free_bytes_min.unwrap_or_else(|| FREE_BYTES_MIN.min(disk_bytes / SHARE_OF_DISK))
    }

    /// What is short, if anything is.
    #[must_use]
    pub fn shortage(&self, space: &Space) -> Option<Shortage> {
        let wanted_bytes = self.wanted_bytes(space.disk_bytes);
        if space.free_bytes < wanted_bytes {
            return Some(Shortage::Disk { free_bytes: space.free_bytes, wanted_bytes });
        }
        let most_bytes = Some(self.media_bytes_max).filter(|most| *most > 0)?;
        let media_bytes = space.media_bytes?;
        (media_bytes >= most_bytes).then_some(Shortage::Media { media_bytes, most_bytes })
    }
}

/// For the operator: what is short, and which setting says so.
impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mb = |bytes: &u64| bytes / 1_000_000;
        match self {
            Self::Disk { free_bytes, wanted_bytes } => write!(
                f,
                "{} MB are free on the disk of the data folder, and storage.free_bytes_min keeps {} MB free",
                mb(free_bytes),
                mb(wanted_bytes)
            ),
            Self::Media { media_bytes, most_bytes } => write!(
                f,
                "videos and uploads take {} MB, and storage.media_bytes_max allows {} MB",
                mb(media_bytes),
                mb(most_bytes)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1_000_000;

    #[test]
    fn what_is_short() {
        let free = |free_mb: u64, disk_mb: u64| Space {
            free_bytes: free_mb * MB,
            disk_bytes: disk_mb * MB,
            media_bytes: Some(7 * MB),
        };
        let disk = |free_mb: u64, wanted_mb: u64| {
            Some(Shortage::Disk { free_bytes: free_mb * MB, wanted_bytes: wanted_mb * MB })
        };
        let media = |most_mb: u64| Some(Shortage::Media { media_bytes: 7 * MB, most_bytes: most_mb * MB });
        for (min_mb, max_mb, space, short) in [
            (Some(500), 0, free(500, 100_000), None),
            (Some(500), 0, free(499, 100_000), disk(499, 500)),
            (Some(500), 0, free(499, 600), disk(499, 500)),
            (Some(0), 0, free(0, 100_000), None),
            // A tenth of a small disk is enough.
            (None, 0, free(1, 8), None),
            (None, 0, free(99, 1_000), disk(99, 100)),
            (None, 0, free(537, 100_000), None),
            (Some(500), 8, free(600, 100_000), None),
            (Some(500), 7, free(600, 100_000), media(7)),
            (Some(500), 7, free(1, 100_000), disk(1, 500)),
        ] {
            let budget = Budget { free_bytes_min: min_mb.map(|mb: u64| mb * MB), media_bytes_max: max_mb * MB };
            assert_eq!(budget.shortage(&space), short, "{budget:?} {space:?}");
        }
        let large = Space { free_bytes: 0, disk_bytes: u64::MAX, media_bytes: None };
        assert_eq!(Budget::default().wanted_bytes(large.disk_bytes), FREE_BYTES_MIN);
    }

    #[test]
    fn the_sentence_names_the_setting() {
        let disk = Shortage::Disk { free_bytes: 3 * MB, wanted_bytes: 500 * MB }.to_string();
        assert!(disk.starts_with("3 MB are free") && disk.contains("storage.free_bytes_min keeps 500 MB"), "{disk}");
        let media = Shortage::Media { media_bytes: 9 * MB, most_bytes: 8 * MB }.to_string();
        assert!(media.contains("take 9 MB") && media.contains("storage.media_bytes_max allows 8 MB"), "{media}");
    }
}
