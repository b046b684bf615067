//! How to mend a mistake, in the words of the framework that the receiver is written in.
//!
//! It owns the advice, not the judgement: [`VerifyError`] says what is wrong. Nobody says which framework it is, so all are named.

use crate::error::VerifyError;

/// A framework or language, and what to write in it.
pub type Mend = (&'static str, &'static str);

/// The raw bytes of the body.
const RAW_BODY: [Mend; 6] = [
    (
        "Express",
        "express.raw({type: 'application/json'}) on this route, or keep them in express.json({verify: (req, _res, raw) => { req.raw = raw }})",
    ),
    ("Next.js", "await request.text() in the route, before any request.json()"),
    ("FastAPI", "await request.body(), with Request as the parameter and no model"),
    ("Flask", "request.get_data(), before request.get_json()"),
    ("Go", "io.ReadAll(r.Body), before json.Unmarshal"),
    ("axum", "body: Bytes as the extractor, then serde_json::from_slice"),
];

/// The whole secret as the key.
const WHOLE_SECRET: [Mend; 3] = [
    ("Node", "crypto.createHmac('sha256', process.env.WEBHOOK_SECRET)"),
    ("Python", "hmac.new(os.environ['WEBHOOK_SECRET'].encode(), ..., hashlib.sha256)"),
    ("Go", "hmac.New(sha256.New, []byte(os.Getenv(\"WEBHOOK_SECRET\")))"),
];

/// The text that is signed and how its signature is written.
const SIGNED_TEXT: [Mend; 3] = [
    ("Node", "createHmac('sha256', secret).update(`${t}.`).update(rawBody).digest('hex')"),
    ("Python", "hmac.new(secret.encode(), f'{t}.'.encode() + raw_body, hashlib.sha256).hexdigest()"),
    ("Go", "mac.Write([]byte(t + \".\")); mac.Write(body); hex.EncodeToString(mac.Sum(nil))"),
];

/// The header's whole value.
const WHOLE_HEADER: [Mend; 6] = [
    ("Express", "req.get('Sync-Signature')"),
    ("Next.js", "request.headers.get('sync-signature')"),
    ("FastAPI", "request.headers['sync-signature']"),
    ("Flask", "request.headers['Sync-Signature']"),
    ("Go", "r.Header.Get(\"Sync-Signature\")"),
    ("axum", "headers.get(\"sync-signature\")"),
];

/// What to write where this went wrong; nothing where no line of code is at fault.
pub(crate) fn mends(error: &VerifyError) -> &'static [Mend] {
    match error {
        VerifyError::BodyReserialised { .. }
        | VerifyError::NewlineAdded { .. }
        | VerifyError::BodyTrimmed
        | VerifyError::BodyEncoded { .. }
        | VerifyError::BodyEmpty
        | VerifyError::BodyIncomplete { .. }
        | VerifyError::BodyNotJson { .. }
        | VerifyError::MembersSorted => &RAW_BODY,
        VerifyError::SecretDecoded | VerifyError::SecretPrefixCut | VerifyError::SecretPadded { .. } => &WHOLE_SECRET,
        VerifyError::SignedOtherwise { .. } => &SIGNED_TEXT,
        VerifyError::MalformedHeader { why, .. } if why.is_of_a_computation() => &SIGNED_TEXT,
        VerifyError::MissingHeader { .. } | VerifyError::MalformedHeader { .. } => &WHOLE_HEADER,
        VerifyError::NoSecret
        | VerifyError::SecretNotStandard
        | VerifyError::SecretNotDecoded
        | VerifyError::TimestampOutsideTolerance { .. }
        | VerifyError::OtherSecret { .. } => &[],
    }
}

/// The raw bytes, for whoever found out otherwise that they were changed.
pub(crate) fn raw_body() -> &'static [Mend] {
    &RAW_BODY
}
