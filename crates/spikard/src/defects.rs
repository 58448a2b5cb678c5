//! Seeded defects for the mutation gate of the fixtures: `SPIKARD_DEFECT=<name>` in builds with the feature `defects`.

/// Is the defect `name` asked for? Always `false` in ordinary builds.
#[cfg(not(feature = "defects"))]
#[inline(always)]
pub(crate) const fn defect(_name: &str) -> bool {
    false
}

/// Is the defect `name` asked for? Always `false` in ordinary builds.
#[cfg(feature = "defects")]
pub(crate) fn defect(name: &str) -> bool {
    static ASKED: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    ASKED
        .get_or_init(|| std::env::var("SPIKARD_DEFECT").ok())
        .as_deref()
        == Some(name)
}
