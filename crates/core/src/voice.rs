//! Voices that an organization has had cloned. They live with a provider, in the operator's one account: only what is written
//! down here says whose each is.
//!
//! Promise: that is written down before the provider is asked, under a tag that goes into the voice's name there. Whatever becomes
//! of the answer, a voice with a tag is one organization's, or nobody's.
use crate::ids::OrgId;
use crate::time::Timestamp;

/// Cloned voices of one organization.
pub const CLONED_VOICES_MAX: usize = 100;

/// A sample that is handed on.
pub const VOICE_SAMPLE_BYTES_MAX: u64 = 10 * 1024 * 1024;

/// The longest name of a voice, in characters; at the provider, too, where its tag is a part of it.
pub const VOICE_NAME_CHARS_MAX: usize = 100;

/// The longest id of a voice that a provider may give.
const VOICE_ID_CHARS_MAX: usize = 128;

/// A clone whose answer was lost, and that is not in the provider's list by then, was not made. Some times what an answer may take.
pub const CLONE_SETTLES_MS: i64 = 10 * 60 * 1_000;

/// Around the tag, behind the name.
const TAG_OPENS: &str = "(postsync ";
const TAG_CLOSES: &str = ")";

/// As many hexadecimal digits.
const TAG_DIGITS: usize = 32;

/// What a clone is known by before its provider has said what it calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct VoiceTag(pub [u8; 16]);

impl VoiceTag {
    /// What the provider is to call a voice of that name. The tag stands at the end: no name can bring one of its own.
    #[must_use]
    pub fn put_behind(self, name: &str) -> String {
        let room = VOICE_NAME_CHARS_MAX - 1 - TAG_OPENS.len() - TAG_DIGITS - TAG_CLOSES.len();
        let name: String = name.chars().take(room).collect();
        let tag = format!("{TAG_OPENS}{:032x}{TAG_CLOSES}", u128::from_be_bytes(self.0));
        // Nothing that a provider could trim.
        format!("{} {tag}", name.trim()).trim_start().to_owned()
    }

    /// The tag in what the provider calls a voice; `None` where no server like this one has had it cloned.
    #[must_use]
    pub fn of(name_there: &str) -> Option<Self> {
        let (_, digits) = name_there.trim_end().strip_suffix(TAG_CLOSES)?.rsplit_once(TAG_OPENS)?;
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let fits = digits.len() == TAG_DIGITS && digits.bytes().all(is_hex);
        fits.then(|| u128::from_str_radix(digits, 16).ok().map(|tag| Self(tag.to_be_bytes())))?
    }
}

/// One cloned voice, from before it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClonedVoice {
    /// A part of its name at the provider.
    pub tag: VoiceTag,
    /// Whose it is.
    pub org: OrgId,
    /// For people; no two of an organization's have the same.
    pub name: String,
    /// What the provider calls it. `None` until that is known: perhaps it was never made.
    pub id: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
}

impl ClonedVoice {
    /// Whether a list of the provider's that does not show it says that it was never made.
    #[must_use]
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.id.is_none() && self.created_at.plus_ms(CLONE_SETTLES_MS) <= now
    }
}

/// Whose a voice in a provider's list is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim<'a> {
    /// The operator's own, or of the provider's library: it speaks for everybody.
    Everybodys,
    /// A clone's.
    Of(&'a ClonedVoice),
    /// A clone's whose answer was lost: its id is to be written down.
    Found(&'a ClonedVoice),
    /// Somebody had it cloned that nothing is known of here: it is shown to nobody.
    Nobodys,
}

/// Whose the voice is that the provider shows by that id and name; `known` are the clones of any organization.
#[must_use]
pub fn claim<'a>(known: &'a [ClonedVoice], id: &str, name_there: &str) -> Claim<'a> {
    if let Some(clone) = known.iter().find(|clone| clone.id.as_deref() == Some(id)) {
        return Claim::Of(clone);
    }
    let Some(tag) = VoiceTag::of(name_there) else { return Claim::Everybodys };
    known.iter().find(|clone| clone.tag == tag && clone.id.is_none()).map_or(Claim::Nobodys, Claim::Found)
}

