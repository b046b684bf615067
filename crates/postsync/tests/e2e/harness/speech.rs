//! Speech of the length that a test needs, from the bundled one: a render of a second to kill in its middle, or of many.

/// The bytes of a WAV file before its samples, as the bundled file has them.
const HEAD_BYTES: usize = 44;

/// `times` times the bundled sentence, 3 s each; a quarter of one where it is 0.
pub(crate) fn speech(times: usize) -> Vec<u8> {
    let one = super::sample("arctic_a0009.wav");
    assert_eq!(&one[36..40], b"data", "a plain WAV file");
    let samples = &one[HEAD_BYTES..];
    let samples = if times == 0 { samples[..samples.len() / 8 * 2].to_vec() } else { samples.repeat(times) };
    let mut wav = one[..HEAD_BYTES].to_vec();
    let bytes = u32::try_from(samples.len()).unwrap();
    wav[4..8].copy_from_slice(&(bytes + 36).to_le_bytes());
    wav[40..44].copy_from_slice(&bytes.to_le_bytes());
    wav.extend(samples);
    wav
}
