//! HTTP/1.1 on Tokio: accept, read, answer, drain. Knows the pipeline, not what is behind it.
