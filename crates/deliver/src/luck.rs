//! Luck: numbers that differ from message to message and need no random source,
//! so that a schedule can be computed again.

/// Mixes bytes into a number (FNV-1a). Not for anything that must not be guessed.
pub(crate) fn mix(seed: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(seed ^ 0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}
