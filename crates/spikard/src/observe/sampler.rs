//! Which traces are recorded: as the caller decided, or a share of them. By the names that OpenTelemetry has.

/// A decision for each trace, the same in every service that decides by the same share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sampler {
    /// What the caller decided holds.
    by_parent: bool,
    /// Of 2^64 - 1 traces.
    share: u64,
}

impl Sampler {
    /// Where nobody collects: callers decide for themselves, and what begins here is not recorded.
    pub(super) const FOLLOWS: Self = Self {
        by_parent: true,
        share: 0,
    };

    /// By `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG`; `parentbased_always_on` where nothing is said.
    ///
    /// # Errors
    /// Which names and shares there are.
    pub(super) fn of(variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        const NAMES: &str = "OTEL_TRACES_SAMPLER: write always_on, always_off or traceidratio, or one of them behind parentbased_";
        let name = variable("OTEL_TRACES_SAMPLER");
        let name = name.as_deref().unwrap_or("parentbased_always_on").trim();
        let (by_parent, root) = match name.strip_prefix("parentbased_") {
            Some(root) => (true, root),
            None => (false, name),
        };
        let share = match root {
            "always_on" => u64::MAX,
            "always_off" => 0,
            "traceidratio" => share(variable("OTEL_TRACES_SAMPLER_ARG"))?,
            _ => return Err(NAMES.to_owned()),
        };
        Ok(Self { by_parent, share })
    }

    /// `caller`: what it decided, where there is one.
    pub(super) fn records(self, trace: &[u8; 16], caller: Option<bool>) -> bool {
        let [.., a, b, c, d, e, f, g, h] = *trace;
        match caller {
            Some(decided) if self.by_parent => decided,
            _ if self.share == u64::MAX => true,
            // The last bytes are the random ones, whoever made the id.
            _ => u64::from_be_bytes([a, b, c, d, e, f, g, h]) < self.share,
        }
    }
}

fn share(text: Option<String>) -> Result<u64, String> {
    let ratio = text.map_or(Ok(1.0), |text| text.trim().parse::<f64>());
    match ratio {
        // Saturates: 1 is all of them.
        Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok((ratio * 2_f64.powi(64)) as u64),
        _ => Err("OTEL_TRACES_SAMPLER_ARG: write a number from 0 to 1".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::Sampler;

    fn sampler(name: &str, share: Option<&str>) -> Result<Sampler, String> {
        Sampler::of(|variable| match variable {
            "OTEL_TRACES_SAMPLER" => Some(name.to_owned()),
            _ => share.map(str::to_owned),
        })
    }

    #[test]
    fn callers_decide_or_a_share_does() {
        // In the middle of all ids.
        let id = [0x80; 16];
        for (name, share, caller, records) in [
            ("always_on", None, Some(false), true),
            ("always_off", None, Some(true), false),
            ("parentbased_always_on", None, Some(false), false),
            ("parentbased_always_on", None, None, true),
            ("parentbased_always_off", None, Some(true), true),
            ("parentbased_always_off", None, None, false),
            ("traceidratio", Some("0.5"), Some(true), false),
            ("traceidratio", Some("0.6"), Some(false), true),
            ("parentbased_traceidratio", Some("0.5"), Some(true), true),
            ("parentbased_traceidratio", Some("0.5"), None, false),
            ("traceidratio", None, None, true),
        ] {
            let sampler = sampler(name, share).expect(name);
            assert_eq!(
                sampler.records(&id, caller),
                records,
                "{name} {share:?} {caller:?}"
            );
        }
        let all = sampler("traceidratio", Some("1")).expect("a share");
        assert!(all.records(&[0xff; 16], None));
        let none = sampler("traceidratio", Some("0")).expect("a share");
        assert!(!none.records(&[0; 16], None));
        assert_eq!(
            Sampler::of(|_| None),
            sampler("parentbased_always_on", None)
        );
    }

    #[test]
    fn other_names_and_shares_are_refused() {
        for name in ["", "sometimes", "parentbased_", "jaeger_remote"] {
            assert!(
                sampler(name, None).is_err_and(|said| said.starts_with("OTEL_TRACES_SAMPLER: "))
            );
        }
        for share in ["-0.1", "1.1", "half", "NaN"] {
            let refused = sampler("traceidratio", Some(share));
            assert!(
                refused.is_err_and(|said| said.contains("_ARG: ")),
                "{share}"
            );
        }
    }
}
