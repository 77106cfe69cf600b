//! Arithmetic of producer sequence numbers, which wrap from `i32::MAX` to 0 (KIP-98).

/// `sequence + increment`, wrapping to 0 after `i32::MAX`. Both must not be negative.
pub const fn increment_sequence(sequence: i32, increment: i32) -> i32 {
    if sequence > i32::MAX - increment {
        increment - (i32::MAX - sequence) - 1
    } else {
        sequence.wrapping_add(increment)
    }
}

/// `sequence - decrement`, wrapping to `i32::MAX` below 0. Both must not be negative.
pub const fn decrement_sequence(sequence: i32, decrement: i32) -> i32 {
    if sequence < decrement { i32::MAX - (decrement - sequence) + 1 } else { sequence - decrement }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wraps_around_zero() {
        for (sequence, step, sum) in [
            (0, 0, 0),
            (5, 7, 12),
            (i32::MAX, 1, 0),
            (i32::MAX - 1, 3, 1),
            (i32::MAX, i32::MAX, i32::MAX - 1),
        ] {
            assert_eq!(increment_sequence(sequence, step), sum, "{sequence} + {step}");
            assert_eq!(decrement_sequence(sum, step), sequence, "{sum} - {step}");
        }
    }
}
