//! A byte queue between a socket and a sans-I/O machine.
//!
//! A driver reads straight into [`Buffer::space`] and says how much came with [`Buffer::filled`]; a machine looks at
//! [`Buffer::as_slice`] and takes bytes from the front. Bytes are moved only when the room behind them is used up, and an
//! empty queue gives its memory back when asked, so that ten thousand idle sessions cost little.

use zeroize::Zeroize as _;

/// A growable queue of bytes: filled at the back, taken from at the front.
#[derive(Debug, Default)]
pub struct Buffer {
    /// Every byte of it is initialised; only `start..end` has been filled and not yet taken.
    storage: Vec<u8>,
    start: usize,
    end: usize,
}

impl Buffer {
    /// An empty queue that owns no memory yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The bytes that wait, oldest first.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        self.storage.get(self.start..self.end).unwrap_or_default()
    }

    /// How many bytes wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.end.saturating_sub(self.start)
    }

    /// Whether no byte waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.start >= self.end
    }

    /// Puts `bytes` at the back.
    pub fn extend(&mut self, bytes: &[u8]) {
        let space = self.space(bytes.len());
        if let Some(room) = space.get_mut(..bytes.len()) {
            room.copy_from_slice(bytes);
        }
        self.filled(bytes.len());
    }

    /// Room behind the waiting bytes, at least `at_least` long, to be read into. What is in it has no meaning until
    /// [`Buffer::filled`] says that it does.
    pub fn space(&mut self, at_least: usize) -> &mut [u8] {
        if self.is_empty() {
            self.start = 0;
            self.end = 0;
        }
        if self.storage.len().saturating_sub(self.end) < at_least {
            let waiting = self.len();
            self.storage.copy_within(self.start..self.end, 0);
            self.start = 0;
            self.end = waiting;
            let wanted = waiting.saturating_add(at_least);
            if self.storage.len() < wanted {
                self.storage.resize(wanted, 0);
            }
        }
        self.storage.get_mut(self.end..).unwrap_or_default()
    }

    /// Says that the first `count` bytes of [`Buffer::space`] now hold data. More than there is room counts as all of it.
    pub fn filled(&mut self, count: usize) {
        self.end = self.end.saturating_add(count).min(self.storage.len());
    }

    /// Drops `count` bytes from the front (all, if there are fewer).
    pub fn consume(&mut self, count: usize) {
        self.start = self.start.saturating_add(count).min(self.end);
    }

    /// Drops `count` bytes from the front like [`Buffer::consume`], and overwrites all that is not waiting: they may have been a secret,
    /// and moving what waits may have left a copy behind.
    pub fn wipe(&mut self, count: usize) {
        self.consume(count);
        let (start, end) = (self.start, self.end);
        self.storage.get_mut(..start).unwrap_or_default().zeroize();
        self.storage.get_mut(end..).unwrap_or_default().zeroize();
    }

    /// Takes `count` bytes from the front (all, if there are fewer) and gives them to the caller without copying them.
    pub fn take_front(&mut self, count: usize) -> &[u8] {
        let from = self.start;
        self.consume(count);
        self.storage.get(from..self.start).unwrap_or_default()
    }

    /// Gives memory beyond `keep` bytes back, if nothing waits in it.
    pub fn shrink(&mut self, keep: usize) {
        if self.is_empty() && self.storage.len() > keep {
            self.start = 0;
            self.end = 0;
            self.storage = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bytes_read_into_the_space_wait_in_order() {
        let mut buffer = Buffer::new();
        buffer.extend(b"abc");
        let space = buffer.space(4);
        assert!(space.len() >= 4);
        space[..2].copy_from_slice(b"de");
        buffer.filled(2);
        assert_eq!(buffer.as_slice(), b"abcde");
        assert_eq!(buffer.take_front(2), b"ab");
        buffer.consume(1);
        assert_eq!(buffer.as_slice(), b"de");
        assert_eq!(buffer.take_front(99), b"de");
        assert!(buffer.is_empty());
    }

    #[test]
    fn what_was_wiped_is_nowhere_and_what_waits_is_as_it_was() {
        let mut buffer = Buffer::new();
        buffer.extend(b"NOOP\r\nc2VjcmV0\r\nNEXT");
        buffer.consume(6);
        // Moves what waits to the front, so that there are two copies.
        buffer.space(100);
        buffer.wipe(10);
        assert_eq!(buffer.as_slice(), b"NEXT");
        assert!(!buffer.storage.windows(4).any(|part| part == b"c2Vj" || part == b"jcmV"));
        buffer.extend(b"!");
        assert_eq!(buffer.as_slice(), b"NEXT!");
    }

    #[test]
    fn an_empty_queue_gives_its_memory_back() {
        let mut buffer = Buffer::new();
        buffer.extend(&[7; 10_000]);
        buffer.shrink(100);
        assert_eq!(buffer.len(), 10_000);
        buffer.consume(10_000);
        buffer.shrink(100);
        assert_eq!(buffer.storage.capacity(), 0);
    }

    proptest! {
        #[test]
        fn it_behaves_like_a_queue(steps in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..50), 0usize..60), 0..50)) {
            let mut buffer = Buffer::new();
            let mut model: Vec<u8> = Vec::new();
            for (bytes, count) in steps {
                buffer.extend(&bytes);
                model.extend(&bytes);
                prop_assert_eq!(buffer.as_slice(), model.as_slice());
                let taken: Vec<u8> = model.drain(..count.min(model.len())).collect();
                prop_assert_eq!(buffer.take_front(count), taken.as_slice());
                prop_assert_eq!(buffer.len(), model.len());
            }
        }
    }
}
