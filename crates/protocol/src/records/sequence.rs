//! Arithmetic of producer sequence numbers, which wrap from `i32::MAX` to 0 (KIP-98).

/// Numbers from 0 to `i32::MAX`.
const SEQUENCES: i64 = i32::MAX as i64 + 1;

/// `sequence + increment`, wrapping to 0 after `i32::MAX`. Both are negative in damaged batches only; then the result is
/// some number.
pub const fn increment_sequence(sequence: i32, increment: i32) -> i32 {
    let sum = sequence as i64 + increment as i64;
    (if sum > i32::MAX as i64 { sum - SEQUENCES } else { sum }) as i32
}

/// `sequence - decrement`, wrapping to `i32::MAX` below 0. Both are negative in damaged batches only; then the result is
/// some number.
pub const fn decrement_sequence(sequence: i32, decrement: i32) -> i32 {
    let difference = sequence as i64 - decrement as i64;
    (if sequence < decrement { difference + SEQUENCES } else { difference }) as i32
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

    #[test]
    fn damaged_numbers_are_survived() {
        let damaged = [i32::MIN, -5, -1, 0, i32::MAX];
        for sequence in damaged {
            for step in damaged {
                let _ = (increment_sequence(sequence, step), decrement_sequence(sequence, step));
            }
        }
    }
}
