//! The extension module `spikard._native`: contents page.
