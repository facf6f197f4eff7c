//! A text that is known without any database and written when it is wanted, since it may be large: introspection.
//!
//! Must not know what is written, nor who sends it.

use std::fmt;
use std::sync::Arc;

use graphloom_vocab::Result;

/// Where a text begins anew, as often as it is wanted.
pub trait Text: fmt::Debug + Send + Sync {
    /// Begins it.
    fn begin(&self) -> Box<dyn Writing>;
}

/// A text that is being written.
pub trait Writing: Send {
    /// Goes on, until there is about `part_bytes` in `out`, or until it took a while. Errors are those of the field.
    fn write(&mut self, out: &mut Vec<u8>, part_bytes: usize) -> Result<Progress>;
}

/// How far a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// There is more to come; `out` may have room.
    Working,
    /// There is more to come, and `out` is full.
    Full,
    /// That was all.
    Done,
}

/// A JSON text that is written when it is wanted.
#[derive(Clone, Debug)]
pub struct Written(Arc<dyn Text>);

impl Written {
    /// Wraps a text.
    pub fn new(text: impl Text + 'static) -> Self {
        Self(Arc::new(text))
    }

    /// Begins it.
    pub fn begin(&self) -> Box<dyn Writing> {
        self.0.begin()
    }

    /// All of it at once.
    pub fn whole(&self) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        let mut writing = self.begin();
        while writing.write(&mut out, usize::MAX)? != Progress::Done {}
        Ok(out)
    }
}

/// Two texts are the same if they are one.
impl PartialEq for Written {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}