/// Whether a provider's text can be the id of a voice: it is put into paths, and `voiceId` must take it.
#[must_use]
pub fn is_voice_id(text: &str) -> bool {
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    plain && (1..=VOICE_ID_CHARS_MAX).contains(&text.len())
}

/// One thing to write down about a cloned voice.
#[derive(Clone, Debug)]
pub enum VoiceChange {
    /// It is about to be asked for. Fence: nobody has its tag, and its organization none of its name and fewer than
    /// [`CLONED_VOICES_MAX`].
    Begin(Box<ClonedVoice>),
    /// The provider calls it so. Fence: it is there without an id or with this one, and no other has this one.
    Name {
        /// Which.
        tag: VoiceTag,
        /// Its id from now on.
        id: String,
    },
    /// It was never made. Fence: it is there, without an id.
    GiveUp {
        /// Which.
        tag: VoiceTag,
    },
    /// It is gone. Fence: it is there, and the organization's.
    Remove {
        /// Whose.
        org: OrgId,
        /// Which.
        id: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: VoiceTag = VoiceTag([0xAB; 16]);

    fn clone(tag: u8, org: &str, id: Option<&str>) -> ClonedVoice {
        let (name, id) = ("Ada".to_owned(), id.map(str::to_owned));
        ClonedVoice { tag: VoiceTag([tag; 16]), org: OrgId::new(org), name, id, created_at: Timestamp(0) }
    }

    #[test]
    fn a_tag_reads_back_whatever_the_name_is() {
        let long = "\u{e9}".repeat(VOICE_NAME_CHARS_MAX);
        let forged = VoiceTag([1; 16]).put_behind("Eve");
        for name in ["Ada", "", "  ", "A (postsync", &*long, &*forged] {
            let there = TAG.put_behind(name);
            assert!(there.chars().count() <= VOICE_NAME_CHARS_MAX, "{there}");
            assert_eq!((VoiceTag::of(&there), there.trim()), (Some(TAG), &*there));
        }
        assert_eq!(TAG.put_behind("Ada"), format!("Ada (postsync {})", "ab".repeat(16)));
        assert!(TAG.put_behind(&long).starts_with(&"\u{e9}".repeat(50)), "people know it again");
    }

    #[test]
    fn what_looks_like_a_tag_is_none() {
        let digits = "ab".repeat(16);
        for name in [
            "Ada".to_owned(),
            format!("Ada (postsync {digits}"),
            format!("Ada (postsync {digits}) 2"),
            format!("Ada (postsync {}0)", digits),
            format!("Ada (postsync {})", &digits[1..]),
            format!("Ada (postsync +{})", &digits[1..]),
            format!("Ada (postsync {})", digits.to_uppercase()),
            format!("Ada (other {digits})"),
        ] {
            assert_eq!(VoiceTag::of(&name), None, "{name}");
        }
    }

    #[test]
    fn a_voice_with_a_tag_is_its_organizations_or_nobodys() {
        let known = [clone(1, "a", Some("v1")), clone(2, "b", None)];
        let there = |tag: u8| VoiceTag([tag; 16]).put_behind("Ada");
        for (id, name, whose) in [
            ("v1", &*there(1), Claim::Of(&known[0])),
            ("v1", "renamed there", Claim::Of(&known[0])),
            ("v2", &*there(2), Claim::Found(&known[1])),
            ("v3", &*there(1), Claim::Nobodys),
            ("v3", &*there(3), Claim::Nobodys),
            ("v3", "Ada", Claim::Everybodys),
        ] {
            assert_eq!(claim(&known, id, name), whose, "{id} {name}");
        }
    }

    #[test]
    fn what_has_an_id_or_is_young_is_not_overdue() {
        let late = Timestamp(CLONE_SETTLES_MS);
        assert!(clone(1, "a", None).is_overdue(late));
        assert!(!clone(1, "a", None).is_overdue(late.plus_ms(-1)) && !clone(1, "a", Some("v1")).is_overdue(late));
    }
}
