//! Why a URL or an address is refused, in sentences for the user. The field's name is the caller's: it goes before them.
use std::net::IpAddr;

use super::{ALLOW_HTTP_SETTING, ALLOW_SETTING};
use crate::address::Special;
use crate::limits::URL_BYTES_MAX;

/// Why a URL is not taken. Each text continues a sentence that begins with the field's name, and is ASCII.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlRefused {
    /// Over [`URL_BYTES_MAX`].
    #[error("is {bytes} bytes long; at most {URL_BYTES_MAX} are taken")]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// A line end, a tab, or a space at an end: pasted with it.
    #[error("contains a line end, a tab or another control character, or a space before or after it; remove it")]
    Invisible,
    /// No URL at all, or one that readers disagree about.
    #[error("is not a URL; write it in full, like https://app.example.com/webhook")]
    Syntax,
    /// `https://a..b/`: resolvers disagree about what that is.
    #[error("names a host with nothing between two dots, or before the first one; correct it")]
    EmptyLabel,
    /// `https://%61.example/`
    #[error("names a host with a percent sign in it; write the name itself")]
    EncodedHost,
    /// No such name can be in DNS.
    #[error("names a host that no name can be: at most 253 characters, and at most 63 between two dots; correct it")]
    LongName,
    /// `ftp:`, `file:` and the like.
    #[error("has a scheme that is not taken; use https")]
    Scheme,
    /// http where it is not opened.
    #[error("is plain http; use https, or set {ALLOW_HTTP_SETTING} to open http")]
    PlainHttp,
    /// `user:password@`.
    #[error("contains a user name or password; put a token into its path or query instead")]
    UserInfo,
    /// `#...`
    #[error("contains a fragment (#...), which is never sent; remove it")]
    Fragment,
    /// A port of the system's services.
    #[error(
        "names port {port}; open are 443, all from 1024 on, and 80 with {ALLOW_HTTP_SETTING}; put the host into {ALLOW_SETTING} to open its other ports"
    )]
    Port {
        /// The port.
        port: u16,
    },
    /// A literal that is not public.
    #[error("points at {host}, {special}; set {ALLOW_SETTING} to open it")]
    Address {
        /// As it was understood, whatever its spelling.
        host: String,
        /// What it is.
        special: Special,
    },
    /// `localhost` or a name below it.
    #[error("points at {host}, a name of this machine itself (loopback); set {ALLOW_SETTING} to open it")]
    Localhost {
        /// The name.
        host: String,
    },
}

/// An answer of DNS that is neither public nor allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("resolves to {address}, {special}; set {ALLOW_SETTING} to open it")]
pub struct AddressRefused {
    /// The first that is not open.
    pub address: IpAddr,
    /// What it is.
    pub special: Special,
}
