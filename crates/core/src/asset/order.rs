//! The orders of a list of assets, and places in them. One text says a place, so that a list goes on where it stopped also
//! when what stood there is gone.
use std::cmp::Ordering;
use std::fmt;

use super::{Asset, AssetKind};
use crate::ids::AssetId;

/// What a list is sorted by; ids break ties.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortBy {
    /// When they came.
    #[default]
    Date,
    /// Their names, whatever their case.
    Name,
    /// How long they are; what is not known comes before all else.
    Duration,
    /// How large they are; what is not known comes before all else.
    Size,
    /// `AUDIO`, `IMAGE`, `VIDEO`.
    Kind,
}

/// Which way a list runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AssetOrder {
    /// By what.
    pub by: SortBy,
    /// From the last to the first.
    pub descending: bool,
}

impl Default for AssetOrder {
    /// Newest first.
    fn default() -> Self {
        Self { by: SortBy::Date, descending: true }
    }
}

/// Every word that names an order.
const WORDS: [(&str, SortBy, bool); 10] = [
    ("nameAsc", SortBy::Name, false),
    ("nameDesc", SortBy::Name, true),
    ("dateAsc", SortBy::Date, false),
    ("dateDesc", SortBy::Date, true),
    ("durationAsc", SortBy::Duration, false),
    ("durationDesc", SortBy::Duration, true),
    ("sizeAsc", SortBy::Size, false),
    ("sizeDesc", SortBy::Size, true),
    ("kindAsc", SortBy::Kind, false),
    ("kindDesc", SortBy::Kind, true),
];

impl AssetOrder {
    /// Every order, by its word.
    pub fn words() -> impl Iterator<Item = &'static str> {
        WORDS.iter().map(|(word, _, _)| *word)
    }

    /// The order of that word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let found = WORDS.iter().find(|(word, _, _)| *word == text);
        found.map(|(_, by, descending)| Self { by: *by, descending: *descending })
    }

    /// Which of two places comes first.
    #[must_use]
    pub fn compare(self, a: &AssetPlace, b: &AssetPlace) -> Ordering {
        if self.descending { b.cmp(a) } else { a.cmp(b) }
    }
}

/// What an asset is sorted by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SortKey {
    /// Its id alone, which rises with time.
    Date,
    /// A number; -1 where it is not known.
    Number(i64),
    /// Its name as it is searched.
    Name(String),
    /// Its kind.
    Kind(AssetKind),
}

/// A place in an order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AssetPlace {
    /// What it is sorted by.
    pub key: SortKey,
    /// What breaks ties.
    pub id: AssetId,
}

impl Asset {
    /// Where it stands in a list that is sorted so.
    #[must_use]
    pub fn place(&self, by: SortBy) -> AssetPlace {
        let number =
            |value: Option<u64>| SortKey::Number(value.map_or(-1, |value| i64::try_from(value).unwrap_or(i64::MAX)));
        let key = match by {
            SortBy::Date => SortKey::Date,
            SortBy::Name => SortKey::Name(search_key(&self.name)),
            SortBy::Duration => number(self.facts.duration_ms),
            SortBy::Size => number(self.bytes),
            SortBy::Kind => SortKey::Kind(self.kind),
        };
        AssetPlace { key, id: self.id }
    }
}

/// A name as it is sorted and searched: in lower case.
#[must_use]
pub fn search_key(name: &str) -> String {
    name.to_lowercase()
}

impl AssetPlace {
    /// Reads what `Display` writes, of a list that is sorted so.
    #[must_use]
    pub fn parse(text: &str, by: SortBy) -> Option<Self> {
        let (id, key) = text.split_at_checked(ID_CHARS)?;
        let id = id.parse().ok()?;
        let (mark, key) = key.split_at_checked(1)?;
        let key = match (mark, by) {
            ("d", SortBy::Date) if key.is_empty() => SortKey::Date,
            ("n", SortBy::Duration | SortBy::Size) => SortKey::Number(key.parse().ok()?),
            ("t", SortBy::Name) => SortKey::Name(String::from_utf8(hex::decode(key).ok()?).ok()?),
            ("k", SortBy::Kind) => SortKey::Kind(AssetKind::parse(key)?),
            _ => return None,
        };
        Some(Self { key, id })
    }
}

/// A UUID with its hyphens.
const ID_CHARS: usize = 36;

impl fmt::Display for AssetPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.id)?;
        match &self.key {
            SortKey::Date => f.write_str("d"),
            SortKey::Number(number) => write!(f, "n{number}"),
            SortKey::Name(name) => write!(f, "t{}", hex::encode(name)),
            SortKey::Kind(kind) => write!(f, "k{}", kind.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{MediaId, OrgId};
    use crate::time::Timestamp;

    fn asset(n: u128, name: &str, kind: AssetKind, bytes: u64) -> Asset {
        let id = AssetId(uuid::Uuid::from_u128(n));
        Asset::uploaded(id, OrgId::new("default"), kind, name.to_owned(), MediaId(id.0), bytes, Timestamp(1))
    }

    #[test]
    fn a_place_survives_its_text_and_fits_its_order_only() {
        let all = [SortBy::Date, SortBy::Name, SortBy::Duration, SortBy::Size, SortBy::Kind];
        let asset = asset(7, "Grüße d\u{1F3A5}.mp4", AssetKind::Video, 9);
        for by in all {
            let place = asset.place(by);
            for other in all {
                let same = by == other
                    || matches!((by, other), (SortBy::Size, SortBy::Duration) | (SortBy::Duration, SortBy::Size));
                assert_eq!(
                    AssetPlace::parse(&place.to_string(), other),
                    same.then(|| place.clone()),
                    "{by:?} {other:?}"
                );
            }
        }
        for rubbish in
            ["", "x", "\u{1F3A5}", "018f2f6e-6d3a-7b6a-8c6e-0123456789abtzz", "018f2f6e-6d3a-7b6a-8c6e-0123456789ab"]
        {
            assert!(all.into_iter().all(|by| AssetPlace::parse(rubbish, by).is_none()), "{rubbish}");
        }
    }

    #[test]
    fn an_order_runs_as_its_word_says() {
        let assets = [
            asset(1, "b", AssetKind::Video, 3),
            asset(2, "C", AssetKind::Audio, 2),
            asset(3, "a", AssetKind::Image, 1),
        ];
        for (word, want) in [
            ("nameAsc", [3, 1, 2]),
            ("nameDesc", [2, 1, 3]),
            ("dateAsc", [1, 2, 3]),
            ("dateDesc", [3, 2, 1]),
            ("sizeAsc", [3, 2, 1]),
            ("sizeDesc", [1, 2, 3]),
            ("kindAsc", [2, 3, 1]),
            ("kindDesc", [1, 3, 2]),
            ("durationAsc", [1, 2, 3]),
            ("durationDesc", [3, 2, 1]),
        ] {
            let order = AssetOrder::parse(word).unwrap();
            let mut sorted = assets.to_vec();
            sorted.sort_by(|a, b| order.compare(&a.place(order.by), &b.place(order.by)));
            assert_eq!(sorted.iter().map(|a| a.id.0.as_u128()).collect::<Vec<_>>(), want, "{word}");
        }
        assert_eq!(AssetOrder::parse("newest"), None);
        assert_eq!(AssetOrder::words().count(), 10);
    }
}
