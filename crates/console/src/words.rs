//! Labels and sentences. Every text that people read about states and times is here.

pub(crate) mod time;
